"""Voices of OpenAI, and of every server with its ``/audio/speech`` (extra ``cloud``).

One request for each sentence; the next one is made while the first is heard. After OpenAI's SDK
3.52 (``types/audio/speech_create_params.py``), Kokoro-FastAPI, speaches and LocalAI.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from appliance.backend.prompting.persona import Persona
from appliance.backend.socket.client import limits
from appliance.backend.tts import settings
from appliance.backend.tts.sound import Decoder
from appliance.backend.tts.speaker import Speaker
from appliance.backend.tts.text import TRIAL, parts, speakable
from appliance.backend.web.address import WebAddress
from appliance.backend.web.client import Service
from appliance.config import Config, vendors
from appliance.config.lacking import own_server
from appliance.errors import BackendError, ProtocolViolation
from appliance.events import Usage
from appliance.units import SampleRate

USUAL: Final = "https://api.openai.com/v1"

MODEL: Final = vendors.SPEAKING
"""Of OpenAI's own; it ends on 2027-01-06, as all of its speech models do (SDK 3.52)."""

OWN_MODEL: Final = "tts-1"
"""Of other servers: the name that most of them take for whatever they have."""

VOICE: Final = "coral"
OWN_VOICE: Final = "alloy"

RATE: Final = SampleRate(24_000)
"""Of its PCM; a server that sends WAV says its own."""

AT_ONCE: Final = 2
"""Sentences that are asked for: the one that is heard, and the next."""

MOST_KEPT: Final = 60 * RATE * 2
"""Bytes of one sentence that wait to be taken; then the service must wait."""

_PATH: Final = "/audio/speech"
_CUSTOM: Final = "voice_"  # how the names of one's own voices begin


@dataclass(slots=True)
class _Sentence:
    """One sentence on its way to be sound."""

    text: str
    sound: deque[bytes] = field(default_factory=deque)
    length: int = 0
    """Bytes that came."""

    over: bool = False
    failed: BackendError | None = None
    room: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Reply:
    """One reply."""

    sentences: deque[_Sentence] = field(default_factory=deque)
    """What is to be heard, in order."""

    heard: bool = False
    """One of them is over."""

    changed: asyncio.Event = field(default_factory=asyncio.Event)
    ahead: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))


