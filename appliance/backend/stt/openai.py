"""OpenAI, and every server with its ``/audio/transcriptions`` (extra ``cloud``).

speaches, LocalAI, vLLM, whisper.cpp's server and others have it. They are given a turn as a file:
all of it so far once the user seems to have finished, so that the answer is there, or nearly, when
the box is certain; once more if the user goes on.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import aclosing
from typing import Final

from appliance.backend.socket.reading import objects_of, text_of
from appliance.backend.stt import asking, form
from appliance.backend.stt.rules import SECTION
from appliance.backend.web.address import WebAddress
from appliance.backend.web.client import Service, Upload
from appliance.config import Config, vendors
from appliance.errors import BackendRefused, BackendUnavailable
from appliance.events import Usage
from appliance.frames import RATE, Frame
from appliance.units import Seconds

URL: Final = "https://api.openai.com/v1"

MODEL: Final = "gpt-transcribe"
"""Where ``pipeline.stt.model`` is empty."""

OWN_MODEL: Final = "whisper-1"
"""Of other servers: the name that most of them take for whatever they have."""

SHORTEST: Final = RATE // 10
"""Samples; OpenAI refuses what is shorter, and nothing is said in it."""

_PATH: Final = "/audio/transcriptions"


class UploadedTurn:
    """The sound of one turn: ``pipeline.parts.Recognition``."""

    def __init__(self, server: "Transcriptions", longest: Seconds) -> None:
        self._server = server
        self._left = round(longest * RATE)  # samples that it may have yet
        self._sound = bytearray()
        self._ahead: asyncio.Task[str] | None = None
        self._over = False
        self._billed = 0.0

    @property
    def usage(self) -> Usage | None:
        """The length of all sound that was sent; a question that is taken back may be billed."""
        if not (self._over and self._billed):
            return None
        return Usage(self._server.model, audio_s=Seconds(self._billed), free=self._server.free)

    async def hear(self, frame: Frame) -> None:
        """Take a frame; what is too much for one turn is left out."""
        if not self._sound:
            self._server.warm_up()
        samples = frame.samples[: self._left]
        self._left -= len(samples)
        self._sound += samples.astype("<i2", copy=False).tobytes()

    def expect_end(self) -> None:
        """Have what was said so far written down."""
        self._take_back()
        if not self._over and len(self._sound) // 2 >= SHORTEST:
            self._ahead = self._server.begin(self._write(bytes(self._sound)))

    async def finish(self, *, as_expected: bool) -> str:
        """Return what was said.

        Raises:
            BackendError: The service does not serve.
        """
        if self._over:
            return ""
        try:
            if self._ahead is None or not as_expected:
                self.expect_end()
            return "" if self._ahead is None else await self._ahead
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise BackendUnavailable("the session is over") from None  # ``close`` took it back
        finally:
            await self.drop()

    async def drop(self) -> None:
        """Forget it."""
        self._take_back()
        self._over = True
        self._sound.clear()

    def _take_back(self) -> None:
        if self._ahead is not None:
            self._ahead.cancel()
            self._ahead = None

    async def _write(self, sound: bytes) -> str:
        length = len(sound) / 2 / RATE
        self._billed += length
        answer = await self._server.ask(sound)
        if answer.seconds:
            self._billed += answer.seconds - length
        return answer.text


class Transcriptions:
    """A server with OpenAI's interface: ``pipeline.parts.SpeechToText``.

    Args:
        service: Where to ask.
        fields: What is asked, but for the sound.
        longest: Sound of one turn; what comes after it is left out.
        free: The server is our own, and costs nothing.
    """

    def __init__(
        self,
        service: Service,
        fields: Mapping[str, str | list[str]],
        longest: Seconds,
        *,
        free: bool = False,
    ) -> None:
        self._service = service
        self._fields = fields
        self._longest = longest
        self.free = free
        self._tasks: set[asyncio.Task[str]] = set()
        self._warming: asyncio.Task[None] | None = None

    @property
    def title(self) -> str:
        """What it is, for the timeline."""
        return f"{self.model} at {self._service.host}"

    @property
    def model(self) -> str:
        """Which one, for billing, too."""
        return str(self._fields["model"])

    def listen(self) -> UploadedTurn:
        """Begin with a turn."""
        return UploadedTurn(self, self._longest)

    async def warm(self) -> None:
        """Connect ahead; never raises."""
        await self._service.warm()

    async def probe(self) -> str:
        """Ask which models there are.

        Raises:
            BackendError: It will not have us, cannot be reached, or has no such model.
        """
        try:
            listed = await self._service.get("/models")
        except BackendRefused as error:
            if error.reason != "not_found":
                raise
            return "it answers, and does not say which models it has"  # whisper.cpp's server
        names = {text_of(entry, "id") for entry in objects_of(listed, "data")}
        if not names:
            return "it answers, and does not say which models it has"
        if self.model in names:
            return f"{self.model} is there"
        if self.model == OWN_MODEL:
            return f"it answers; {self.model} is not among its models, which may not matter"
        raise BackendRefused("model_not_found", f"set {SECTION}.model to one that the server has")

    async def close(self) -> None:
        """Take back what was asked, and close every connection."""
        warming = [] if self._warming is None else [self._warming]
        tasks: list[asyncio.Task[str] | asyncio.Task[None]] = [*self._tasks, *warming]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._service.close()

    def warm_up(self) -> None:
        """Have a connection opened; nobody waits for it."""
        if self._warming is None or self._warming.done():
            loop = asyncio.get_running_loop()
            self._warming = loop.create_task(self.warm(), name="stt warms up")

    def begin(self, asked: Coroutine[object, object, str]) -> asyncio.Task[str]:
        """Begin to ask; ``close`` ends it."""
        task = asyncio.get_running_loop().create_task(asked, name="speech to text")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def ask(self, sound: bytes) -> form.Answer:
        """Have sound written down; signed 16-bit little-endian mono at 16 kHz.

        Raises:
            BackendError: The service does not serve.
        """
        file = Upload("file", "turn.wav", "audio/wav", form.wav(sound))
        answer = form.Answer()
        if "stream" not in self._fields:
            answer.take(await self._service.upload(_PATH, self._fields, file))
            return answer
        told = self._service.upload_events(_PATH, self._fields, file, last=(form.DONE,))
        async with aclosing(told) as events:
            async for _, message in events:
                answer.take(message)
        return answer


def speech_to_text(config: Config) -> Transcriptions:
    """Return OpenAI or another server, as the settings say; call it on the event loop."""
    limits = asking.limits(config)
    service = Service(address(config), connect=limits.connect, stall=limits.stall)
    own = not _is_openais(config)
    model = config.pipeline.stt.model or (OWN_MODEL if own else MODEL)
    words = asking.keywords(config)
    asked = form.fields(model, asking.language(config), words, stream=not own)
    return Transcriptions(service, asked, limits.longest, free=asking.free(config))


def address(config: Config) -> WebAddress:
    """Return where to ask."""
    url = config.pipeline.stt.url or URL
    key = asking.key(config, "openai")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if key and vendors.host(url).endswith(".azure.com"):
        headers = {"api-key": key}
    return WebAddress(url, headers, vendors.host(url), SECTION)


def _is_openais(config: Config) -> bool:
    return vendors.host(config.pipeline.stt.url or URL).endswith(".openai.com")
