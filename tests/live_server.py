"""An OpenAI Live server of our own, written from the types of openai-python 3.52 (``types/live``).

It plays a ``tests.realtime_server.Script``, on the loopback and in the event loop of its user, and
so also in virtual time. Every client message is checked against the SDK's types, strictly.

It is full duplex as the real one: one piece of sound goes out for each 100 ms of sound that comes
in, silence included, so a client that sends nothing hears nothing. It answers when it has heard
speech and then silence, stops when it is talked over, and refuses a ``response.create`` before
every call has its answer. It is no independent witness; aimock is (``tests/contract/test_live``).
"""

import asyncio
import base64
import json
import logging
import math
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, get_args

import numpy as np
from openai.types.live import ClientEvent
from openai.types.responses.response_input_item import FunctionCallOutput, Message
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.realtime_server import Ask, Refusal, Reply, Script
from tests.realtime_server.check import _check, _tag
from tests.realtime_server.plan import CHARACTERS_PER_S
from tests.realtime_server.server import WRONG_KEY

KEY = "sk-live-test"
PATH = "/v1/live/sessions"
TICK_S = 0.1

_quiet = logging.getLogger(__name__)
_quiet.setLevel(logging.CRITICAL)

_EVENTS = {_tag(model): model for model in get_args(get_args(ClientEvent)[0])}
for _model in (*_EVENTS.values(), FunctionCallOutput, Message):
    _model.model_rebuild()


@dataclass(frozen=True)
class Spoilt:
    """What goes wrong."""

    start_error: dict[str, Any] | None = None
    """Instead of ``session.started``."""

    never_starts: bool = False
    form: dict[str, Any] | None = None
    """The format that ``session.started`` shows."""

    after: int = 0
    """Pieces of voice before one of these happens."""

    close: tuple[int, str] | None = None
    closed: str | None = None
    """A reason: ``session.closed``, and then 1000."""

    stop: bool = False
    """Nothing more comes."""

    junk: tuple[str | bytes, ...] = ()
    error: dict[str, Any] | None = None
    mute: bool = False
    """The voice never speaks."""

    deaf_s: float = 0.0
    """So long it goes on to speak when it is talked over."""

    answer_s: float = 0.5
    """Silence after which it answers."""

    murmur: str = ""
    """It says this while the user speaks."""

    work_fails: dict[str, Any] | None = None
    """The error of the model behind, instead of what it should do."""

    tick_at_connect: bool = False
    """A short noise, as the real one makes."""


@dataclass
class LiveServer:
    """The server, in the event loop of whoever made it."""

    script: Script
    spoilt: Spoilt
    port: int = 0
    sessions: "list[LiveSession]" = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    shown: list[dict[str, str]] = field(default_factory=list)
    replies: int = 0
    turns: int = 0
    server: Server | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"ws://127.0.0.1:{self.port}{PATH}"

    @property
    def headers(self) -> dict[str, str]:
        """What a client must show."""
        return {"Authorization": f"Bearer {KEY}"}

    @property
    def session(self) -> "LiveSession":
        """The latest client."""
        return self.sessions[-1]

    def next_reply(self) -> Reply:
        """Return what is said next."""
        self.replies += 1
        if self.replies <= len(self.script.replies):
            return self.script.replies[self.replies - 1]
        return self.script.otherwise(Ask(b"", (), {}))

    async def let_in(self, _socket: ServerConnection, request: Request) -> Response | None:
        """Take a handshake, or refuse it."""
        self.paths.append(request.path)
        self.shown.append(dict(request.headers.raw_items()))
        await asyncio.sleep(self.script.handshake_s)
        if self.script.refusal is not None:
            return _refused(self.script.refusal)
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return None if KEY in (key, request.headers.get("api-key")) else _refused(WRONG_KEY)

    async def serve(self, socket: ServerConnection) -> None:
        """Serve a client."""
        session = LiveSession(self, socket)
        self.sessions.append(session)
        try:
            async for text in socket:
                await session.take(text)
        except ConnectionClosed:
            pass
        finally:
            session.gone = True


@dataclass
class _Piece:
    pcm: bytes
    text: str = ""


