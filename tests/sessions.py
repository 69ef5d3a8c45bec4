"""Several backends as one, for tests: sessions that do what the test says, in virtual time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from appliance.backend.choice import Choice
from appliance.backend.context import Handover
from appliance.backend.failover import Failover
from appliance.backend.roster import Patience
from appliance.errors import BackendError, BackendUnavailable
from appliance.events import (
    BackendChanged,
    BackendEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ToolCalled,
    Usage,
)
from appliance.frames import FRAME_SAMPLES, Frame
from appliance.ports import Enclosure, ToolResult
from appliance.units import CallId, ResponseId, SampleIndex, Seconds, TurnNumber
from tests.fakes import RATE, LoopClock
from tests.virtual_time import run_virtual

GONE = BackendUnavailable("the network is gone")
PATIENCE = Patience(recycle=Seconds(300.0))


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
    blind: bool = False
    """It takes no enclosure."""

    rude: bool = False
    """It cannot be closed in order."""

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
    outbox: asyncio.Queue[BackendEvent | BackendError | None] = field(
        default_factory=asyncio.Queue
    )

    async def events(self) -> AsyncIterator[BackendEvent]:
        await asyncio.sleep(self.connects)
        if self.refuses is not None:
            raise self.refuses
        self.ready = True
        while True:
            event = await self.outbox.get()
            if event is None:
                return
            if isinstance(event, BackendError):
                raise event
            yield event

    async def send_audio(self, frame: Frame) -> None:
        await self._take("audio")
        self.frames.append(frame)
        self.taken_at.append(asyncio.get_running_loop().time())

    async def enclose(self, enclosure: Enclosure) -> None:
        await self._take("enclose")
        if self.blind:
            raise BackendError("it cannot see")
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
        if self.rude:
            raise BackendUnavailable("broken pipe")

    async def breaks_off(self) -> None:
        self.emit(GONE)
        await rest()

    def emit(self, *events: BackendEvent | BackendError | None) -> None:
        """Let something happen now; ``None``: ``events`` stops, which it should not."""
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


def frame(number: int) -> Frame:
    return Frame(np.zeros(FRAME_SAMPLES, np.int16), SampleIndex(number * FRAME_SAMPLES))


FRAMES = [frame(number) for number in range(20)]


@dataclass
class House:
    order: tuple[str, ...] = ("realtime", "local")
    purse: FakePurse = field(default_factory=FakePurse)
    patience: Patience = PATIENCE
    sessions: list[ScriptedSession] = field(default_factory=list)
    seen: list[BackendEvent] = field(default_factory=list)
    unreachable: set[str] = field(default_factory=set)
    connects: Seconds = Seconds(0.0)

    def __post_init__(self) -> None:
        self.failover = Failover(
            {name: partial(self.open, name) for name in self.order},
            Choice(self.order, frozenset({"realtime"})),
            patience=self.patience,
            clock=LoopClock(),
            purse=self.purse,
            jitter=lambda: 0.0,
        )

    def open(self, name: str, handover: Handover) -> ScriptedSession:
        session = ScriptedSession(name, handover, connects=self.connects)
        if name in self.unreachable:
            session.refuses = GONE
        self.sessions.append(session)
        return session

    def closed(self) -> list[bool]:
        return [session.closed for session in self.sessions]

    @property
    def last(self) -> ScriptedSession:
        return self.sessions[-1]

    def serving(self) -> ScriptedSession:
        """Return the session in which a turn is."""
        return next(session for session in reversed(self.sessions) if session.committed)

    def names(self) -> list[str]:
        return [session.name for session in self.sessions]

    def changes(self) -> list[tuple[str, str]]:
        return [(e.name, e.reason) for e in self.seen if isinstance(e, BackendChanged)]

    def heard(self) -> list[BackendEvent]:
        """Return what came, but for who serves."""
        return [e for e in self.seen if not isinstance(e, BackendChanged)]

    async def say(self, frames: list[Frame] = FRAMES) -> None:
        for one in frames:
            await self.failover.send_audio(one)
        await rest()

    async def ask(self, number: TurnNumber, frames: list[Frame] = FRAMES) -> None:
        await self.say(frames)
        await self.failover.commit_turn(number)
        await rest()

    async def tell(self, *events: BackendEvent | BackendError | None) -> None:
        """Let the latest session tell something."""
        self.last.emit(*events)
        await rest()

    async def answer(self, number: TurnNumber, text: str = "Yes.") -> None:
        response = ResponseId(f"r{number}")
        await self.tell(
            ReplyStarted(response, number), ReplyText(response, text), ReplyEnded(response)
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async def follow() -> None:
            async for event in self.failover.events():
                self.seen.append(event)

        async with asyncio.TaskGroup() as group:
            run = group.create_task(self.failover.run())
            following = group.create_task(follow())
            await rest()
            yield
            run.cancel()
            following.cancel()
        assert len(asyncio.all_tasks()) == 1  # this one
        assert all(session.closed for session in self.sessions)


async def rest() -> None:
    """Let everybody do what is to be done now."""
    for _ in range(60):
        await asyncio.sleep(0)


def scene(play: Callable[[House], Coroutine[Any, Any, None]], house: House | None = None) -> House:
    async def whole() -> House:
        set_up = house or House()
        async with set_up.running():
            await play(set_up)
        return set_up

    return run_virtual(whole())


def audio(response: ResponseId, length: float = 1.0) -> ReplyAudio:
    return ReplyAudio(response, b"\0\0" * round(RATE * length), RATE)


def calling(response: ResponseId, call: str = "c1") -> ToolCalled:
    return ToolCalled(CallId(call), response, "set_light", {"state": "on"})
