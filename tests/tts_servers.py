"""Voices of services, scripted: Cartesia's and ElevenLabs' WebSockets, on the loopback.

Written from the vendors' SDKs and guides (see ``appliance.backend.tts``); each message of a client
is checked against the SDK's types, and against what the guides forbid. What a sentence sounds like
is ``pcm_of``, so that a test can say what must be heard, to the byte. They run in the event loop
of their user, and so in virtual time.
"""

import asyncio
import base64
import json
import logging
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import numpy as np
from cartesia.types.generation_request import GenerationRequest
from cartesia.types.websocket_client_event import CancelContextRequest
from elevenlabs.types import (
    CloseContext,
    InitializeConnectionMulti,
    KeepContextAlive,
    SendTextMulti,
)
from pydantic import BaseModel, ValidationError
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

RATE = 24_000
KEY = "sk-voice-0123456789"

_quiet = logging.getLogger(__name__)
_quiet.setLevel(logging.CRITICAL)


def pcm_of(text: str, *, char_s: float = 0.02) -> bytes:
    """Return what a sentence sounds like: soft noise that is always the same."""
    dice = np.random.default_rng(zlib.crc32(text.strip().encode()))
    samples = dice.integers(-900, 900, round(len(text.strip()) * char_s * RATE))
    return samples.astype("<i2").tobytes()


@dataclass(frozen=True)
class Refusal:
    """How the handshake is refused."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Manners:
    """What a server does, and how it fails."""

    first_s: float = 0.25
    """From a sentence to its first sound."""

    pace: float = 5.0
    """How many times faster than it is heard sound is sent."""

    char_s: float = 0.02
    piece: int = 4_801
    """Bytes of a piece; odd ones cut samples in two."""

    prefix: bytes = b""
    """What comes before the sound of a context."""

    mute: bool = False
    """Contexts end without a sound."""

    late: int = 0
    """Pieces that still come after a context was cancelled."""

    refusal: Refusal | None = None
    fault: str = ""
    """``abort``, ``silence``, or a text that is sent; after ``fault_after`` pieces."""

    fault_after: int = 1
    close: tuple[int, str] | None = None
    """The connection is closed so after the fault."""

    stranger: bool = False
    """Sound of a context that nobody opened comes before the first piece."""


class Voice:
    """A server of one vendor's; ``manners`` may be exchanged at any time.

    Attributes:
        said: Every sentence that it was given, by context, in order.
        cancelled: Contexts that were cancelled.
        connections: How many there were.
        violations: What clients did that they must not do.
    """

    path = "/"
    header = ("authorization", f"Bearer {KEY}")

    def __init__(self, manners: Manners) -> None:
        self.manners = manners
        self.said: list[tuple[str, str]] = []
        self.received: list[dict[str, Any]] = []
        self.cancelled: list[str] = []
        self.connections = 0
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.violations: list[str] = []
        self.sockets: set[ServerConnection] = set()
        self.pieces = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.said]

    async def let_in(self, _: ServerConnection, request: Request) -> Response | None:
        self.paths.append(request.path)
        self.headers.append({name.lower(): value for name, value in request.headers.raw_items()})
        refusal = self.manners.refusal
        name, shown = self.header
        if refusal is None and request.headers.get(name) == shown:
            return None
        refusal = refusal or Refusal(401, {"error_code": "invalid_api_key", "message": shown})
        body = json.dumps(refusal.body).encode()
        headers = Headers({"Content-Length": str(len(body)), "Connection": "close"})
        headers.update(refusal.headers)
        return Response(refusal.status, HTTPStatus(refusal.status).phrase, headers, body)

    async def serve(self, socket: ServerConnection) -> None:
        self.connections += 1
        self.sockets.add(socket)
        try:
            async with asyncio.TaskGroup() as group:
                await self.talk(socket, group)
                for task in group._tasks:  # what still speaks has nobody to hear it
                    task.cancel()
        except* ConnectionClosed:
            pass
        finally:
            self.sockets.discard(socket)

    async def talk(self, socket: ServerConnection, group: asyncio.TaskGroup) -> None:
        raise NotImplementedError

    async def speak(self, socket: ServerConnection, context: "Speaking", text: str) -> None:
        """Send the sound of a sentence, until the context is cancelled."""
        manners = self.manners
        await asyncio.sleep(manners.first_s)
        if manners.mute:
            return
        sound = pcm_of(text, char_s=manners.char_s)
        if not context.sounded:
            sound = manners.prefix + sound
        context.sounded = True
        if manners.stranger:
            await socket.send(self.chunk("nobody", b"\1\2" * 500))
        late = manners.late
        for at in range(0, len(sound), manners.piece):
            if context.cancelled:
                late -= 1
                if late < 0:
                    return
            await self.spoil(socket)
            piece = sound[at : at + manners.piece]
            await socket.send(self.chunk(context.name, piece))
            self.pieces += 1
            await asyncio.sleep(len(piece) / 2 / RATE / manners.pace)

    async def spoil(self, socket: ServerConnection) -> None:
        manners = self.manners
        if not manners.fault or self.pieces < manners.fault_after:
            return
        if manners.fault == "abort":
            socket.transport.abort()
        elif manners.fault != "silence":
            await socket.send(manners.fault)
            if manners.close is not None:
                await socket.close(*manners.close)
        await asyncio.Event().wait()

    def chunk(self, context: str, piece: bytes) -> str:
        raise NotImplementedError


class Speaking:
    """One context: its sentences, one after the other."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.queue: asyncio.Queue[str | None] = asyncio.Queue()
        self.sounded = self.cancelled = self.closed = self.over = False


