"""An agent of ElevenLabs of our own, written from the client of elevenlabs 2.78.0.

It plays a ``tests.realtime_server.Script``, on the loopback and in the event loop of its user, and
so also in virtual time. It finds the end of a turn as the real one must: by silence behind sound,
in the sound that it is given. The settings are checked against the SDK's types; the other messages
against what the SDK's client sends (it has no types for them).

It is no independent witness; the SDK's own client is (``tests/contract/test_elevenlabs.py``).
"""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import soxr
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.elevenlabs_check import problems
from tests.realtime_server import Ask, Reply, Script
from tests.realtime_server.plan import sound_of

KEY = "xi-test-key"
AGENT = "agent_1"
RATE = 16_000
SILENCE_S = 0.5
"""Behind sound, this much ends a turn."""

_quiet = logging.getLogger(__name__)
_quiet.setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Spoilt:
    """What goes wrong, or is otherwise."""

    begin_close: tuple[int, str] | None = None
    """Instead of the metadata."""

    output: str = "pcm_16000"
    input: str = "pcm_16000"
    first_message: str = ""
    """The agent speaks first."""

    completes: bool = True
    """``agent_response_complete``; older agents have none."""

    text_first: bool = True
    """``agent_response`` before the first sound, or behind it."""

    after: int = 0
    """Pieces of a reply before one of these happens."""

    close: tuple[int, str] | None = None
    junk: tuple[str | bytes, ...] = ()
    error: dict[str, Any] | None = None
    deaf: bool = False
    """It never finds an end."""

    speaks_up_s: float | None = None
    """After so much time with nothing to do it asks whether somebody is there, once."""

    pings_s: float | None = None
    allows: frozenset[str] = frozenset()
    """Overrides."""


@dataclass
class AgentSession:
    """One client."""

    socket: ServerConnection
    received: list[dict[str, Any]] = field(default_factory=list)
    turns: list[bytes] = field(default_factory=list)
    """The sound of each turn as found, without the silence that ended it."""

    results: list[dict[str, Any]] = field(default_factory=list)
    context: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    pongs: list[int] = field(default_factory=list)
    pcm: bytearray = field(default_factory=bytearray)
    silent: int = 0
    playing: asyncio.Task[None] | None = None
    open_calls: set[str] = field(default_factory=set)
    event: int = 0
    told: int = 0
    heard_s: float = 0.0
    """Of sound and silence together."""


