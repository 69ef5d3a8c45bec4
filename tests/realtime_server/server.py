"""The scripted server itself: it listens, lets clients in, and things happen to it."""

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from tests.realtime_server.script import Close, Refusal, Script, Send
from tests.realtime_server.session import GoneError, Session, World

KEY = "sk-test"

_quiet = logging.getLogger(__name__)
_quiet.setLevel(logging.CRITICAL)  # the library writes every message and every ending down

WRONG_KEY = Refusal(401, code="invalid_api_key", message="Incorrect API key provided.")
FORBIDDEN = Refusal(403, code="unsupported_country_region_territory", message="Not here.")
NO_QUOTA = Refusal(
    429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota."
)
BUSY = Refusal(429, "requests", "rate_limit_exceeded", "Slow down.", {"Retry-After": "2"})
BROKEN = Refusal(503, "server_error", None, "The server is overloaded.")


class RealtimeServer:
    """A Realtime server on the loopback, in the event loop of whoever made it.

    Attributes:
        port: Where it listens; stays the same over ``kill`` and ``revive``.
        sessions: Every client that got in, in order.
        paths: What each handshake asked for.
    """

    def __init__(self, script: Script, *, key: str, tls: ssl.SSLContext | None = None) -> None:
        self._world = World(script)
        self._world.flowing.set()
        self._key = key
        self._tls = tls
        self._server: Server | None = None
        self._open: set[ServerConnection] = set()
        self.port = 0
        self.sessions: list[Session] = []
        self.paths: list[str] = []

    @property
    def url(self) -> str:
        """Where it is, without the model."""
        scheme = "ws" if self._tls is None else "wss"
        return f"{scheme}://127.0.0.1:{self.port}/v1/realtime"

    @property
    def headers(self) -> dict[str, str]:
        """What a client must show."""
        return {"Authorization": f"Bearer {self._key}"}

    @property
    def violations(self) -> list[str]:
        """What clients did that they must not do."""
        return self._world.violations

    @property
    def session(self) -> Session:
        """The latest client."""
        return self.sessions[-1]

    async def start(self, port: int = 0) -> None:
        """Listen."""
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            port or self.port or None,
            process_request=self._let_in,
            ssl=self._tls,
            compression=None,
            max_size=32 << 20,
            ping_interval=None,
            close_timeout=0.5,
            logger=_quiet,
            open_timeout=None,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """End everything in good order."""
        self.thaw()
        self.kill()
        if self._server is not None:
            await self._server.wait_closed()

    def become(self, script: Script) -> None:
        """Play another script from now on: for what comes, not for what goes on."""
        self._world.script = script
        self._world.replies = self._world.asides = 0

    def freeze(self) -> None:
        """Neither read nor write any more, and answer no ping, while every connection stays.

        To a client it is the same as a network that has gone.
        """
        self._world.flowing.clear()
        for socket in self._open:
            socket.transport.pause_reading()

    def thaw(self) -> None:
        """Go on where ``freeze`` stopped."""
        self._world.flowing.set()
        for socket in self._open:
            socket.transport.resume_reading()

    def slow(self, factor: float) -> None:
        """Take so many times longer for everything that takes time."""
        self._world.factor = factor

    def kill(self) -> None:
        """Vanish at once: every connection is reset, and nobody listens any more."""
        if self._server is not None:
            self._server.close(close_connections=False)
            self._server.server.close()
            for socket in list(self._server.handlers):  # those at the door, too
                socket.transport.abort()

    async def revive(self) -> None:
        """Be there again, on the same port, knowing nothing."""
        self._world.flowing.set()
        if self._server is not None:
            await self._server.wait_closed()
        await self.start(self.port)

    async def _let_in(self, _socket: ServerConnection, request: Request) -> Response | None:
        self.paths.append(request.path)
        await self._world.flowing.wait()
        script = self._world.script
        await asyncio.sleep(script.handshake_s * self._world.factor)
        if script.refusal is not None:
            return _refused(script.refusal)
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self._key not in (shown, request.headers.get("api-key")):
            return _refused(WRONG_KEY)
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        limit = self._world.script.manners.sessions
        session = Session(self._world, socket)
        asked = socket.request
        if asked is not None and "OpenAI-Beta" in asked.headers:
            return await _turn_away(session, "beta_api_shape_disabled", 4000)
        if limit is not None and len(self._open) >= limit:
            return await _turn_away(session, "session_limit_reached", 1008)
        self._open.add(socket)
        self.sessions.append(session)
        try:
            await session.run()
        except BaseExceptionGroup as group:
            self._world.violations.append(f"the server broke: {group.exceptions!r}")
            raise
        finally:
            self._open.discard(socket)
        return None


async def _turn_away(session: Session, code: str, close: int) -> None:
    error = {"type": "invalid_request_error", "code": code, "message": code, "param": None}
    try:
        reason = f"invalid_request_error.{code}"
        await session.push(Send({"type": "error", "error": error}), Close(close, reason))
    except GoneError:
        pass


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
    script: Script | None = None,
    *,
    key: str = KEY,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[RealtimeServer]:
    """Run a server in this event loop.

    Raises:
        AssertionError: At the end, if a client did what it must not do.
    """
    server = RealtimeServer(script or Script(), key=key, tls=tls)
    await server.start(port)
    try:
        yield server
    finally:
        await server.stop()
    assert not server.violations, server.violations
