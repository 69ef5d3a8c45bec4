"""A server of our own with OpenAI's ``/audio/speech``, scripted, on the loopback.

Requests are checked against the types of OpenAI's SDK. It runs in the event loop of its user, and
so in virtual time. Spoilt by ``Manners``.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from openai.types.audio.speech_create_params import SpeechCreateParams
from pydantic import TypeAdapter, ValidationError

from tests.tts_servers import KEY, RATE, pcm_of

_SPEECH = TypeAdapter(SpeechCreateParams)


@dataclass(frozen=True)
class Refusal:
    """An answer that is none."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Manners:
    """What a server does, and how it fails."""

    first_s: float = 0.25
    pace: float = 5.0
    """How many times faster than it is heard sound is sent."""

    piece: int = 4_801
    kind: str = "audio/pcm"
    sound: Callable[[str], bytes] = pcm_of
    """From a sentence to the whole body."""

    rate: int = RATE
    """Of the sound, for the pace."""

    refusal: Refusal | None = None
    refuses: int = 0
    """Which request is refused; 0 is the first."""

    stops_after: int | None = None
    """Bytes of an answer after which the connection is gone."""

    falls_silent: bool = False
    """It stays instead, and says nothing more."""


class SpeechServer:
    """The server.

    Attributes:
        asked: The body of every request, in order.
        began: When each began, on the clock of the loop.
        most: How many were answered at once.
        gone: Answers whose client hung up.
    """

    def __init__(self, manners: Manners) -> None:
        self.manners = manners
        self.asked: list[dict[str, Any]] = []
        self.began: list[float] = []
        self.running = self.most = self.gone = self.connections = 0
        self.violations: list[str] = []
        self.port = 0
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def texts(self) -> list[str]:
        return [body["input"] for body in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                pairs = (line.split(": ", 1) for line in head[1:] if line)
                headers = {name.lower(): value for name, value in pairs}
                length = int(headers.get("content-length", "0"))
                body = await reader.readexactly(length)
                if head[0].startswith("HEAD"):
                    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                    continue
                self._check(head[0], headers, body)
                await self._answer(headers, writer)
        self._open.discard(writer)
        writer.close()

    def abort(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    def _check(self, line: str, headers: Mapping[str, str], body: bytes) -> None:
        if line != "POST /v1/audio/speech HTTP/1.1":
            self.violations.append(line)
        asked = json.loads(body)
        try:
            _SPEECH.validate_python(asked)
        except ValidationError as error:
            self.violations.append(str(error))
        unknown = asked.keys() - SpeechCreateParams.__annotations__.keys()
        self.violations += [f"unknown: {name}" for name in unknown]
        if headers.get("content-type") != "application/json":
            self.violations.append("no content type")
        self.asked.append(asked)
        self.began.append(asyncio.get_running_loop().time())

    async def _answer(self, headers: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        manners, number = self.manners, len(self.asked) - 1
        refusal = manners.refusal if number >= manners.refuses else None
        if refusal is None and headers.get("authorization") != f"Bearer {KEY}":
            error = {"message": f"Incorrect API key: {KEY}", "code": "invalid_api_key"}
            refusal = Refusal(401, {"error": {**error, "type": "invalid_request_error"}})
        if refusal is not None:
            _refuse(writer, refusal)
            return
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self._speak(writer, manners.sound(self.asked[number]["input"]))
        except (ConnectionError, asyncio.CancelledError):
            self.gone += 1
            raise
        finally:
            self.running -= 1

    async def _speak(self, writer: asyncio.StreamWriter, sound: bytes) -> None:
        manners = self.manners
        await asyncio.sleep(manners.first_s)
        kind = f"Content-Type: {manners.kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(f"HTTP/1.1 200 OK\r\n{kind}".encode())
        for at in range(0, len(sound), manners.piece):
            if manners.stops_after is not None and at >= manners.stops_after:
                if not manners.falls_silent:
                    writer.transport.abort()
                await asyncio.Event().wait()
            piece = sound[at : at + manners.piece]
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
            await asyncio.sleep(len(piece) / 2 / manners.rate / manners.pace)
            if writer.is_closing():
                raise ConnectionResetError
        writer.write(b"0\r\n\r\n")
        await writer.drain()


def _refuse(writer: asyncio.StreamWriter, refusal: Refusal) -> None:
    body = json.dumps(refusal.body).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = [f"{name}: {value}" for name, value in {**headers, **refusal.headers}.items()]
    status = f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}"
    writer.write("\r\n".join([status, *lines, "", ""]).encode() + body)


@asynccontextmanager
async def serving(manners: Manners | None = None) -> AsyncIterator[SpeechServer]:
    """Run a server in this event loop.

    Raises:
        AssertionError: At the end, if a client did what it must not do.
    """
    speech = SpeechServer(manners or Manners())
    running: set[asyncio.Task[None]] = set()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        with suppress(asyncio.CancelledError):  # of ours, below
            await speech.serve(reader, writer)

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    speech.port = server.sockets[0].getsockname()[1]
    try:
        yield speech
    finally:
        server.close()
        speech.abort()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await server.wait_closed()
    assert not speech.violations, speech.violations