class CartesiaVoice(Voice):
    """Cartesia's ``/tts/websocket``."""

    path = "/tts/websocket"

    async def talk(self, socket: ServerConnection, group: asyncio.TaskGroup) -> None:
        contexts: dict[str, Speaking] = {}
        async for message in socket:
            said = json.loads(message)
            self.received.append(said)
            if said.get("cancel"):
                self._check(CancelContextRequest, said)
                self.cancelled.append(said["context_id"])
                if (context := contexts.get(said["context_id"])) is not None:
                    context.cancelled = True
                    context.queue.put_nowait(None)
                continue
            self._check(GenerationRequest, said)
            name = said["context_id"]
            context = contexts.get(name)
            if context is None:
                context = contexts[name] = Speaking(name)
                group.create_task(self._run(socket, context))
            elif context.closed:
                await socket.send(self.error(name, 400, "context_expired"))
                continue
            if said["transcript"]:
                if not said["transcript"].endswith(" "):
                    self.violations.append("sentences run into one another")
                self.said.append((name, said["transcript"].strip()))
                context.queue.put_nowait(said["transcript"])
            if not said["continue"]:
                context.queue.put_nowait(None)

    async def _run(self, socket: ServerConnection, context: Speaking) -> None:
        with suppress(ConnectionClosed):
            while True:
                try:  # a context ends by itself one second after its last sound
                    async with asyncio.timeout(1.0 if context.sounded else None):
                        text = await context.queue.get()
                except TimeoutError:
                    text = None
                if text is None:
                    break
                await self.speak(socket, context, text)
            context.closed = True
            done = {"type": "done", "context_id": context.name, "done": True, "status_code": 200}
            await socket.send(json.dumps(done))

    def chunk(self, context: str, piece: bytes) -> str:
        data = base64.b64encode(piece).decode()
        named = {"type": "chunk", "context_id": context, "data": data}
        return json.dumps({**named, "done": False, "status_code": 206, "step_time": 1.0})

    @staticmethod
    def error(context: str | None, status: int, code: str | None) -> str:
        named = {} if context is None else {"context_id": context}
        said = {"type": "error", "done": True, "status_code": status, "error_code": code}
        return json.dumps({**said, **named, "title": "No", "message": f"No: {KEY}"})

    def _check(self, model: type[Any], said: dict[str, Any]) -> None:
        try:
            model.model_validate(said)
        except ValidationError as error:
            self.violations.append(str(error))
        names = {each.alias or name for name, each in model.model_fields.items()}
        self.violations += [f"unknown: {name}" for name in said.keys() - names]


class ElevenLabsVoice(Voice):
    """ElevenLabs' ``multi-stream-input``."""

    header = ("xi-api-key", KEY)
    most = 5

    async def talk(self, socket: ServerConnection, group: asyncio.TaskGroup) -> None:
        contexts: dict[str, Speaking] = {}
        async for message in socket:
            said = json.loads(message)
            self.received.append(said)
            name = said.get("context_id", "")
            context = contexts.get(name)
            self._check(said, new=context is None)
            if context is not None and context.closed:
                continue
            if said.get("close_context"):
                self.cancelled.append(name)
                if context is not None and context.sounded:
                    context.closed = True
                    context.queue.put_nowait(None)
                continue
            if context is None:
                if len([each for each in contexts.values() if not each.over]) >= self.most:
                    self.violations.append("too many contexts")
                    await socket.close(1008, "Maximum simultaneous contexts exceeded (5).")
                    return
                context = contexts[name] = Speaking(name)
                group.create_task(self._run(socket, context))
            if said["text"].strip():
                self.said.append((name, said["text"].strip()))
                context.queue.put_nowait(said["text"])

    async def _run(self, socket: ServerConnection, context: Speaking) -> None:
        with suppress(ConnectionClosed):
            while (text := await context.queue.get()) is not None:
                await self.speak(socket, context, text)  # what is flushed goes on, closed or not
            context.over = True
            await socket.send(json.dumps({"isFinal": True, "contextId": context.name}))

    def chunk(self, context: str, piece: bytes) -> str:
        data = base64.b64encode(piece).decode()
        return json.dumps({"audio": data, "contextId": context, "isFinal": None})

    def _check(self, said: dict[str, Any], *, new: bool) -> None:
        model: type[BaseModel] = SendTextMulti
        if said.get("close_context"):
            model = CloseContext
        elif new:
            model = InitializeConnectionMulti
        elif not said.get("text"):
            model = KeepContextAlive
        elif not said["text"].endswith(" "):
            self.violations.append("the text does not end with a space")
        try:
            model.model_validate(said)
        except ValidationError as error:
            self.violations.append(f"{said}: {error}")
        self.violations += [f"unknown: {name}" for name in said.keys() - model.model_fields.keys()]


@asynccontextmanager
async def serving(voice: Voice) -> AsyncIterator[Voice]:
    """Run a server in this event loop.

    Raises:
        AssertionError: At the end, if a client did what it must not do.
    """
    server: Server = await serve(
        voice.serve,
        "127.0.0.1",
        None,
        process_request=voice.let_in,
        compression=None,
        ping_interval=None,
        close_timeout=0.5,
        logger=_quiet,
        open_timeout=None,
    )
    voice.port = next(iter(server.sockets)).getsockname()[1]
    try:
        yield voice
    finally:
        server.close()
        for socket in list(voice.sockets):
            socket.transport.abort()
        await server.wait_closed()
    assert not voice.violations, voice.violations
