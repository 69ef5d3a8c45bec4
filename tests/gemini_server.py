"""A Gemini Live server of our own, written from the types and the client of google-genai 3.4.0.

It plays a ``tests.realtime_server.Script``, on the loopback and in the event loop of its user, and
so also in virtual time. Every client message is checked against the SDK's types, and sent through
its converter for the Gemini API, which refuses what only Vertex takes.

How it behaves is what the SDK's docstrings say: activity interrupts (``interrupted``, then
``turnComplete``), calls block, those of a turn that is interrupted are cancelled. It is no
independent witness; the SDK's own client and aimock are (``tests/contract/test_gemini.py``).
"""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from google.genai import Client, _live_converters, types
from pydantic import ValidationError
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.realtime_server import Ask, Reply, Script
from tests.realtime_server.plan import sound_of

KEY = "gemini-test-key"
RATE = 24_000
PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
"""Where it is; the SDK 3.4.0 asks for ``v1``, the vendor's guide and aimock know ``v1beta``."""

_quiet = logging.getLogger(__name__)
_quiet.setLevel(logging.CRITICAL)
_client = Client(api_key="none")._api_client


@dataclass(frozen=True)
class Spoilt:
    """What goes wrong."""

    setup_close: tuple[int, str] | None = None
    """Instead of ``setupComplete``."""

    after: int = 0
    """Pieces of a reply before one of these happens."""

    close: tuple[int, str] | None = None
    stop: bool = False
    """Nothing more of the reply comes."""

    junk: tuple[str | bytes, ...] = ()
    """Is sent as it is."""

    mime: str = "audio/pcm;rate=24000"
    call_ends_turn: bool = False
    """``turnComplete`` behind a call, as aimock does."""

    uninterrupted: int = 0
    """Pieces that still come when the user begins."""

    reason: str | None = None
    """``turnCompleteReason``."""

    go_away: int | None = None
    """After so many turns."""

    no_turn_complete: bool = False
    """Nothing follows ``interrupted``."""


