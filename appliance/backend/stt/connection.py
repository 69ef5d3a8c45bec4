"""One WebSocket to a service of speech to text. What is said on it is in ``rules``.

One task opens it, sends, reads and keeps it open, until ``give_up``; whoever waits for a
transcript is told of every message. The task belongs to its connection; ``ended`` waits for it.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from appliance.backend.socket.address import Address
from appliance.backend.socket.dialing import CLOSE, dial, ending
from appliance.backend.socket.endings import unreachable
from appliance.backend.stt.rules import SECTION, Limits, Rules
from appliance.backend.web.endings import turned_away
from appliance.errors import BackendError, BackendRefused, BackendStalled, BackendUnavailable
from appliance.frames import RATE
from appliance.units import Seconds

log = logging.getLogger(__name__)

LONGEST_WAIT: Final = Seconds(30.0)
"""Sound that is kept while the connection takes none."""

KEEP_ALIVE: Final = Seconds(4.0)
"""Between two signs of life without sound; Deepgram hangs up after 10 s and advises 3 to 5."""

_ROOM: Final = int(LONGEST_WAIT * RATE) * 2


@dataclass(frozen=True, slots=True)
class Service:
    """A vendor, as the settings say."""

    title: str
    model: str
    """For billing."""

    address: Callable[[], Address] = field(repr=False)
    """May raise ``BackendRefused``."""

    rules: Callable[[], Rules] = field(repr=False)
    """Makes new ones for a connection."""

    limits: Limits
    free: bool = False
    """For billing: the server is our own."""


class Connection:
    """A connection, from the first sound on. Made on the event loop; it dials at once.

    Attributes:
        rules: Of the vendor; tell them before what is sent.
        over: Why it serves no more; ``None``: it does.
    """

    def __init__(self, service: Service) -> None:
        self.rules = service.rules()
        self.over: BackendError | None = None
        self._service = service
        self._limits = service.limits
        self._outgoing: deque[str | bytes] = deque()
        self._waiting = 0  # bytes of sound in it
        self._stir = asyncio.Event()  # there is something to send
        self._news = asyncio.Event()  # there is something to look at
        self._opened: float | None = None
        self._asked = 0.0  # when it was, for all that was said
        self._idle_since: float | None = None
        loop = asyncio.get_running_loop()
        self._clock = loop.time
        self._task = loop.create_task(self._carry(), name="speech to text")

    @property
    def opened(self) -> bool:
        """Whether it has been open."""
        return self._opened is not None

    @property
    def idle(self) -> bool:
        """Whether it waits for another turn, and can take one."""
        return self._idle_since is not None and self.over is None

    def use(self) -> None:
        """Begin with a turn."""
        self._idle_since = None
        self.rules.begin()

    def rest(self) -> None:
        """Wait for another turn."""
        self._idle_since = self._clock()

    def check(self) -> None:
        """Raise what ended it, if anything has."""
        if self.over is not None:
            raise self.over

    def send(self, *messages: str | bytes) -> None:
        """Have messages sent, in order.

        Raises:
            BackendError: It is over, or too much sound waits.
        """
        self.check()
        for message in messages:
            if isinstance(message, bytes):
                self._waiting += len(message)
                self.rules.sound(len(message) // 2)
            self._outgoing.append(message)
        if self._waiting > _ROOM:
            raise BackendUnavailable("the service takes no sound, and no more of it can wait")
        if messages:
            self._stir.set()

    def flush(self) -> None:
        """Ask for all that was said so far.

        Raises:
            BackendError: It is over.
        """
        self._asked = self._clock()
        self.send(*self.rules.flush())

    async def written(self) -> str:
        """Wait for the answer to the latest flush; return the whole turn.

        Raises:
            BackendError: It does not come.
        """
        began, insisted = self._clock(), False
        patience = self.rules.patience
        while not self.rules.flushed:
            self.check()
            until = None
            if self._opened is not None:
                until = max(began, self._opened) + self._limits.stall
                if patience is not None and not insisted:
                    until = max(self._asked, self._opened) + patience
                    if self._clock() >= until:
                        insisted = True
                        self.send(*self.rules.insist())
                        continue
                elif self._clock() >= until:
                    raise BackendStalled("no transcript came in time")
            await self._wait(until)
        return self.rules.text

    async def open(self) -> None:
        """Wait until it is open.

        Raises:
            BackendError: It will not be.
        """
        while self._opened is None:
            self.check()
            await self._wait(None)

    def give_up(self, error: BackendError | None = None) -> None:
        """Serve no more; the first reason given is kept."""
        self._end(error or BackendUnavailable("the session was closed"))
        self._task.cancel()

    async def ended(self) -> None:
        """Wait until nothing of it is left; 0.1 s at most after ``give_up``."""
        await asyncio.wait({self._task})
        if not self._task.cancelled() and (bug := self._task.exception()) is not None:
            raise bug

    @property
    def gone(self) -> bool:
        """Whether nothing of it is left."""
        return self._task.done()

    async def _wait(self, until: float | None) -> None:
        """Wait for news."""
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._news.wait()

    async def _carry(self) -> None:
        try:
            socket = await self._dial()
        except BackendError as error:
            self._end(error)
            return
        finally:
            self._news.set()
        try:
            self._opened = self._clock()
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(self._send(socket))
                await self._read(socket)
                sending.cancel()
        finally:
            self._end(BackendUnavailable("the connection is gone"))  # unless it is known better
            await _hang_up(socket)

    async def _dial(self) -> ClientConnection:
        try:
            async with asyncio.timeout(self._limits.connect):
                return await dial(self._service.address(), self._limits.stall / 2, None)
        except TimeoutError as error:
            raise BackendUnavailable("no connection in time") from error
        except InvalidStatus as error:
            answer = error.response
            headers = {name.lower(): value for name, value in answer.headers.raw_items()}
            raise turned_away(answer.status_code, headers, bytes(answer.body), SECTION) from error
        except (InvalidURI, UnicodeError) as error:
            raise BackendRefused("invalid_url", f"check {SECTION}.url") from error
        except (InvalidHandshake, EOFError) as error:
            raise BackendUnavailable("what answers there is no such server") from error
        except OSError as error:
            raise unreachable(error) from error

    async def _send(self, socket: ClientConnection) -> None:
        """Send what there is to send; signs of life else."""
        with contextlib.suppress(ConnectionClosed):  # the reader tells why
            while True:
                self._stir.clear()
                await self._flush(socket)
                try:
                    async with asyncio.timeout(KEEP_ALIVE):
                        await self._stir.wait()
                except TimeoutError:
                    if self._unused():
                        log.debug("%s: closed, for nobody used it", self._service.title)
                        await socket.close()
                    elif (sign := self.rules.keep_alive) is not None:
                        self._outgoing.append(sign)

    async def _flush(self, socket: ClientConnection) -> None:
        try:
            async with asyncio.timeout(self._limits.stall):
                while self._outgoing:
                    message = self._outgoing.popleft()
                    await socket.send(message)
                    if isinstance(message, bytes):
                        self._waiting -= len(message)
        except TimeoutError:
            self._end(BackendStalled("the connection takes nothing any more"))
            socket.transport.abort()

    def _unused(self) -> bool:
        since = self._idle_since
        return since is not None and self._clock() - since >= self._limits.idle

    async def _read(self, socket: ClientConnection) -> None:
        """Read until there is nothing more to read."""
        while self.over is None:
            try:
                self.rules.receive(await socket.recv())
            except ConnectionClosed as error:
                if self.rules.hung_up(clean=error.rcvd is not None):
                    self._end(BackendUnavailable("the connection was closed, as it was asked to"))
                self._end(ending(error, SECTION))
            except BackendError as error:
                self._end(error)
            self._news.set()

    def _end(self, error: BackendError) -> None:
        """Remember the first thing that ended it, and tell who waits."""
        if self.over is None:
            self.over = error
        self._news.set()


async def _hang_up(socket: ClientConnection) -> None:
    """Close in good order, where the other side listens."""
    try:
        if not socket.transport.get_write_buffer_size():  # else it is stuck
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE):
                    await socket.close()
    finally:
        socket.transport.abort()