class OpenAiSpeech:
    """``pipeline.parts.TextToSpeech`` over HTTP. One reply at a time.

    Args:
        service: Where to ask.
        request: What is asked for each sentence, but for the sentence.
        speaker: Whose speech it is.
    """

    def __init__(self, service: Service, request: Mapping[str, object], speaker: Speaker) -> None:
        self._service = service
        self._request = request
        self._speaker = speaker

    @property
    def title(self) -> str:
        """What it is, for the timeline."""
        return self._speaker.title

    @property
    def rate(self) -> SampleRate:
        """Of its sound."""
        return RATE

    async def warm(self) -> None:
        """Connect ahead; never raises."""
        await self._service.warm()

    async def probe(self) -> str:
        """Have next to nothing spoken, and say how long its first sound took.

        Raises:
            BackendError: It will not have us, or cannot be reached.
        """
        now = asyncio.get_running_loop().time
        begun = now()
        async with aclosing(
            self._service.sound(_PATH, {**self._request, "input": TRIAL})
        ) as sound:
            decoder = Decoder(RATE)
            async for piece in sound:
                if decoder.feed(piece):
                    return f"first sound after {now() - begun:.2f} s"
            decoder.finish()
        raise ProtocolViolation("the voice service gave no sound")

    async def close(self) -> None:
        """Close every connection; idempotent."""
        await self._service.close()

    async def speak(self, sentences: AsyncIterator[str]) -> AsyncGenerator[bytes | Usage, None]:
        """Yield sound of sentences as they come, and what it costs.

        Raises:
            BackendError: It cannot, or not any more; what was yielded before was said.
        """
        reply = _Reply()
        work = asyncio.get_running_loop().create_task(self._work(reply, sentences), name="tts")
        work.add_done_callback(lambda _: reply.changed.set())
        silent = True
        try:
            while (sentence := await self._first(reply, work)) is not None:
                while (piece := await self._next(reply, work, sentence)) is not None:
                    silent = False
                    yield piece
                if (usage := self._cost(sentence)) is not None:
                    yield usage
                reply.heard = True
                reply.sentences.popleft()
                reply.ahead.release()
            if silent and reply.heard:
                raise ProtocolViolation("the voice service gave no sound")
        finally:
            work.cancel()
            await asyncio.wait((work,))

    async def _work(self, reply: _Reply, sentences: AsyncIterator[str]) -> None:
        """Take sentences as they come, and have them asked for."""
        waiting: asyncio.Queue[_Sentence | None] = asyncio.Queue()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._ask_all(waiting, reply, group), name="tts.ask")
                async for sentence in sentences:
                    for part in parts(speakable(sentence)):
                        if part:
                            reply.sentences.append(_Sentence(part))
                            waiting.put_nowait(reply.sentences[-1])
                            reply.changed.set()
                waiting.put_nowait(None)
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def _ask_all(
        self, waiting: asyncio.Queue[_Sentence | None], reply: _Reply, group: asyncio.TaskGroup
    ) -> None:
        """Ask for sentences in order, a few at once."""
        while (sentence := await waiting.get()) is not None:
            await reply.ahead.acquire()
            group.create_task(self._ask(sentence, reply), name="tts.sentence")

    async def _ask(self, sentence: _Sentence, reply: _Reply) -> None:
        """Ask for one sentence, and keep its sound."""
        decoder = Decoder(RATE)
        request = {**self._request, "input": sentence.text}
        try:
            asked = self._service.sound(_PATH, request, told=decoder.believe)
            async with aclosing(asked) as sound:
                async for piece in sound:
                    await self._keep(sentence, reply, decoder.feed(piece))
            await self._keep(sentence, reply, decoder.finish())
        except BackendError as error:
            sentence.failed = error  # told once all before it was heard
        sentence.over = True
        reply.changed.set()

    async def _keep(self, sentence: _Sentence, reply: _Reply, pcm: bytes) -> None:
        if not pcm:
            return
        sentence.sound.append(pcm)
        sentence.length += len(pcm)
        reply.changed.set()
        while sum(map(len, sentence.sound)) > MOST_KEPT:
            sentence.room.clear()
            await sentence.room.wait()

    async def _first(self, reply: _Reply, work: asyncio.Task[None]) -> _Sentence | None:
        """Return the sentence that is to be heard now; ``None``: there are no more."""
        while not reply.sentences:
            if work.done():
                work.result()
                return None
            reply.changed.clear()
            await reply.changed.wait()
        return reply.sentences[0]

    async def _next(
        self, reply: _Reply, work: asyncio.Task[None], sentence: _Sentence
    ) -> bytes | None:
        """Return the next piece of a sentence; ``None``: it is over."""
        while not sentence.sound:
            if sentence.failed is not None:
                raise sentence.failed
            if sentence.over:
                return None
            if work.done():  # only by an error, of whoever gives the sentences
                work.result()
            reply.changed.clear()
            await reply.changed.wait()
        sentence.room.set()
        return sentence.sound.popleft()

    def _cost(self, sentence: _Sentence) -> Usage | None:
        characters = len(sentence.text) if sentence.length else 0
        return self._speaker.usage(characters, sentence.length / 2 / RATE)


def text_to_speech(config: Config, persona: Persona) -> OpenAiSpeech:
    """Return a voice of OpenAI's, or of a server with the same interface.

    Raises:
        BackendRefused: There is no key, or the address is wrong.
    """
    part = config.pipeline.tts
    own = own_server(part.url)
    model = part.model or (OWN_MODEL if own else MODEL)
    voice = settings.voice(config, persona) or (OWN_VOICE if own else VOICE)
    request: dict[str, object] = {
        "model": model,
        "voice": {"id": voice} if voice.startswith(_CUSTOM) and not own else voice,
        "response_format": "pcm",
    }
    if part.instructions:
        request["instructions"] = part.instructions
    if part.speed is not None:
        request["speed"] = part.speed
    speaker = Speaker(f"openai {model}", model, free=settings.free(config))
    patience = limits(config)
    service = Service(address(config), connect=patience.connect, stall=patience.stall)
    return OpenAiSpeech(service, request, speaker)


def address(config: Config) -> WebAddress:
    """Return where it is asked, with the key."""
    key = settings.key(config)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return WebAddress(settings.root(config, USUAL), headers, section=settings.SECTION)
