"""The WebSocket that carries speech, reply after reply. All that it means is in ``rules``.

A connection is kept between replies and read all the time, so that what still comes of a reply
that was stopped is in nobody's way. Each reply has a task beside its iterator, which connects
while the first sentence is awaited and sends sentences as they come.
"""

import asyncio
import contextlib
import logging
import ssl
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from appliance.backend.socket.address import Address
from appliance.backend.socket.client import Limits
from appliance.backend.socket.dialing import CLOSE, dial, ending
from appliance.backend.socket.endings import unreachable
from appliance.backend.tts.rules import Rules
from appliance.backend.tts.speaker import Speaker
from appliance.backend.tts.text import TRIAL, parts, speakable
from appliance.backend.web.endings import turned_away
from appliance.errors import (
    BackendError,
    BackendRefused,
    BackendStalled,
    BackendUnavailable,
    ProtocolViolation,
)
from appliance.events import Usage
from appliance.units import SampleRate, Seconds

log = logging.getLogger(__name__)

MOST_KEPT_S = 300.0
"""Seconds of sound that wait to be taken; a service that sends more has lost its mind."""

BEAT = Seconds(8.0)
"""A reply that waits so long for its next sentence is kept open."""


class _Line:
    """One connection, read by a task of its own until it fails."""

    def __init__(self, socket: ClientConnection, rules: Rules, section: str) -> None:
        loop = asyncio.get_running_loop()
        self._now = loop.time
        self._section = section
        self.socket = socket
        self.rules = rules
        self.sound: deque[bytes] = deque()
        self.failed: BackendError | None = None
        self.changed = asyncio.Event()
        self.moved = Seconds(loop.time())
        """When something was last sent or heard."""

        self._reader = loop.create_task(self._read(), name="tts.read")

    async def send(self, messages: tuple[str, ...], patience: Seconds) -> None:
        """Send messages; where the connection is gone, its reader has said why.

        Raises:
            BackendStalled: It takes nothing any more.
        """
        try:
            async with asyncio.timeout(patience):
                for message in messages:
                    await self.socket.send(message)
                    self.moved = Seconds(self._now())
        except ConnectionClosed:
            return
        except TimeoutError as error:
            raise BackendStalled("the voice service takes nothing any more") from error

    async def close(self) -> None:
        """Close it; takes 0.1 s at most."""
        try:
            if self.failed is None and not self.socket.transport.get_write_buffer_size():
                await self.socket.close()
        finally:
            self.socket.transport.abort()
            self._reader.cancel()
            await asyncio.wait((self._reader,))

    async def _read(self) -> None:
        try:
            while True:
                await self._hear(await self.socket.recv())
        except ConnectionClosed as error:
            code, reason = (error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, "")
            self.failed = self.rules.closed(code, reason) or ending(error, self._section)
        except BackendError as error:
            self.failed = error
            self.socket.transport.abort()
        finally:
            self.changed.set()

    async def _hear(self, message: str | bytes) -> None:
        now = Seconds(self._now())
        heard = self.rules.receive(message, now)
        self.moved = now
        if heard.sound:
            self.sound.append(heard.sound)
        self.changed.set()
        for reply in heard.send:
            await self.socket.send(reply)
        if sum(map(len, self.sound)) > MOST_KEPT_S * self.rules.rate * 2:
            raise ProtocolViolation("the voice service sends too much sound")