@dataclass
class GeminiSession:
    """One client."""

    socket: ServerConnection
    received: list[dict[str, Any]] = field(default_factory=list)
    turns: list[bytes] = field(default_factory=list)
    """The sound of each activity."""

    texts: list[str] = field(default_factory=list)
    """Words of ours, in order."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    """Function responses, in order."""

    history: list[dict[str, Any]] = field(default_factory=list)
    pcm: bytearray = field(default_factory=bytearray)
    active: bool = False
    open_calls: set[str] = field(default_factory=set)
    playing: asyncio.Task[None] | None = None
    ready: bool = False
    told: int = 0

    @property
    def setup(self) -> dict[str, Any]:
        """The settings."""
        return dict(self.received[0]["setup"])

    def kinds(self) -> list[str]:
        """What came, sounds left out and repeats joined."""
        kinds: list[str] = []
        for message in self.received:
            kind = next(iter(message))
            name = next(iter(message[kind])) if kind == "realtimeInput" else kind
            if not kinds or kinds[-1] != name:
                kinds.append(name)
        return kinds


class GeminiServer:
    """It listens, lets clients in, and plays the script."""

    def __init__(self, script: Script, spoilt: Spoilt) -> None:
        self.script = script
        self.spoilt = spoilt
        self.sessions: list[GeminiSession] = []
        self.violations: list[str] = []
        self.paths: list[str] = []
        self.port = 0
        self._server: Server | None = None
        self._replies = 0
        self._turns = 0
        self._calls = 0

    @property
    def url(self) -> str:
        """Where it is, for ``gemini.url``."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def session(self) -> GeminiSession:
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
        if (refusal := self.script.refusal) is not None:
            error = {
                "code": refusal.status,
                "message": refusal.message,
                "status": refusal.code or refusal.type,
            }
            return _refused(refusal.status, {"error": error})
        if request.path.split("?")[0] not in (PATH, PATH.replace("v1beta", "v1")):
            return _refused(404, {})
        if request.headers.get("x-goog-api-key") != KEY:
            error = {
                "code": 400,
                "message": "API key not valid. Please pass a valid API key.",
                "status": "INVALID_ARGUMENT",
                "details": [{"reason": "API_KEY_INVALID"}],
            }
            return _refused(400, {"error": error})
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        session = GeminiSession(socket)
        self.sessions.append(session)
        try:
            async with asyncio.TaskGroup() as group:
                try:
                    async for raw in socket:
                        await self._receive(session, raw, group)
                finally:
                    if session.playing is not None:
                        session.playing.cancel()
        except BaseExceptionGroup as failed:
            _, others = failed.split(ConnectionClosed)
            if others is not None:
                self.violations.append(f"the server broke: {others.exceptions!r}")

    # -- what comes ----------------------------------------------------------------------------

    async def _receive(
        self, session: GeminiSession, raw: str | bytes, group: asyncio.TaskGroup
    ) -> None:
        message = self._checked(json.loads(raw))
        session.received.append(message)
        if "setup" in message:
            await self._set_up(session)
        elif content := message.get("clientContent"):
            if not session.setup.get("historyConfig") or session.history:
                self.violations.append("clientContent in the middle of a session")
            session.history = content["turns"]
        elif given := message.get("realtimeInput"):
            await self._input(session, given, group)
        elif response := message.get("toolResponse"):
            self._answered(session, response["functionResponses"], group)

    def _checked(self, raw: dict[str, Any]) -> dict[str, Any]:
        setup = dict(raw.get("setup", {}))
        listening = setup.pop("realtimeInputConfig", {})  # the SDK's type knows it elsewhere
        try:
            types.RealtimeInputConfig.model_validate(listening)
            message = types.LiveClientMessage.model_validate(
                {**raw, **({"setup": setup} if setup else {})}
            )
            _live_converters._LiveClientMessage_to_mldev(_client, message)
        except (ValidationError, ValueError) as error:
            self.violations.append(f"{next(iter(raw))}: {error}")
            return raw
        if setup:
            return raw
        return message.model_dump(mode="json", by_alias=True, exclude_unset=True)

    async def _set_up(self, session: GeminiSession) -> None:
        await asyncio.sleep(self.script.updated_s)
        if (closing := self.spoilt.setup_close) is not None:
            await session.socket.close(*closing)
            return
        session.ready = True
        await self._say(session, {"setupComplete": {}})

    async def _input(
        self, session: GeminiSession, given: dict[str, Any], group: asyncio.TaskGroup
    ) -> None:
        if len(given) != 1 or not session.ready:
            self.violations.append("more than one input at once, or one before the setup")
        if "activityStart" in given:
            self._violated(session.active, "activityStart twice")
            session.active = True
            await self._interrupt(session)
        elif "activityEnd" in given:
            self._violated(not session.active, "activityEnd without a beginning")
            session.active = False
            pcm = bytes(session.pcm)
            session.turns.append(pcm)
            session.pcm.clear()
            session.playing = group.create_task(self._answer_turn(session, pcm))
        else:
            self._violated(not session.active, "input outside an activity")
            if audio := given.get("audio"):
                self._violated(audio["mimeType"] != "audio/pcm;rate=16000", "another rate")
                session.pcm += base64.urlsafe_b64decode(audio["data"])
            session.texts += [given["text"]] if "text" in given else []

    def _violated(self, wrong: bool, what: str) -> None:  # noqa: FBT001
        if wrong:
            self.violations.append(what)

    async def _interrupt(self, session: GeminiSession) -> None:
        playing, session.playing = session.playing, None
        if playing is None or playing.done():
            return
        for _ in range(self.spoilt.uninterrupted):
            await self._sound(session, bytes(4_800))
        playing.cancel()
        if session.open_calls:
            ids = sorted(session.open_calls)
            session.open_calls.clear()
            await self._say(session, {"toolCallCancellation": {"ids": ids}})
        await self._say(session, {"serverContent": {"interrupted": True}})
        if not self.spoilt.no_turn_complete:
            await self._say(session, {"serverContent": {"turnComplete": True}})

    def _answered(
        self,
        session: GeminiSession,
        responses: list[dict[str, Any]],
        group: asyncio.TaskGroup,
    ) -> None:
        for response in responses:
            if any(known["id"] == response["id"] for known in session.answers):
                self.violations.append(f"{response['id']} was answered twice")
            session.answers.append(response)
        waited = bool(session.open_calls)
        session.open_calls -= {response["id"] for response in responses}
        if waited and not session.open_calls:
            if session.playing is not None:
                session.playing.cancel()
            session.playing = group.create_task(self._play(session, self._next(session, b"")))

    # -- what goes out -------------------------------------------------------------------------

    async def _say(self, session: GeminiSession, message: dict[str, Any]) -> None:
        types.LiveServerMessage.model_validate(message)
        await session.socket.send(json.dumps(message).encode())  # as the real one: binary frames

    def _next(self, session: GeminiSession, pcm: bytes) -> Reply:
        self._replies += 1
        if self._replies <= len(self.script.replies):
            return self.script.replies[self._replies - 1]
        return self.script.otherwise(Ask(pcm, tuple(session.answers[-1:]), {}))

    async def _answer_turn(self, session: GeminiSession, pcm: bytes) -> None:
        self._turns += 1
        if pcm:
            await asyncio.sleep(self.script.transcript_s)
            heard = self.script.heard
            text = heard[session.told] if session.told < len(heard) else self.script.heard_else
            session.told += 1
            for piece in text.partition(" "):
                said = {"inputTranscription": {"text": piece}}
                await self._say(session, {"serverContent": said})
        await self._play(session, self._next(session, pcm))
        if self.spoilt.go_away == self._turns:
            await self._say(session, {"goAway": {"timeLeft": "50s"}})

    async def _play(self, session: GeminiSession, reply: Reply) -> None:
        await asyncio.sleep(reply.first_event_s + reply.first_audio_s)
        calls = reply.calls_first and await self._call(session, reply)
        if not await self._speak(session, reply):
            return
        if (calls or await self._call(session, reply)) and not self.spoilt.call_ends_turn:
            await asyncio.Event().wait()  # until it is answered, or interrupted
        over: dict[str, Any] = {"turnComplete": True}
        if self.spoilt.reason is not None:
            over["turnCompleteReason"] = self.spoilt.reason
        await self._say(session, {"serverContent": {"generationComplete": True}})
        usage = {
            "promptTokenCount": 150,
            "responseTokenCount": 40,
            "totalTokenCount": 190,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 100},
                {"modality": "AUDIO", "tokenCount": 30},
            ],
            "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 40}],
        }
        await self._say(session, {"serverContent": over, "usageMetadata": usage})

    async def _speak(self, session: GeminiSession, reply: Reply) -> bool:
        sound = sound_of(reply) if reply.text or reply.pcm else b""
        size = round(reply.piece_s * RATE) * 2
        pieces = [sound[begin : begin + size] for begin in range(0, len(sound), size)]
        for index, piece in enumerate(pieces):
            if index == self.spoilt.after and not await self._spoil(session):
                return False
            if index == 0:
                said = {"outputTranscription": {"text": reply.text}}
                await self._say(session, {"serverContent": said})
            await self._sound(session, piece)
            await asyncio.sleep(len(piece) / 2 / RATE / reply.pace)
        return True

    async def _spoil(self, session: GeminiSession) -> bool:
        for message in self.spoilt.junk:
            await session.socket.send(message)
        if self.spoilt.close is not None:
            await session.socket.close(*self.spoilt.close)
            return False
        return not self.spoilt.stop

    async def _sound(self, session: GeminiSession, piece: bytes) -> None:
        inline = {"mimeType": self.spoilt.mime, "data": base64.b64encode(piece).decode()}
        turn = {"role": "model", "parts": [{"inlineData": inline}]}
        await self._say(session, {"serverContent": {"modelTurn": turn}})

    async def _call(self, session: GeminiSession, reply: Reply) -> bool:
        made = []
        for call in reply.calls:
            self._calls += 1
            name = call.id or f"call_{self._calls}"
            try:
                arguments = json.loads(call.arguments)
            except ValueError:
                arguments = call.arguments
            made.append({"id": name, "name": call.name, "args": arguments})
        if made:
            session.open_calls = {call["id"] for call in made}
            message = {"toolCall": {"functionCalls": made}}
            await session.socket.send(json.dumps(message).encode())
        return bool(made)


def _refused(status: int, body: dict[str, Any]) -> Response:
    text = json.dumps(body).encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(text))})
    headers["Connection"] = "close"
    return Response(status, HTTPStatus(status).phrase, headers, text)


@asynccontextmanager
async def serving_gemini(
    script: Script | None = None, spoilt: Spoilt | None = None
) -> AsyncIterator[GeminiServer]:
    """Run a server in this event loop.

    Raises:
        AssertionError: At the end, if a client did what it must not do.
    """
    server = GeminiServer(script or Script(), spoilt or Spoilt())
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
    assert not server.violations, server.violations