class AgentServer:
    """It listens, lets clients in, and plays the script."""

    def __init__(self, script: Script, spoilt: Spoilt) -> None:
        self.script = script
        self.spoilt = spoilt
        self.sessions: list[AgentSession] = []
        self.violations: list[str] = []
        self.paths: list[str] = []
        self.open_to_all = False  # a public agent: no key is asked for
        self.port = 0
        self._server: Server | None = None
        self._replies = 0
        self._calls = 0

    @property
    def url(self) -> str:
        """Where it is, for ``elevenlabs.url``."""
        return f"ws://127.0.0.1:{self.port}/v1/convai"

    @property
    def session(self) -> AgentSession:
        """The latest client."""
        return self.sessions[-1]

    async def start(self) -> None:
        """Listen."""
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._let_in,
            compression=None,
            max_size=32 << 20,
            ping_interval=None,
            close_timeout=0.5,
            logger=_quiet,
            open_timeout=None,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """End everything."""
        if self._server is not None:
            self._server.close(close_connections=False)
            for socket in list(self._server.handlers):
                socket.transport.abort()
            await self._server.wait_closed()

    async def _let_in(self, _socket: ServerConnection, request: Request) -> Response | None:
        self.paths.append(request.path)
        await asyncio.sleep(self.script.handshake_s)
        parts = urlsplit(request.path)
        if (refusal := self.script.refusal) is not None:
            return _refused(refusal.status, refusal.message)
        if not self.open_to_all and request.headers.get("xi-api-key") != KEY:
            return _refused(401, "Invalid API key")
        if parts.path != "/v1/convai/conversation":
            return _refused(404, "Not Found")
        if parse_qs(parts.query).get("agent_id") != [AGENT]:
            return _refused(404, "agent_not_found")
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        session = AgentSession(socket)
        self.sessions.append(session)
        try:
            async with asyncio.TaskGroup() as group:
                pings = group.create_task(self._ping(session))
                try:
                    async for raw in socket:
                        await self._receive(session, json.loads(raw), group)
                finally:
                    pings.cancel()
                    if session.playing is not None:
                        session.playing.cancel()
        except BaseExceptionGroup as failed:
            _, others = failed.split(ConnectionClosed)
            if others is not None:
                self.violations.append(f"the server broke: {others.exceptions!r}")

    async def _ping(self, session: AgentSession) -> None:
        number = 0
        while self.spoilt.pings_s is not None:
            number += 1
            event = {"event_id": number, "ping_ms": 20}
            await self._say(session, "ping", ping_event=event)
            await asyncio.sleep(self.spoilt.pings_s)

    # -- what comes ----------------------------------------------------------------------------

    async def _receive(
        self, session: AgentSession, message: dict[str, Any], group: asyncio.TaskGroup
    ) -> None:
        self.violations += problems(message, first=not session.received)
        if "user_audio_chunk" not in message:
            session.received.append(message)
        match message.get("type"):
            case "conversation_initiation_client_data":
                await self._begin(session, group)
            case "pong":
                session.pongs.append(message["event_id"])
            case "client_tool_result":
                self._answered(session, message, group)
            case "contextual_update":
                session.context.append(message["text"])
            case "user_message":
                session.messages.append(message["text"])
                await self._interrupt(session)
                self._play(session, group, b"")
            case None:
                pcm = base64.b64decode(message["user_audio_chunk"], validate=True)
                await self._hear(session, pcm, group)
            case _:
                pass

    async def _begin(self, session: AgentSession, group: asyncio.TaskGroup) -> None:
        await asyncio.sleep(self.script.updated_s)
        closing = self.spoilt.begin_close
        for wanted in _overridden(session.received[0]):
            if wanted not in self.spoilt.allows:
                closing = (1008, f"Override for field '{wanted}' is not allowed by config.")
        if closing is not None:
            await session.socket.close(*closing)
            return
        kind = "conversation_initiation_metadata"
        event = {
            "conversation_id": "conv_1",
            "agent_output_audio_format": self.spoilt.output,
            "user_input_audio_format": self.spoilt.input,
        }
        await self._say(session, kind, **{f"{kind}_event": event})
        if self.spoilt.first_message:
            first = Reply(self.spoilt.first_message)
            session.playing = group.create_task(self._reply(session, first))

    async def _hear(self, session: AgentSession, pcm: bytes, group: asyncio.TaskGroup) -> None:
        """Find speech, and its end: half a second in which there is nothing at all."""
        session.heard_s += len(pcm) / 2 / RATE
        loud = bool(np.abs(np.frombuffer(pcm, "<i2")).max(initial=0) > 300)
        if loud:
            if not session.pcm:
                await self._interrupt(session)
            session.pcm += bytes(session.silent) + pcm
            session.silent = 0
        elif session.pcm:
            session.silent += len(pcm)
            if session.silent / 2 / RATE >= SILENCE_S - 1e-9 and not self.spoilt.deaf:
                turn = bytes(session.pcm)
                session.turns.append(turn)
                session.pcm.clear()
                session.silent = 0
                self._play(session, group, turn)

    def _play(self, session: AgentSession, group: asyncio.TaskGroup, pcm: bytes) -> None:
        session.playing = group.create_task(self._answer_turn(session, pcm))

    async def _interrupt(self, session: AgentSession) -> None:
        playing, session.playing = session.playing, None
        if playing is not None and not playing.done():
            playing.cancel()
            session.open_calls.clear()
            event = {"event_id": session.event}
            await self._say(session, "interruption", interruption_event=event)

    def _answered(
        self, session: AgentSession, result: dict[str, Any], group: asyncio.TaskGroup
    ) -> None:
        call = result["tool_call_id"]
        if any(known["tool_call_id"] == call for known in session.results):
            self.violations.append(f"{call} was answered twice")
        session.results.append(result)
        waited = call in session.open_calls
        session.open_calls.discard(call)
        if waited and not session.open_calls:
            if session.playing is not None:
                session.playing.cancel()
            session.playing = group.create_task(self._reply(session, self._next(b"")))

    # -- what goes out -------------------------------------------------------------------------

    async def _say(self, session: AgentSession, kind: str, **more: object) -> None:
        await session.socket.send(json.dumps({"type": kind, **more}))

    def _next(self, pcm: bytes) -> Reply:
        self._replies += 1
        if self._replies <= len(self.script.replies):
            return self.script.replies[self._replies - 1]
        return self.script.otherwise(Ask(pcm, (), {}))

    async def _answer_turn(self, session: AgentSession, pcm: bytes) -> None:
        if pcm:
            await asyncio.sleep(self.script.transcript_s)
            heard = self.script.heard
            text = heard[session.told] if session.told < len(heard) else self.script.heard_else
            session.told += 1
            event = {"user_transcript": text}
            await self._say(session, "user_transcript", user_transcription_event=event)
        await self._reply(session, self._next(pcm))
        if (wait := self.spoilt.speaks_up_s) is not None:
            await asyncio.sleep(wait)
            await self._reply(session, Reply("Are you still there?"))

    async def _reply(self, session: AgentSession, reply: Reply) -> None:
        await asyncio.sleep(reply.first_event_s + reply.first_audio_s)
        if reply.calls_first:
            await self._call(session, reply)
        if reply.text or reply.pcm:
            await self._speak(session, reply)
        if not reply.calls_first:
            await self._call(session, reply)
        if self.spoilt.completes:
            await self._say(session, "agent_response_complete")

    async def _speak(self, session: AgentSession, reply: Reply) -> None:
        rate = int(self.spoilt.output.removeprefix("pcm_").removeprefix("ulaw_"))
        sound = resampled(sound_of(reply), rate)
        size = round(reply.piece_s * rate) * 2
        tell = self._text_of(session, reply)
        if self.spoilt.text_first:
            await tell()
        pieces = [sound[begin : begin + size] for begin in range(0, len(sound), size)]
        for index, piece in enumerate(pieces):
            if index == self.spoilt.after:
                await self._spoil(session)
            session.event += 1
            audio = {"audio_base_64": base64.b64encode(piece).decode(), "event_id": session.event}
            await self._say(session, "audio", audio_event=audio)
            if index == 0 and not self.spoilt.text_first:
                await tell()
            await self._say(session, "vad_score", vad_score_event={"vad_score": 0.01})
            await asyncio.sleep(len(piece) / 2 / rate / reply.pace)

    def _text_of(self, session: AgentSession, reply: Reply) -> Callable[[], Any]:
        event = {"agent_response": reply.text}
        return lambda: self._say(session, "agent_response", agent_response_event=event)

    async def _spoil(self, session: AgentSession) -> None:
        for message in self.spoilt.junk:
            await session.socket.send(message)
        if self.spoilt.error is not None:
            await session.socket.send(json.dumps(self.spoilt.error))
        if self.spoilt.close is not None:
            await session.socket.close(*self.spoilt.close)
            await asyncio.Event().wait()

    async def _call(self, session: AgentSession, reply: Reply) -> None:
        for call in reply.calls:
            self._calls += 1
            name = call.id or f"toolu_{self._calls}"
            session.open_calls.add(name)
            try:
                parameters = json.loads(call.arguments)
            except ValueError:
                parameters = call.arguments
            asked = {"tool_name": call.name, "tool_call_id": name, "parameters": parameters}
            await self._say(session, "client_tool_call", client_tool_call=asked)
        if reply.calls:
            await asyncio.Event().wait()  # until they are answered, or the user speaks


def resampled(pcm: bytes, rate: int) -> bytes:
    """Return sound of 24 kHz at another rate, as it is sent."""
    sound = np.frombuffer(pcm, "<i2").astype(np.float32)
    made = soxr.resample(sound, 24_000, rate) if rate != 24_000 else sound
    return np.clip(made, -32768, 32767).astype("<i2").tobytes()


def _overridden(initiation: dict[str, Any]) -> list[str]:
    override = initiation["conversation_config_override"]
    agent = list(override.get("agent", {}))
    return [*agent, *(["voice"] if "voice_id" in override.get("tts", {}) else [])]


def _refused(status: int, message: str) -> Response:
    text = json.dumps({"detail": {"status": "refused", "message": message}}).encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(text))})
    headers["Connection"] = "close"
    return Response(status, HTTPStatus(status).phrase, headers, text)


@asynccontextmanager
async def serving_agent(
    script: Script | None = None, spoilt: Spoilt | None = None
) -> AsyncIterator[AgentServer]:
    """Run a server in this event loop.

    Raises:
        AssertionError: At the end, if a client did what it must not do.
    """
    server = AgentServer(script or Script(), spoilt or Spoilt())
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
    assert not server.violations, server.violations