@dataclass(slots=True)
class _Reply:
    """One reply, as far as it is known."""

    said: list[str] = field(default_factory=list)
    sent: int = 0
    """Sentences that this connection was sent."""

    finished: bool = False
    finish_sent: bool = False
    line: _Line | None = None
    used: bool = False
    """The connection was there before; it may have died unnoticed."""

    sounded: bool = False
    billed: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Carrier:
    """``pipeline.parts.TextToSpeech`` over a WebSocket. One reply at a time.

    Args:
        address: Where to connect, and what to show there.
        rules: Makes the vendor's rules for one connection.
        speaker: Whose speech it is.
        limits: How long the network may take.
        trust: Which certificates to believe, where the machine's own are not meant.
    """

    def __init__(
        self,
        address: Address,
        rules: Callable[[], Rules],
        speaker: Speaker,
        limits: Limits,
        *,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._address = address
        self._rules = rules
        self._speaker = speaker
        self._limits = limits
        self._trust = trust
        self._line: _Line | None = None
        self._opening = asyncio.Lock()
        self._closed = False
        self._rate = rules().rate

    @property
    def title(self) -> str:
        """What it is, for the timeline."""
        return self._speaker.title

    @property
    def rate(self) -> SampleRate:
        """Of its sound."""
        return self._rate

    async def warm(self) -> None:
        """Connect ahead; never raises: who speaks will be told."""
        with contextlib.suppress(BackendError):
            await self._opened()

    async def probe(self) -> str:
        """Have next to nothing spoken, and say how long its first sound took.

        Raises:
            BackendError: It will not have us, or cannot be reached.
        """
        begun = asyncio.get_running_loop().time()
        async with contextlib.aclosing(self.speak(_trial())) as sound:
            async for piece in sound:
                if isinstance(piece, bytes):
                    break
        return f"first sound after {asyncio.get_running_loop().time() - begun:.2f} s"

    async def close(self) -> None:
        """End whatever is open; idempotent."""
        self._closed = True
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    async def speak(self, sentences: AsyncIterator[str]) -> AsyncGenerator[bytes | Usage, None]:
        """Yield sound of sentences as they come, and what it costs.

        Raises:
            BackendError: It cannot, or not any more; what was yielded before was said.
        """
        reply = _Reply()
        changed = asyncio.Event()
        work = asyncio.get_running_loop().create_task(
            self._work(reply, sentences, changed), name="tts.speak"
        )
        work.add_done_callback(lambda _: changed.set())
        try:
            while (piece := await self._next(reply, work, changed)) is not None:
                yield piece
                reply.sounded = True
                if (usage := self._cost(reply)) is not None:
                    yield usage
            if any(reply.said) and not reply.sounded:
                raise ProtocolViolation("the voice service gave no sound")
            if (usage := self._cost(reply)) is not None:
                yield usage
        finally:
            work.cancel()
            await self._stop(reply)
            await asyncio.wait((work,))

    async def _work(
        self, reply: _Reply, sentences: AsyncIterator[str], changed: asyncio.Event
    ) -> None:
        """Connect, and meanwhile and afterwards send what is to be said."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._begin(reply, changed), name="tts.connect")
                async for sentence in sentences:
                    if text := speakable(sentence):
                        reply.said.extend(parts(text))
                        await self._pass_on(reply)
                        changed.set()
                reply.finished = True
                await self._pass_on(reply)
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def _begin(self, reply: _Reply, changed: asyncio.Event) -> None:
        """Take a connection for the reply, and send what is there to be said already."""
        reply.used = self._line is not None
        line = await self._opened()
        line.rules.begin()
        line.sound.clear()
        line.changed = changed
        reply.line, reply.sent, reply.finish_sent = line, 0, False
        await self._pass_on(reply)
        changed.set()

    async def _pass_on(self, reply: _Reply) -> None:
        """Send what was not sent yet."""
        async with reply.lock:
            line = reply.line
            if line is None:
                return
            now = Seconds(asyncio.get_running_loop().time())
            while reply.sent < len(reply.said):
                messages = line.rules.say(reply.said[reply.sent], now)
                reply.sent += 1
                await line.send(messages, self._limits.stall)
            if reply.finished and not reply.finish_sent:
                reply.finish_sent = True
                await line.send(line.rules.finish(now), self._limits.stall)

    async def _next(
        self, reply: _Reply, work: asyncio.Task[None], changed: asyncio.Event
    ) -> bytes | None:
        """Return the next piece of sound; ``None``: there is no more."""
        while True:
            changed.clear()
            line = reply.line
            if line is not None and line.sound:
                return line.sound.popleft()
            if work.done() and not work.cancelled():
                work.result()
            if line is not None and line.rules.complete:
                return None
            if line is not None and line.failed is not None:
                await self._again(reply, line.failed, changed)
                continue
            await self._wait(reply, changed)

    async def _wait(self, reply: _Reply, changed: asyncio.Event) -> None:
        """Wait until something happens, for as long as the service may take."""
        line = reply.line
        if line is None:
            await changed.wait()
            return
        owed = line.rules.owed
        deadline = line.moved + (self._limits.stall if owed else BEAT)
        try:
            async with asyncio.timeout_at(deadline):
                await changed.wait()
        except TimeoutError:
            if not owed:
                await line.send(line.rules.beat(), self._limits.stall)
                line.moved = Seconds(asyncio.get_running_loop().time())
            elif line.moved + self._limits.stall <= asyncio.get_running_loop().time():
                line.rules.expire()

    async def _again(self, reply: _Reply, error: BackendError, changed: asyncio.Event) -> None:
        """Begin again on a new connection, if the old one had died before anything was heard."""
        final = isinstance(error, BackendRefused | BackendStalled | ProtocolViolation)
        if final or reply.sounded or not reply.used:
            raise error
        log.debug("%s: the connection had gone; once more", self._address.section)
        reply.line = None
        await self._begin(reply, changed)
        reply.used = False

    async def _stop(self, reply: _Reply) -> None:
        """Have the vendor stop what is not over, whatever state the connection is in."""
        line = reply.line
        if line is None:
            return
        messages = line.rules.cancel()
        line.sound.clear()
        line.changed = asyncio.Event()
        if line.failed is not None or not messages:
            return
        try:
            await line.send(messages, CLOSE)
        except BackendStalled as error:
            line.failed = error

    def _cost(self, reply: _Reply) -> Usage | None:
        """Return what was asked for and not told yet; nothing before there was sound."""
        characters = sum(map(len, reply.said[: reply.sent]))
        new, reply.billed = characters - reply.billed, characters
        return self._speaker.usage(new)

    async def _opened(self) -> _Line:
        """Return a connection that is fit for a new reply."""
        async with self._opening:
            line = self._line
            if line is not None and (line.failed is not None or line.rules.worn):
                self._line = None
                await line.close()
                line = None
            if line is None:
                self._check_open()
                socket = await self._connect()
                if self._closed:
                    socket.transport.abort()
                self._check_open()
                line = self._line = _Line(socket, self._rules(), self._address.section)
            return line

    def _check_open(self) -> None:
        if self._closed:
            raise BackendUnavailable("the session is over")

    async def _connect(self) -> ClientConnection:
        section = self._address.section
        try:
            async with asyncio.timeout(self._limits.connect):
                return await dial(self._address, self._limits.stall / 2, self._trust)
        except TimeoutError as error:
            raise BackendUnavailable("no connection in time") from error
        except InvalidStatus as error:
            answer = error.response
            headers = {name.lower(): value for name, value in answer.headers.raw_items()}
            body = bytes(answer.body or b"")
            raise turned_away(answer.status_code, headers, body, section) from error
        except (InvalidURI, UnicodeError) as error:
            raise BackendRefused("invalid_url", f"check {section}.url") from error
        except (InvalidHandshake, EOFError) as error:
            raise BackendUnavailable("what answers there is no such server") from error
        except OSError as error:
            raise unreachable(error) from error


async def _trial() -> AsyncGenerator[str, None]:
    yield TRIAL
