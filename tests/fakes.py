"""Working stand-ins for every seam in ``appliance.ports``.

A fake keeps its seam's promises (order, idempotence, errors) and writes down what it was asked to
do. It is never told what to return call by call; that would be a mock.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from appliance.catalogue import ToolSpec
from appliance.errors import BackendError
from appliance.events import (
    BackendEvent,
    Happening,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ToolCalled,
)
from appliance.frames import Frame
from appliance.ports import Cue, Enclosure, ToolResult
from appliance.units import CallId, ResponseId, SampleIndex, SampleRate, Seconds, TurnNumber

RATE = SampleRate(24_000)


@dataclass
class FakeBackend:
    """Answers every turn with the next of its prepared replies."""

    replies: list[list[bytes]] = field(default_factory=list)
    think: Seconds = Seconds(0.5)
    stalled: bool = False
    heard: list[Frame] = field(default_factory=list)
    committed: list[TurnNumber] = field(default_factory=list)
    cleared: int = 0
    expected: int = 0
    as_expected: list[bool] = field(default_factory=list)
    cancelled: list[tuple[ResponseId, Seconds]] = field(default_factory=list)
    answers: dict[CallId, ToolResult] = field(default_factory=dict)
    closed: bool = False
    finds_ends: bool = False
    enclosed: list[Enclosure] = field(default_factory=list)
    taken: list[TurnNumber] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """What it was asked to do, in order."""

    _outbox: asyncio.Queue[BackendEvent | BackendError] = field(default_factory=asyncio.Queue)

    async def events(self) -> AsyncIterator[BackendEvent]:
        while True:
            event = await self._outbox.get()
            if isinstance(event, BackendError):
                raise event
            yield event

    async def send_audio(self, frame: Frame) -> None:
        while self.stalled:  # noqa: ASYNC110 - TCP: nobody reads at the other end
            await asyncio.sleep(0.01)
        self.asked.append("send_audio")
        self.heard.append(frame)

    @property
    def ends_turns(self) -> bool:
        return self.finds_ends

    async def enclose(self, enclosure: Enclosure) -> None:
        self.enclosed.append(enclosure)

    async def expect_end(self) -> None:
        self.expected += 1

    async def commit_turn(self, turn: TurnNumber, *, as_expected: bool = False) -> None:
        self.asked.append("commit_turn")
        self.as_expected.append(as_expected)
        assert turn not in self.committed
        self.committed.append(turn)
        if self.replies:
            loop = asyncio.get_running_loop()
            loop.call_later(self.think, self._reply, turn, self.replies.pop(0))

    async def clear_turn(self) -> None:
        self.asked.append("clear_turn")
        self.cleared += 1

    async def cancel_reply(self, response: ResponseId, *, heard: Seconds) -> None:
        self.asked.append("cancel_reply")
        self.cancelled.append((response, heard))

    async def answer_call(self, call: CallId, result: ToolResult) -> None:
        self.asked.append("answer_call")
        assert call not in self.answers
        self.answers[call] = result

    async def take_reply(self, turn: TurnNumber) -> None:
        self.asked.append("take_reply")
        self.taken.append(turn)
        if self.replies:
            loop = asyncio.get_running_loop()
            loop.call_later(self.think, self._reply, turn, self.replies.pop(0))

    async def close(self) -> None:
        self.closed = True

    def emit(self, event: BackendEvent | BackendError) -> None:
        """Let something happen now."""
        self._outbox.put_nowait(event)

    def _reply(self, turn: TurnNumber, pieces: list[bytes]) -> None:
        response = ResponseId(f"reply-{turn}")
        self.emit(ReplyStarted(response, turn))
        for pcm in pieces:
            self.emit(ReplyAudio(response, pcm, RATE))
        self.emit(ReplyEnded(response))


@dataclass
class FakeSpeaker:
    """Plays at once and remembers what came out."""

    played: list[bytes] = field(default_factory=list)
    finished: list[ResponseId] = field(default_factory=list)
    stops: int = 0
    pieces: dict[ResponseId, int] = field(default_factory=dict)
    """How many pieces of each reply came out: a second each."""

    def play(self, response: ResponseId, pcm: bytes, rate: SampleRate) -> None:
        assert rate == RATE
        assert response not in self.finished
        self.played.append(pcm)
        self.pieces[response] = self.pieces.get(response, 0) + 1

    def heard(self, response: ResponseId) -> Seconds:
        return Seconds(float(self.pieces.get(response, 0)))

    def finish(self, response: ResponseId) -> None:
        self.finished.append(response)

    def stop(self) -> Seconds:
        self.stops += 1
        return Seconds(float(len(self.played)))


@dataclass
class FakeEar:
    """Remembers what it was asked to do."""

    at: SampleIndex = SampleIndex(0)
    through: bool = False
    asked: list[str] = field(default_factory=list)
    listens: list[tuple[SampleIndex, SampleIndex]] = field(default_factory=list)

    def listen(self, *, audio_from: SampleIndex, speech_from: SampleIndex) -> None:
        self.asked.append("listen")
        self.listens.append((audio_from, speech_from))

    def watch(self) -> None:
        self.asked.append("watch")

    def rest(self) -> None:
        self.asked.append("rest")

    def position(self) -> SampleIndex:
        return self.at

    def hears_through(self) -> bool:
        return self.through


@dataclass
class FakeIndicator:
    """Remembers every cue shown."""

    shown: list[Cue] = field(default_factory=list)

    def show(self, cue: Cue) -> None:
        self.shown.append(cue)


@dataclass
class FakeTools:
    """Answers every call after a while."""

    calls: list[ToolCalled] = field(default_factory=list)
    takes: Seconds = Seconds(0.0)

    def catalogue(self) -> Sequence[ToolSpec]:
        return ()

    async def run(self, call: ToolCalled) -> ToolResult:
        self.calls.append(call)  # and published: from here on the house acts
        await asyncio.sleep(self.takes)
        return ToolResult("done")


@dataclass
class FakeObserver:
    """Remembers everything it was told."""

    noted: list[tuple[Seconds, Happening]] = field(default_factory=list)

    def note(self, happening: Happening, at: Seconds) -> None:
        self.noted.append((at, happening))


class LoopClock:
    """The event loop's own time, which in tests is virtual."""

    def now(self) -> Seconds:
        return Seconds(asyncio.get_running_loop().time())

    def call_at(self, when: Seconds, callback: Callable[[], None]) -> Callable[[], None]:
        return asyncio.get_running_loop().call_at(when, callback).cancel