class LiveSession:
    """The server's side of one connection.

    Attributes:
        received: Every client event, without the sound.
        pcm: All sound that came in while it was not muted.
        outputs: What calls were answered with, in order of the first answer.
        comments: What the voice was told to speak of.
        notes: What was appended to its instructions.
        settings: The object of ``session.start``.
        interrupted: How often it was talked over.
    """

    def __init__(self, server: LiveServer, socket: ServerConnection) -> None:
        self._server = server
        self._spoilt = server.spoilt
        self._socket = socket
        self.received: list[dict[str, Any]] = []
        self.pcm = bytearray()
        self.outputs: dict[str, str] = {}
        self.pictures = 0
        self.comments: list[str] = []
        self.notes: list[str] = []
        self.settings: dict[str, Any] = {}
        self.rate = 16_000
        self.muted = False
        self.gone = False
        self.interrupted = 0
        self.ticks = 0
        self._stopped = False
        self._buffer = bytearray()
        self._voice: deque[_Piece] = deque()
        self._agenda: list[tuple[int, Callable[[], Awaitable[None]]]] = []
        self._calls: set[str] = set()
        self._running = False
        self._loud = self._quiet = 0.0
        self._deaf = 0.0
        self._voiced = self._count = 0
        self._handlers: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {
            "session.start": self._on_start,
            "session.input_audio.append": self._on_append,
            "session.input_audio.mute": self._on_mute,
            "session.input_audio.unmute": self._on_unmute,
            "session.instructions.append": self._on_note,
            "session.commentary.append": self._on_comment,
            "response.item.create": self._on_item,
            "response.create": self._on_create,
            "session.update": self._on_update,
            "session.close": self._on_close,
        }

    def kinds(self) -> list[str]:
        """Return the types of what came, without the sound."""
        return [each["type"] for each in self.received]

    # -- what the client says ---------------------------------------------------------------

    async def take(self, text: str | bytes) -> None:
        """Take a message."""
        event = json.loads(text)
        kind = event.get("type")
        model = _EVENTS.get(kind)
        wrong = [f"{kind!r} is no client event"] if model is None else []
        wrong += _check(model, event, str(kind)) if model is not None else []
        if kind != "session.start" and not self.settings:
            wrong.append(f"{kind} before session.start")
        self._server.violations += wrong
        if kind != "session.input_audio.append":
            self.received.append(event)
        await self._handlers[kind](event)

    async def send(self, kind: str, **fields: object) -> None:
        """Let something go out now."""
        if self._stopped:
            return
        await self.raw(json.dumps({"type": kind, "event_id": self._id("event"), **fields}))

    async def raw(self, data: str | bytes) -> None:
        """Let something go out that need be no event."""
        try:
            await self._socket.send(data)
        except ConnectionClosed:
            self.gone = True

    async def _on_start(self, event: dict[str, Any]) -> None:
        self.settings = event["session"]
        self.rate = self.settings["audio"]["format"]["rate"]
        await asyncio.sleep(self._server.script.updated_s)
        if self._spoilt.start_error is not None:
            error = {"client_event_id": event.get("event_id"), **self._spoilt.start_error}
            await self.send("error", error=error)
            return
        if self._spoilt.never_starts:
            return
        await self.send("session.started", session=self._resource())
        if self._spoilt.tick_at_connect:
            self._voice.append(_Piece(_tone(0.1, self.rate, level=0.01)))

    def _resource(self) -> dict[str, Any]:
        form = self._spoilt.form or self.settings["audio"]["format"]
        audio = {**self.settings["audio"], "format": form}
        extra = {"id": "live_1", "expires_at": 2_000_000_000, "status": "active", "audio": audio}
        return {**self.settings, **extra}

    async def _on_append(self, event: dict[str, Any]) -> None:
        pcm = base64.b64decode(event["audio"], validate=True)
        if self.muted:
            pcm = bytes(len(pcm))
        else:
            self.pcm += pcm
        self._buffer += pcm
        size = round(TICK_S * self.rate) * 2
        while len(self._buffer) >= size and not self.gone:
            piece = bytes(self._buffer[:size])
            del self._buffer[:size]
            await self._tick(piece)

    async def _on_mute(self, _event: dict[str, Any]) -> None:
        self.muted = True
        await self.send("session.input_audio.muted")

    async def _on_unmute(self, _event: dict[str, Any]) -> None:
        self.muted = False
        await self.send("session.input_audio.unmuted")

    async def _on_note(self, event: dict[str, Any]) -> None:
        self.notes.append(event["content"])
        await self.send("session.instructions.appended", start_ms=self._ms, end_ms=self._ms)

    async def _on_comment(self, event: dict[str, Any]) -> None:
        self.comments.append(event["content"])
        await self.send("session.commentary.appended", start_ms=self._ms, end_ms=self._ms)
        reply = self._server.next_reply()
        self._later(reply.first_audio_s, lambda: self._answer(reply))

    async def _on_item(self, event: dict[str, Any]) -> None:
        item = event["item"]
        model = FunctionCallOutput if item.get("type") == "function_call_output" else Message
        self._server.violations += _check(model, item, "item")
        if model is Message:
            self.pictures += 1
            return
        call = item["call_id"]
        if call not in self._calls:
            self._server.violations.append(f"an output for {call}, which is not open")
        self._calls.discard(call)
        self.outputs[call] = item["output"]

    async def _on_create(self, event: dict[str, Any]) -> None:
        if self._calls or self._running:
            self._server.violations.append("response.create before every call has its answer")
            error = {"code": "pending_function_calls", "type": "invalid_request_error"}
            error |= {"message": "no", "client_event_id": event.get("event_id", "")}
            await self.send("error", error=error)
            return
        reply = self._server.next_reply()
        self._running = True
        await self._behind("response.created", response={"id": "resp"})
        self._later(reply.first_event_s, lambda: self._answer(reply, delegated=True))

    async def _on_update(self, event: dict[str, Any]) -> None:
        changed = event["session"]["delegation"]["responses"]
        self.settings["delegation"]["responses"] |= changed
        await self.send("session.updated", session=self._resource())

    async def _on_close(self, _event: dict[str, Any]) -> None:
        await self._close("close_requested")

    async def _close(self, reason: str) -> None:
        usage = {"seconds": self.ticks * TICK_S}
        await self.send("session.closed", reason=reason, session=self._resource(), usage=usage)
        await self._socket.close(1000)
        self.gone = True

    # -- the model --------------------------------------------------------------------------

    @property
    def _ms(self) -> int:
        return round(self.ticks * TICK_S * 1000)

    def _id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"

    def _later(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        self._agenda.append((self.ticks + math.ceil(seconds / TICK_S), act))

    async def _tick(self, heard: bytes) -> None:
        self.ticks += 1
        due = [act for at, act in self._agenda if at <= self.ticks]
        self._agenda = [(at, act) for at, act in self._agenda if at > self.ticks]
        for act in due:
            await act()
        await self._hear(heard)
        await self._speak()
        if self.ticks % 10 == 0:
            await self.send("session.usage.updated", usage={"seconds": self.ticks * TICK_S})

    async def _hear(self, pcm: bytes) -> None:
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
        if float(np.sqrt(np.mean(samples**2))) > 100.0:
            self._loud += TICK_S
            self._quiet = 0.0
            if self._loud >= 0.2 - 1e-6:
                await self._noticed()
        elif self._loud:
            self._quiet += TICK_S
            if self._quiet >= self._spoilt.answer_s - 1e-6:
                self._loud = 0.0
                await self._answer_turn()

    async def _noticed(self) -> None:
        """Somebody speaks."""
        if 0.2 - 1e-6 <= self._loud < 0.3 - 1e-6:
            await self._heard(self._words()[:1])
            if self._spoilt.murmur and not self._voice:
                self._say(Reply(self._spoilt.murmur))
                return
        if self._voice and not self._spoilt.murmur:
            self._deaf += TICK_S
            if self._deaf > self._spoilt.deaf_s:
                self._voice.clear()
                self._deaf = 0.0
                self.interrupted += 1

    def _words(self) -> list[str]:
        script = self._server.script
        known = self._server.turns < len(script.heard)
        text = script.heard[self._server.turns] if known else script.heard_else
        words = text.split(" ")
        return [words[0], *(f" {word}" for word in words[1:])]

    async def _heard(self, words: list[str]) -> None:
        for word in words:
            place = {"start_ms": self._ms, "end_ms": self._ms + 50}
            await self.send("session.input_transcript.delta", delta=word, **place)

    async def _answer_turn(self) -> None:
        await self._heard(self._words()[1:])
        self._server.turns += 1
        reply = self._server.next_reply()
        self._later(reply.first_event_s, lambda: self._answer(reply))

    async def _answer(self, reply: Reply, *, delegated: bool = False) -> None:
        failed = self._spoilt.work_fails
        if failed is not None and (delegated or reply.calls):
            await self._behind("response.created", response={"id": "resp"})
            await self._behind("response.failed", response={"id": "resp", "error": failed})
            return
        if reply.calls and not reply.calls_first:
            self._say(reply)
        if reply.calls:
            await self._call(reply, delegated=delegated)
            return
        if delegated:
            for piece in reply.text.split(" "):
                await self._behind("response.output_text.delta", delta=piece)
            usage = {
                "input_tokens": 900,
                "output_tokens": 20,
                "total_tokens": 920,
                "input_tokens_details": {"cached_tokens": 800},
            }
            self._running = False
            await self._behind("response.completed", response={"id": "resp", "usage": usage})
        self._later(reply.first_audio_s, lambda: self._say_later(reply))

    async def _say_later(self, reply: Reply) -> None:
        self._say(reply)

    async def _call(self, reply: Reply, *, delegated: bool) -> None:
        if not delegated:
            made = {"id": "delegation_1", "target": "responses", "type": "delegation"}
            await self.send("session.delegation.created", delegation=made, offset_ms=self._ms)
            await self._behind("response.created", response={"id": "resp"})
        for call in reply.calls:
            item = {"type": "function_call", "call_id": call.id or self._id("call")}
            item |= {"name": call.name, "arguments": call.arguments, "status": "completed"}
            self._calls.add(item["call_id"])
            await self._behind("response.output_item.done", item={"id": "fc", **item})
        self._running = False
        await self._behind("response.completed", response={"id": "resp"})

    async def _behind(self, kind: str, **fields: object) -> None:
        event = {"type": kind, "sequence_number": 0, **fields}
        await self.send("response.event", delegation_id="delegation_1", event=event)

    def _say(self, reply: Reply) -> None:
        if self._spoilt.mute or not reply.text:
            return
        sound = sound_at(reply, self.rate)
        size = round(TICK_S * self.rate) * 2
        pieces = [sound[begin : begin + size] for begin in range(0, len(sound), size)]
        letters = math.ceil(len(reply.text) / max(1, len(pieces)))
        for index, piece in enumerate(pieces):
            text = reply.text[index * letters : (index + 1) * letters]
            self._voice.append(_Piece(piece.ljust(size, b"\0"), text))

    async def _speak(self) -> None:
        if self._voice:
            self._voiced += 1
            if self._voiced > self._spoilt.after:
                await self._go_wrong()
        piece = self._voice.popleft() if self._voice else _Piece(b"")
        if piece.text:
            place = {"start_ms": self._ms, "end_ms": self._ms + 100}
            await self.send("session.output_transcript.delta", delta=piece.text, **place)
        pcm = piece.pcm or bytes(round(TICK_S * self.rate) * 2)
        delta = base64.b64encode(pcm).decode()
        if not self._stopped and not self.gone:
            await self.raw(json.dumps({"type": "session.output_audio.delta", "delta": delta}))

    async def _go_wrong(self) -> None:
        spoilt = self._spoilt
        for junk in spoilt.junk:
            await self.raw(junk)
        if spoilt.error is not None:
            await self.send("error", error=spoilt.error)
        if spoilt.stop:
            self._stopped = True
        if spoilt.closed is not None:
            await self._close(spoilt.closed)
        if spoilt.close is not None:
            await self._socket.close(*spoilt.close)
            self.gone = True


def _tone(seconds: float, rate: int, *, level: float = 0.2) -> bytes:
    at = np.arange(round(seconds * rate)) / rate
    edges = np.minimum(1.0, np.minimum(at, at[::-1]) / 0.005) if len(at) else at
    return (32767 * level * edges * np.sin(2 * math.pi * 440 * at)).astype("<i2").tobytes()


def sound_at(reply: Reply, rate: int) -> bytes:
    """Return what a reply sounds like, at the rate of the session."""
    if not reply.pcm:
        return _tone(len(reply.text) / CHARACTERS_PER_S, rate)
    given = np.frombuffer(reply.pcm, dtype="<i2")
    places = np.arange(len(given) * rate // 24_000) * 24_000 / rate
    return bytes(np.interp(places, np.arange(len(given)), given).astype("<i2").tobytes())


def _refused(refusal: Refusal) -> Response:
    error = {"message": refusal.message, "type": refusal.type, "code": refusal.code, "param": None}
    body = json.dumps({"error": error}).encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body))})
    headers["Connection"] = "close"
    for name, value in refusal.headers.items():
        headers[name] = value
    return Response(refusal.status, HTTPStatus(refusal.status).phrase, headers, body)


@asynccontextmanager
async def serving(
    script: Script | None = None, *, spoilt: Spoilt | None = None
) -> AsyncIterator[LiveServer]:
    """Run a server in this event loop.

    Raises:
        AssertionError: At the end, if a client did what it must not do.
    """
    made = LiveServer(script or Script(), spoilt or Spoilt())
    server = await serve(
        made.serve,
        "127.0.0.1",
        None,
        process_request=made.let_in,
        compression=None,
        ping_interval=None,
        close_timeout=0.5,
        logger=_quiet,
        open_timeout=None,
    )
    made.server = server
    made.port = next(iter(server.sockets)).getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()
    assert not made.violations, made.violations
