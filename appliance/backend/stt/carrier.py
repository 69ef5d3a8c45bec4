"""Speech to text over WebSockets: sound goes out while the user speaks. Event loop only.

A connection is dialled at the first sound of a turn, which is kept meanwhile, and serves the next
turn too where the vendor allows it.
"""

import asyncio
import contextlib
from typing import Final

from appliance.backend.stt.connection import Connection, Service
from appliance.errors import BackendError, BackendUnavailable
from appliance.events import Usage
from appliance.frames import RATE, Frame
from appliance.units import Seconds

CHUNK: Final = RATE * 80 // 1000 * 2
"""Bytes in one message: 80 ms, what Deepgram advises; a message for each frame costs ten times the
work."""

_PROBE: Final = Seconds(0.3)
"""How long a service may take to complain about what it was asked for when it was dialled."""


class StreamedTurn:
    """The sound of one turn: ``pipeline.parts.Recognition``."""

    def __init__(self, carrier: "Carrier", service: Service) -> None:
        self._carrier = carrier
        self._service = service
        self._left = round(service.limits.longest * RATE)  # samples that it may have yet
        self._samples = 0
        self._chunk = bytearray()
        self._connection: Connection | None = None
        self._expected = self._over = False
        self._usage: Usage | None = None

    @property
    def usage(self) -> Usage | None:
        """The length of the sound that was sent, once it is over."""
        return self._usage

    async def hear(self, frame: Frame) -> None:
        """Take a frame; what is too much for one turn is left out.

        Raises:
            BackendError: The service does not serve.
        """
        if self._over:
            return
        if self._connection is None:
            self._connection = self._carrier.connect()
        self._connection.check()
        samples = frame.samples[: self._left]
        self._left -= len(samples)
        self._chunk += samples.astype("<i2", copy=False).tobytes()
        if len(self._chunk) >= CHUNK:
            self._pass_on(self._connection)

    def expect_end(self) -> None:
        """Have what was said written down."""
        connection = self._connection
        if connection is None or self._over or connection.over is not None:
            return
        with contextlib.suppress(BackendError):  # ``hear`` or ``finish`` will raise it
            self._flush(connection)
        self._expected = True

    async def finish(self, *, as_expected: bool) -> str:
        """Return what was said.

        Raises:
            BackendError: The service does not serve.
        """
        connection = self._connection
        if connection is None or self._over:
            return ""
        try:
            if not (as_expected and self._expected):
                self._flush(connection)
            return await connection.written()
        finally:
            self._release(connection)

    async def drop(self) -> None:
        """Forget it."""
        if self._connection is not None and not self._over:
            self._release(self._connection)
        self._over = True

    def _flush(self, connection: Connection) -> None:
        self._pass_on(connection)
        connection.flush()

    def _pass_on(self, connection: Connection) -> None:
        if self._chunk:
            connection.send(bytes(self._chunk))
            self._samples += len(self._chunk) // 2
            self._chunk.clear()

    def _release(self, connection: Connection) -> None:
        self._over = True
        if connection.opened and self._samples:
            length = Seconds(self._samples / RATE)
            self._usage = Usage(self._service.model, audio_s=length, free=self._service.free)
        self._carrier.release(connection)


class Carrier:
    """A service that is told sound as it comes: ``pipeline.parts.SpeechToText``.

    Made on the event loop.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._connections: list[Connection] = []

    @property
    def title(self) -> str:
        """Vendor and model."""
        return self._service.title

    def listen(self) -> StreamedTurn:
        """Begin with a turn."""
        return StreamedTurn(self, self._service)

    async def probe(self) -> str:
        """Open a connection and close it again; no sound is sent, so nothing is billed.

        Raises:
            BackendError: It will not have us, or cannot be reached.
        """
        clock = asyncio.get_running_loop().time
        began, connection = clock(), Connection(self._service)
        try:
            await connection.open()
            took = clock() - began
            await asyncio.sleep(_PROBE)
            connection.check()
        finally:
            connection.give_up()
            await connection.ended()
        return f"a connection was open after {took:.2f} s"

    async def close(self) -> None:
        """Close every connection."""
        connections, self._connections = self._connections, []
        for connection in connections:
            connection.give_up()
        for connection in connections:
            await connection.ended()

    def connect(self) -> Connection:
        """Return a connection for a turn: one that is free, or a new one."""
        self._connections = [each for each in self._connections if not each.gone]
        connection = next((each for each in self._connections if each.idle), None)
        if connection is None:
            connection = Connection(self._service)
            self._connections.append(connection)
        connection.use()
        return connection

    def release(self, connection: Connection) -> None:
        """Take a connection back whose turn is over."""
        if connection.over is not None:
            return
        spare = any(each.idle for each in self._connections)
        if spare or not (connection.opened and connection.rules.reusable):
            connection.give_up()
            return
        try:
            connection.send(*connection.rules.end())
        except BackendUnavailable:  # it is stuck
            connection.give_up()
        else:
            connection.rest()
