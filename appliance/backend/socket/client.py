"""The WebSocket that carries a session. All that it means is in ``rules``.

There is no task: whoever iterates ``events`` connects, reads and keeps the deadline. What others
ask for meanwhile is told to the protocol at once and sent in that order. When it moves the
deadline or makes something happen, the one timeout under which ``events`` waits is moved.
"""

import asyncio
import contextlib
import logging
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from appliance.backend.socket.address import Address
from appliance.backend.socket.dialing import CLOSE, dial, ending
from appliance.backend.socket.endings import turned_away, unreachable
from appliance.backend.socket.resampling import Upsampler
from appliance.backend.socket.rules import Out, Rules
from appliance.backend.socket.waiting import Waiting
from appliance.config import Config
from appliance.errors import BackendError, BackendRefused, BackendStalled, BackendUnavailable
from appliance.events import BackendEvent
from appliance.frames import Frame
from appliance.ports import Enclosure, ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber

log = logging.getLogger(__name__)

LONGEST_WAIT = Seconds(30.0)
"""Sound that is kept while the session is not ready."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the network may take."""

    connect: Seconds
    """From the beginning until the session is ready."""

    stall: Seconds
    """Until a connection that takes nothing and answers nothing is dead."""


def limits(config: Config) -> Limits:
    """Return how long the network may take, as the settings say."""
    backend = config.backend
    return Limits(connect=Seconds(backend.connect_s), stall=Seconds(backend.stall_s))


