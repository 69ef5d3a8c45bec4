"""The rules of ElevenLabs' text-to-speech WebSocket with many contexts. Pure.

After its SDK 2.78.0 (``types/websocket_tts_client_message_multi.py`` and its like) and
elevenlabs.io/docs, the guide to and the reference of ``multi-stream-input``, read 2026-11-22.
"""

import re
from typing import Final

from appliance.backend.socket import reading
from appliance.backend.socket.reading import Message
from appliance.backend.tts.contexts import MOST_RUNNING, Context, Contexts
from appliance.backend.tts.rules import Heard
from appliance.backend.web.endings import refused
from appliance.errors import (
    BackendError,
    BackendStalled,
    BackendUnavailable,
    ProtocolViolation,
)
from appliance.units import SampleRate, Seconds

SECTION: Final = "pipeline.tts"

RATE: Final = SampleRate(24_000)

_WORDS: Final = (
    (re.compile(r"quota|credits?\b", re.IGNORECASE), "quota_exceeded"),
    (re.compile(r"\bvoice\b.*\b(not|no)\b", re.IGNORECASE | re.DOTALL), "voice_not_found"),
    (re.compile(r"\bmodel\b.*\b(not|no)\b", re.IGNORECASE | re.DOTALL), "invalid_model_id"),
    (re.compile(r"api[ _-]?key|unauthori[sz]ed", re.IGNORECASE), "invalid_api_key"),
    (re.compile(r"unusual activity", re.IGNORECASE), "detected_unusual_activity"),
)
"""What it means where there is no code, or none that is known; only these codes are passed on."""

_BUSY: Final = frozenset(
    {"max_active_conversations", "too_many_concurrent_requests", "system_busy"}
)


class ElevenLabsRules:
    """``rules.Rules`` of ElevenLabs: one context for a reply, every sentence flushed.

    A context that is closed before it speaks may never do so (pipecat issue 5271, 2026-08): ours
    is closed once its first sound has come.
    """

    def __init__(self, prefix: str, speed: float | None = None) -> None:
        self._opening = {} if speed is None else {"voice_settings": {"speed": speed}}
        self._contexts = Contexts(prefix, RATE)
        self._finished = False
        self._closing = False  # it was said that the current context is at its end

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
        """Whether too many contexts go on."""
        return self._contexts.running >= MOST_RUNNING

    def begin(self) -> None:
        """Begin a reply."""
        self._contexts.drop()
        self._finished = self._closing = False

    def say(self, sentence: str, now: Seconds) -> tuple[str, ...]:
        """Return what to send for a sentence."""
        opened = self._contexts.current
        context = opened or self._contexts.open(now)
        context.asked = now
        spoken = _message(context, text=f"{sentence} ", flush=True)
        return (spoken,) if opened else (self._open(context), spoken)

    def finish(self, now: Seconds) -> tuple[str, ...]:  # noqa: ARG002 - as every one
        """Return what to send after the last sentence."""
        self._finished = True
        return self._close()

    def cancel(self) -> tuple[str, ...]:
        """Return what stops the reply."""
        context, closing = self._contexts.current, self._closing
        self._contexts.drop()
        self._finished = self._closing = True
        return () if context is None or closing else (_message(context, close_context=True),)

    def beat(self) -> tuple[str, ...]:
        """Return what sets the clock of the vendor back, which ends a silent context."""
        context = self._contexts.current
        return () if context is None or self._closing else (_message(context, text=""),)

    def receive(self, message: str | bytes, now: Seconds) -> Heard:
        """Take a message."""
        said = reading.parse(message)
        if said is None:
            raise ProtocolViolation("the voice service sends what is no JSON")
        name = reading.text_of(said, "contextId") or reading.text_of(said, "context_id")
        if "error" in said or "message" in said:
            self._fail(name, said)
            return Heard(self._contexts.end(name))
        sound = self._hear(name, said, now) if said.get("audio") else b""
        send = self._close() if sound and self._finished else ()
        if said.get("isFinal") is True or said.get("is_final") is True:
            sound += self._contexts.end(name)
        return Heard(sound, send)

    def expire(self) -> None:
        """Take note that what is owed has not come."""
        raise BackendStalled("the voice service has fallen silent")

    def closed(self, code: int, reason: str) -> BackendError | None:  # noqa: ARG002 - as every one
        """Read the reason, which is a sentence."""
        return _meant(reason)

    def _open(self, context: Context) -> str:
        return _message(context, text=" ", **self._opening)

    def _close(self) -> tuple[str, ...]:
        context = self._contexts.current
        if context is None or context.heard is None or self._closing:
            return ()
        self._closing = True
        return (_message(context, close_context=True),)

    def _hear(self, name: str, said: Message, now: Seconds) -> bytes:
        context = self._contexts.find(name)
        if context is None:
            return b""
        data = reading.decoded(said, "audio")
        if data is None:
            raise ProtocolViolation("the voice service sends sound that cannot be read")
        return self._contexts.hear(context, data, now)

    def _fail(self, name: str, said: Message) -> None:
        """Raise what an error means, unless it is about what is over anyway."""
        if name and self._contexts.find(name) is None:
            return
        code = reading.text_of(said, "error")
        if code in _BUSY:
            raise BackendUnavailable(f"the voice service is busy ({code})")
        known = refused({"code": code}, SECTION) or refused(said, SECTION)
        if known is None:
            known = _meant(f"{code} {reading.text_of(said, 'message')}")
        raise known or BackendUnavailable("the voice service broke off with an error")


def _meant(words: str) -> BackendError | None:
    for pattern, code in _WORDS:
        if pattern.search(words):
            return refused({"code": code}, SECTION)
    return None


def _message(context: Context, **fields: object) -> str:
    return reading.dump({**fields, "context_id": context.name})
