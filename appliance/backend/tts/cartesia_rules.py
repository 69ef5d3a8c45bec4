"""The rules of Cartesia's text-to-speech WebSocket. Pure.

After its SDK 4.2.0 (``types/generation_request.py``, ``websocket_response.py``; version 2026-08-14
of the interface) and docs.cartesia.ai (TTS WebSocket, API errors), read 2026-11-22.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from appliance.backend.socket import reading
from appliance.backend.socket.reading import Message
from appliance.backend.tts.contexts import Contexts
from appliance.backend.tts.rules import Heard
from appliance.backend.web.endings import refused, turned_away
from appliance.errors import BackendError, BackendStalled, ProtocolViolation
from appliance.units import SampleRate, Seconds

SECTION: Final = "pipeline.tts"

RATE: Final = SampleRate(24_000)

EXPIRES: Final = Seconds(0.7)
"""After so much silence a context takes no more text: the vendor ends it one second after its last
sound, and our sentence is on its way for a while."""


@dataclass(frozen=True, slots=True)
class Voicing:
    """How it is to be spoken: the same in every message of a context."""

    model: str
    voice: str
    language: str
    speed: float | None = None


class CartesiaRules:
    """``rules.Rules`` of Cartesia.

    Sentences are whole, so nothing is kept back for more context (``max_buffer_delay_ms`` 0), and
    are parts of one context, so that the voice goes on rather than begin again.
    """

    def __init__(self, voicing: Voicing, prefix: str) -> None:
        self._voicing = voicing
        self._contexts = Contexts(prefix, RATE)
        self._finished = False

    @property
    def rate(self) -> SampleRate:
        """Of the sound."""
        return RATE

    @property
    def complete(self) -> bool:
        """Whether all is there."""
        return self._finished and self._contexts.last is None

    @property
    def owed(self) -> bool:
        """Whether sound, or the end of it, must come."""
        last = self._contexts.last
        waits = last is not None and (last.heard is None or last.heard < last.asked)
        return waits or (self._finished and last is not None)

    @property
    def worn(self) -> bool:
        """Never: what was cancelled costs nothing more."""
        return False

    def begin(self) -> None:
        """Begin a reply."""
        self._contexts.drop()
        self._finished = False

    def say(self, sentence: str, now: Seconds) -> tuple[str, ...]:
        """Return what to send for a sentence."""
        context = self._contexts.current
        if context is not None and context.since(now) > EXPIRES:
            context.left = True
            context = None
        context = context or self._contexts.open(now)
        context.asked = now
        # texts are put together as they are: without the space two sentences would be one
        return (self._request(context.name, f"{sentence} ", more=True),)

    def finish(self, now: Seconds) -> tuple[str, ...]:
        """Return what to send after the last sentence."""
        self._finished = True
        context = self._contexts.current
        if context is None:
            return ()
        if context.since(now) > EXPIRES:
            context.left = True
        return (self._request(context.name, "", more=False),)

    def cancel(self) -> tuple[str, ...]:
        """Return what stops the reply."""
        names = self._contexts.drop()
        self._finished = True
        return tuple(reading.dump({"context_id": name, "cancel": True}) for name in names)

    def beat(self) -> tuple[str, ...]:
        """Nothing keeps a context open but text."""
        return ()

    def receive(self, message: str | bytes, now: Seconds) -> Heard:
        """Take a message."""
        said = reading.parse(message)
        if said is None:
            raise ProtocolViolation("the voice service sends what is no JSON")
        name = reading.text_of(said, "context_id")
        match reading.text_of(said, "type"):
            case "chunk":
                return Heard(self._hear(name, said, now))
            case "done":
                return Heard(self._contexts.end(name))
            case "error":
                return Heard(self._fail(name, said))
            case _:  # timestamps, flush_done, and what may come with a later version
                return Heard()

    def expire(self) -> None:
        """Take note that what is owed has not come."""
        last = self._contexts.last
        if self._finished and last is not None and last.left:  # over before we said so
            self._contexts.drop()
            return
        raise BackendStalled("the voice service has fallen silent")

    def closed(self, code: int, reason: str) -> BackendError | None:  # noqa: ARG002 - as every one
        """The codes are the usual ones."""
        return None

    def _hear(self, name: str, said: Message, now: Seconds) -> bytes:
        context = self._contexts.find(name)
        if context is None:
            return b""
        data = reading.decoded(said, "data")
        if data is None:
            raise ProtocolViolation("the voice service sends sound that cannot be read")
        return self._contexts.hear(context, data, now)

    def _fail(self, name: str, said: Message) -> bytes:
        """Take an error: of the reply, of the connection, or of what is over anyway."""
        context = self._contexts.find(name)
        if name and (context is None or context.left):
            return self._contexts.end(name)
        status = int(reading.number_of(said, "status_code"))
        if (known := refused(said, SECTION)) is not None:
            raise known
        known_status = status if status >= HTTPStatus.BAD_REQUEST else 500
        raise turned_away(known_status, {}, reading.dump(said).encode(), SECTION)

    def _request(self, context: str, transcript: str, *, more: bool) -> str:
        voicing = self._voicing
        settings: dict[str, object] = {"language": voicing.language} if voicing.language else {}
        if voicing.speed is not None:
            settings["generation_config"] = {"speed": voicing.speed}
        return reading.dump({
            "context_id": context,
            "model_id": voicing.model,
            "transcript": transcript,
            "voice": {"mode": "id", "id": voicing.voice},
            "output_format": {
                "container": "raw",
                "encoding": "pcm_s16le",
                "sample_rate": RATE,
            },
            "continue": more,
            "max_buffer_delay_ms": 0,
            **settings,
        })  # fmt: skip