class SocketSession:
    """One session over one WebSocket: ``ports.Backend``.

    Made on the event loop. Everything but ``events`` may be called before it is connected, which
    it does once ``events`` is iterated: sound and commands then wait, in order.

    Methods raise ``BackendUnavailable`` only; why the session ended, ``events`` says.

    Args:
        address: Where to connect, and what to show there.
        rules: New ones, of the vendor.
        limits: How long the network may take.
        trust: Which certificates to believe, where the machine's own are not meant.

    Attributes:
        handshake_s: From the beginning to the open socket; ``None`` before.
        ready_s: From the beginning to the accepted session; ``None`` before.
    """

    def __init__(
        self,
        address: Address,
        rules: Rules,
        limits: Limits,
        *,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._address = address
        self._rules = rules
        self._limits = limits
        self._trust = trust
        self._clock = asyncio.get_running_loop().time
        self._upsampler = Upsampler(rules.rate)
        self._waiting = Waiting(int(LONGEST_WAIT * rules.rate) * 2)  # while it is not ready
        self._outgoing: deque[str | bytes] = deque()
        self._events: deque[BackendEvent] = deque()
        self._socket: ClientConnection | None = None
        self._scope: asyncio.Timeout | None = None  # under which events() waits
        self._over: BackendError | None = None
        self._began = self._clock()
        self._settled = asyncio.Event()  # it is ready, or will never be
        self.handshake_s: Seconds | None = None
        self.ready_s: Seconds | None = None

    @property
    def ends_turns(self) -> bool:
        """Whether the server finds the end of the user's turn."""
        return self._rules.ends_turns

    @property
    def ready(self) -> bool:
        """Whether the server took our settings, and it has not ended."""
        return self.ready_s is not None and self._over is None

    @property
    def idle(self) -> bool:
        """Whether nothing is going on: it may be closed without a loss."""
        return not self._waiting and self._rules.idle

    @property
    def age(self) -> Seconds:
        """Since ``events`` was first iterated."""
        return Seconds(self._clock() - self._began)

    async def events(self) -> AsyncIterator[BackendEvent]:
        """Connect, and yield what happens; ends by raising a ``BackendError``."""
        try:
            await self._open()
            while True:
                while self._events:
                    yield self._events.popleft()
                await self._next()
        except BackendError as error:
            first = self._end(error)
            if first is error:
                raise
            raise first from None

    async def until_ready(self) -> None:
        """Wait until the server took our settings, while somebody iterates ``events``.

        Raises:
            BackendUnavailable: It ended before that; why, ``events`` says.
        """
        await self._settled.wait()
        self._check_open()

    async def send_audio(self, frame: Frame) -> None:
        """Add a frame to the user's turn; waits while the network takes nothing."""
        self._check_open()
        if pcm := self._upsampler.process(frame.samples):
            await self._add_sound(pcm)

    async def enclose(self, enclosure: Enclosure) -> None:
        """Add text or a picture to the user's turn."""
        await self._do(lambda: self._rules.enclose(enclosure), of_turn=True)

    async def expect_end(self) -> None:
        """Nothing can be done ahead: the service answers what was committed."""
        self._check_open()

    async def commit_turn(self, turn: TurnNumber, *, as_expected: bool = False) -> None:  # noqa: ARG002 - nothing is done ahead
        """End the user's turn, to its last sample."""
        self._check_open()
        if self.ends_turns:
            self._upsampler.reset()  # the server has what it wanted; the rest would begin the next
        elif pcm := self._upsampler.finish():
            await self._add_sound(pcm)
        await self._do(lambda: self._rules.commit(turn, self._now()), of_turn=True)

    async def clear_turn(self) -> None:
        """Forget the user's turn; what waits for the connection never leaves."""
        self._check_open()
        self._upsampler.reset()
        if self.ready:
            await self._do(self._rules.clear)
            return
        self._waiting.drop_turn()

    async def cancel_reply(self, response: ResponseId, *, heard: Seconds) -> None:
        """Stop a reply of which the user heard so much."""
        await self._do(lambda: self._rules.cancel(response, heard, self._now()))

    async def answer_call(self, call: CallId, result: ToolResult) -> None:
        """Give a tool's result back."""
        await self._do(lambda: self._rules.answer(call, result, self._now()))

    async def take_reply(self, turn: TurnNumber) -> None:
        """Take what was offered."""
        await self._do(lambda: self._rules.take_reply(turn, self._now()), of_turn=True)

    async def retool(self, tools: Sequence[Mapping[str, object]]) -> None:
        """Replace the tools, in the form of ``session.update``."""
        await self._do(lambda: self._rules.retool(tools))

    async def close(self) -> None:
        """End the session; takes 0.1 s at most, whatever the other side does."""
        if self._over is None:
            self._over = BackendUnavailable("the session was closed")
        self._settled.set()
        self._waiting.drop_turn()
        self._wake(self._clock())
        if self._socket is None:
            return
        transport = self._socket.transport
        try:
            if not transport.get_write_buffer_size():  # else it is stuck
                await self._say_farewell()
                await self._socket.close()
        finally:
            transport.abort()

    async def _say_farewell(self) -> None:
        farewell = self._rules.farewell().send if self.ready_s is not None else ()
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            async with asyncio.timeout(CLOSE):
                for message in farewell:
                    await cast("ClientConnection", self._socket).send(message)

    async def _add_sound(self, pcm: bytes) -> None:
        await self._do(lambda: self._rules.audio(pcm), of_turn=True, sound=len(pcm))

    async def _do(
        self, command: Callable[[], Out], *, of_turn: bool = False, sound: int = 0
    ) -> None:
        """Tell the protocol something now, or when the session is ready, and send what follows."""
        self._check_open()
        if not self.ready:
            self._waiting.add(command, of_turn=of_turn, sound=sound)
            return
        self._take(command())
        self._wake(self._deadline())
        try:
            await self._flush()
        except ConnectionClosed as error:
            # What the server said before is perhaps still to be read: the reader ends it.
            raise BackendUnavailable("the connection is gone") from error

    def _take(self, out: Out) -> None:
        self._outgoing.extend(out.send)
        self._events.extend(out.events)

    async def _flush(self) -> None:
        """Send what is to be sent; the library writes in the order in which it is called.

        Raises:
            BackendUnavailable: The connection takes nothing any more.
            ConnectionClosed: It is gone.
        """
        try:
            # A dead link fills up before the next ping is sent, and that then waits like all else.
            async with asyncio.timeout(self._limits.stall):
                while self._outgoing and self._socket is not None:
                    await self._socket.send(self._outgoing.popleft())
        except TimeoutError:
            self._end(BackendStalled("the connection takes nothing any more"))
            self._check_open()

    async def _open(self) -> None:
        self._check_open()
        self._began = self._clock()
        self._socket = await self._connect()
        if self._over is not None:  # closed at the very moment
            self._socket.transport.abort()
            raise self._over
        self.handshake_s = self.age
        log.debug("%s: connected after %.3f s", self._address.section, self.handshake_s)
        self._take(self._rules.opened(self._now()))

    async def _connect(self) -> ClientConnection:
        limit = self._began + self._limits.connect
        try:
            async with asyncio.timeout_at(limit) as self._scope:
                return await dial(self._address, self._limits.stall / 2, self._trust)
        except TimeoutError as error:
            self._check_open()
            raise BackendUnavailable("no connection in time") from error
        except InvalidStatus as error:
            raise self._refusal(error) from error
        except (InvalidURI, UnicodeError) as error:
            advice = f"check {self._address.section}.url"
            raise BackendRefused("invalid_url", advice) from error
        except (InvalidHandshake, EOFError) as error:
            raise BackendUnavailable("what answers there is no such server") from error
        except OSError as error:
            raise unreachable(error) from error
        finally:
            self._scope = None

    async def _next(self) -> None:
        """Send what is to be sent, wait for a message or the deadline, and do what follows."""
        with contextlib.suppress(ConnectionClosed):  # what came before that is still read
            await self._flush()
        try:
            message = await self._receive()
        except ConnectionClosed as error:
            self._check_open()
            raise self._ending(error) from error
        self._check_open()
        if message is not None:
            self._take(self._rules.receive(message, self._now()))
        elif (deadline := self._deadline()) is not None and deadline <= self._clock():
            self._expire()
        if self.ready_s is None and self._rules.ready:
            self._become_ready()

    async def _receive(self) -> str | bytes | None:
        """Return the next message, or nothing if the deadline comes or ``_wake`` is called."""
        if self._events or self._socket is None:  # of what was done since the last look
            return None
        try:
            async with asyncio.timeout_at(self._deadline()) as self._scope:
                return await self._socket.recv()
        except TimeoutError:
            return None
        finally:
            self._scope = None

    def _expire(self) -> None:
        # the same sum as in _deadline: clock - began may be a rounding error less than connect
        if self.ready_s is None and self._clock() >= self._began + self._limits.connect:
            raise BackendStalled("the session was not accepted in time")
        self._take(self._rules.expire(self._now()))

    def _become_ready(self) -> None:
        self.ready_s = self.age
        self._settled.set()
        log.debug("%s: ready after %.3f s", self._address.section, self.ready_s)
        for out in self._waiting.drain():
            self._take(out)

    def _deadline(self) -> float | None:
        deadline = self._rules.deadline()
        if self.ready_s is not None:
            return deadline
        ready_by = self._began + self._limits.connect
        return ready_by if deadline is None else min(deadline, ready_by)

    def _wake(self, when: float | None) -> None:
        """Have ``events`` look again: now if something has happened, else by then."""
        scope = self._scope
        if scope is None or scope.expired():
            return
        if self._events:
            when = self._clock()
        if scope.when() != when:
            scope.reschedule(when)

    def _refusal(self, error: InvalidStatus) -> BackendError:
        answer, address = error.response, self._address
        body = bytes(answer.body)
        known = address.meaning(answer.status_code, body.decode("utf-8", "replace"))
        wait = answer.headers.get("Retry-After", "")
        return known or turned_away(answer.status_code, body, address.section, wait=wait)

    def _ending(self, error: ConnectionClosed) -> BackendError:
        frame, address = error.rcvd, self._address
        known = None if frame is None else address.meaning(frame.code, frame.reason)
        return known or ending(error, address.section)

    def _now(self) -> Seconds:
        return Seconds(self._clock())

    def _check_open(self) -> None:
        if self._over is not None:
            raise BackendUnavailable("the session is over") from self._over

    def _end(self, error: BackendError) -> BackendError:
        """Remember the first thing that ended it, and let nobody wait for the network."""
        if self._over is None:
            self._over = error
            self._settled.set()
            if self._socket is not None:
                self._socket.transport.abort()
        return self._over
