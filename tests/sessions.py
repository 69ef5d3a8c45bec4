"""A backend's session for tests of who serves: it does what the test says, and writes it down."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from appliance.backend.context import Handover
from appliance.errors import BackendError, BackendUnavailable
from appliance.events import BackendEvent, Usage
from appliance.frames import Frame
from appliance.ports import Enclosure, ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber


@dataclass(eq=False)
class ScriptedSession:
    """Keeps the promises of ``ports.Backend``; everything it tells comes by ``emit``."""

    name: str
    handover: Handover
    connects: Seconds = Seconds(0.0)
    """From ``events`` to ``ready``."""

    refuses: BackendError | None = None
    """Raised instead of becoming ready."""

    ends_turns: bool = False
    blocked: bool = False
    """Its methods never come back: nobody reads at the other end."""

    breaks: BackendError | None = None
    """Raised by the next method."""

    ready: bool = False
    closed: bool = False
    frames: list[Frame] = field(default_factory=list)
    taken_at: list[float] = field(default_factory=list)
    """When each frame came."""

    enclosed: list[Enclosure] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    committed: list[TurnNumber] = field(default_factory=list)
    cancelled: list[tuple[ResponseId, Seconds]] = field(default_factory=list)
    answers: dict[CallId, ToolResult] = field(default_factory=dict)
    taken: list[TurnNumber] = field(default_factory=list)
    outbox: asyncio.Queue[BackendEvent | BackendError] = field(default_factory=asyncio.Queue)

    async def events(self) -> AsyncIterator[BackendEvent]:
        await asyncio.sleep(self.connects)
        if self.refuses is not None:
            raise self.refuses
        self.ready = True
        while True:
            event = await self.outbox.get()
            if isinstance(event, BackendError):
                raise event
            yield event

    async def send_audio(self, frame: Frame) -> None:
        await self._take("audio")
        self.frames.append(frame)
        self.taken_at.append(asyncio.get_running_loop().time())

    async def enclose(self, enclosure: Enclosure) -> None:
        await self._take("enclose")
        self.enclosed.append(enclosure)

    async def expect_end(self) -> None:
        await self._take("expect")

    async def commit_turn(self, turn: TurnNumber, *, as_expected: bool = False) -> None:
        await self._take("commit, as expected" if as_expected else "commit")
        assert turn not in self.committed
        self.committed.append(turn)

    async def clear_turn(self) -> None:
        await self._take("clear")

    async def cancel_reply(self, response: ResponseId, *, heard: Seconds) -> None:
        await self._take("cancel")
        self.cancelled.append((response, heard))

    async def answer_call(self, call: CallId, result: ToolResult) -> None:
        await self._take("answer")
        assert call not in self.answers
        self.answers[call] = result

    async def take_reply(self, turn: TurnNumber) -> None:
        await self._take("take")
        self.taken.append(turn)

    async def close(self) -> None:
        self.closed = True

    def emit(self, *events: BackendEvent | BackendError) -> None:
        """Let something happen now."""
        for event in events:
            self.outbox.put_nowait(event)

    async def _take(self, what: str) -> None:
        while self.blocked:
            await asyncio.Event().wait()
        if self.closed:
            raise BackendUnavailable("closed")
        if self.breaks is not None:
            raise self.breaks
        self.asked.append(what)


@dataclass
class FakePurse:
    """Is empty when the test says so."""

    exhausted: bool = False
    taken: list[Usage] = field(default_factory=list)

    def take(self, usage: Usage, turn: TurnNumber | None = None) -> None:
        del turn
        self.taken.append(usage)
