"""Chaos: whole conversations while backends die, stall, refuse and come back, in virtual time.

Whatever happens: a backend that is told to answer a turn has heard all of it, once; every call is
run at most once and answered exactly once; the machine comes home; no task is left. And as long as
the last backend is well, every question that nobody takes back is answered.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Literal

import numpy as np
from hypothesis import event, given, note
from hypothesis import strategies as st

from appliance import turn
from appliance.backend.choice import Choice
from appliance.backend.context import Handover
from appliance.backend.failover import Failover
from appliance.backend.roster import Patience
from appliance.catalogue import ToolSpec
from appliance.conversation import Box, Conversation
from appliance.errors import (
    BackendError,
    BackendRefused,
    BackendStalled,
    BackendUnavailable,
)
from appliance.events import (
    BackendEvent,
    MuteSwitched,
    PlaybackDrained,
    ReplyAudio,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    ReplyText,
    SpeechEnded,
    SpeechPaused,
    SpeechStarted,
    StopAsked,
    ToolCalled,
    Transcribed,
    Usage,
    Used,
    WakeWordHeard,
)
from appliance.frames import FRAME_SAMPLES, Frame
from appliance.ports import Cue, Enclosure, ToolResult
from appliance.units import CallId, ResponseId, SampleIndex, SampleRate, Seconds, TurnNumber
from tests.fakes import RATE, FakeEar, FakeIndicator, FakeObserver, LoopClock
from tests.sessions import FakePurse
from tests.virtual_time import run_virtual

STALL_S = 4.0
INTERIM_S = 2.5
WORST_OUTAGE_S = 200.0


@dataclass(frozen=True)
class Answer:
    """How a turn is answered, whoever does it."""

    think: float
    pieces: int
    calls: int
    spoken_call: bool


@dataclass(frozen=True)
class Fault:
    """What befalls a session, and how long after which moment of its life."""

    kind: Literal["dies", "hangs", "breaks", "refuses", "connects never", "connects slowly"]
    at: str
    after: float


Kind = Literal[
    "ask",
    "ask and wait",
    "talk over",
    "never mind",
    "stop",
    "mute",
    "private",
    "money",
    "configure",
    "choose",
    "renew",
]


@dataclass(frozen=True)
class Act:
    """What the people do next."""

    kind: Kind
    frames: int
    after: float


@dataclass(frozen=True)
class Story:
    acts: Sequence[Act]
    answers: Sequence[Answer]
    faults: Sequence[Fault | None]
    local_faults: Sequence[Fault | None]
    tools_take: Sequence[float]
    follow_up: float


@dataclass
class _Owing:
    """Calls of one turn that a session waits for."""

    number: TurnNumber
    missing: set[CallId]
    response: ResponseId | None = None
    interim: bool = False


@dataclass(eq=False)
class AnsweringSession:
    """Answers by itself, as the story says, and checks what it is told."""

    chaos: "Chaos"
    name: str
    handover: Handover
    fault: Fault | None
    ends_turns: bool = False
    ready: bool = False
    closed: bool = False
    hung: bool = False
    broken: bool = False
    buffer: list[Frame] = field(default_factory=list)
    told: set[CallId] = field(default_factory=set)
    answered: set[CallId] = field(default_factory=set)
    committed: set[TurnNumber] = field(default_factory=set)
    replies: set[ResponseId] = field(default_factory=set)
    cancelled: set[ResponseId] = field(default_factory=set)
    wanted: TurnNumber | None = None
    owing: list[_Owing] = field(default_factory=list)
    offered: list[TurnNumber] = field(default_factory=list)
    count: int = 0
    outbox: asyncio.Queue[BackendEvent | BackendError] = field(default_factory=asyncio.Queue)

    def __post_init__(self) -> None:
        owed = self.handover.owed
        if owed is not None:
            self.told = {called.call for called in owed.calls}
            self.wanted = owed.turn if owed.calls else None

    async def events(self) -> AsyncIterator[BackendEvent]:
        await self._connect()
        self.ready = True
        owed = self.handover.owed
        if owed is not None and owed.calls and self.wanted == owed.turn:
            missing = {called.call for called in owed.calls if called.result is None}
            self._wait_for(_Owing(owed.turn, missing - self.answered))
        while True:
            item = await self.outbox.get()
            if isinstance(item, BackendError):
                raise item
            yield item

    async def _connect(self) -> None:
        match self.fault:
            case Fault("connects never"):
                await asyncio.sleep(3.0)
                raise BackendUnavailable("no route")
            case Fault("connects slowly", _, after):
                await asyncio.sleep(min(2.9, after))
            case Fault("refuses"):
                await asyncio.sleep(0.1)
                raise BackendRefused("invalid_api_key", "put a valid key")
            case _:
                self._moment("opened")

    def _moment(self, what: str) -> None:
        """Let the fault take its course, if this is what it waits for."""
        fault = self.fault
        if fault is None or fault.at != what:
            return
        self.fault = None
        self.chaos.struck[f"{fault.kind} when {what}"] += 1
        loop = asyncio.get_running_loop()
        match fault.kind:
            case "dies":
                loop.call_later(fault.after, self.outbox.put_nowait, BackendUnavailable("gone"))
            case "hangs":
                loop.call_later(fault.after, self._hang)
            case "breaks":
                loop.call_later(fault.after, setattr, self, "broken", True)  # noqa: FBT003
            case _:
                pass

    def _hang(self) -> None:
        self.hung = True
        stalled = BackendStalled("nothing")
        asyncio.get_running_loop().call_later(STALL_S, self.outbox.put_nowait, stalled)

    async def send_audio(self, frame: Frame) -> None:
        await self._take()
        self._moment("heard")
        self.buffer.append(frame)

    async def enclose(self, enclosure: Enclosure) -> None:
        del enclosure
        await self._take()

    async def expect_end(self) -> None:
        await self._take()

    async def commit_turn(self, turn: TurnNumber, *, as_expected: bool = False) -> None:
        del as_expected
        await self._take()
        self._moment("asked")
        assert turn not in self.committed
        self.committed.add(turn)
        heard, self.buffer = self.buffer, []
        assert heard == self.chaos.sound[turn], "sound lost, doubled or out of order"
        owed = self.handover.owed
        assert owed is None or owed.turn != turn or not owed.calls
        self.wanted = turn
        self.owing.clear()
        self._later(self.chaos.answer(turn).think, partial(self._reply, turn))

    async def clear_turn(self) -> None:
        await self._take()
        self.buffer.clear()
        self.wanted = None

    async def cancel_reply(self, response: ResponseId, *, heard: Seconds) -> None:
        await self._take()
        assert heard >= 0.0
        assert response in self.replies
        self.cancelled.add(response)
        self.owing = [owing for owing in self.owing if owing.response != response]

    async def answer_call(self, call: CallId, result: ToolResult) -> None:
        del result
        await self._take()
        assert call in self.told, "an answer that this session does not wait for"
        assert call not in self.answered
        self._moment("answered")
        self.answered.add(call)
        for owing in self.owing:
            owing.missing.discard(call)
            if not owing.missing:
                self._settle(owing)
        self.owing = [owing for owing in self.owing if owing.missing]

    async def take_reply(self, turn: TurnNumber) -> None:
        await self._take()
        self.wanted = turn
        self._later(0.1, partial(self._say, turn))

    async def close(self) -> None:
        self.closed = True

    async def _take(self) -> None:
        while self.hung:
            await asyncio.Event().wait()
        if self.broken:
            raise BackendUnavailable("broken pipe")
        assert not self.closed

    def _reply(self, number: TurnNumber) -> None:
        answer = self.chaos.answer(number)
        if self.wanted != number or answer.calls == 0:
            self._say(number)
            return
        self._emit(Transcribed(number, f"question {number}"))
        response = self._start(number)
        if answer.spoken_call:
            self._emit(ReplyAudio(response, bytes(RATE // 5 * 2), SampleRate(RATE)))
        calls = [CallId(f"{response}-{n}") for n in range(answer.calls)]
        self.told.update(calls)
        for n, call in enumerate(calls):
            self._emit(ToolCalled(call, response, "act", {"turn": number, "n": n}))
        self._moment("called")
        self._emit(ReplyEnded(response, calls_tool=True))
        self._wait_for(_Owing(number, set(calls), response))

    def _wait_for(self, owing: _Owing) -> None:
        if not owing.missing:
            self._settle(owing)
            return
        self.owing.append(owing)
        self._later(INTERIM_S, partial(self._interim, owing))

    def _interim(self, owing: _Owing) -> None:
        if owing in self.owing and self.wanted == owing.number:
            owing.interim = True
            self._say(owing.number)

    def _settle(self, owing: _Owing) -> None:
        if owing.interim:
            self._emit(ReplyOffered())
        elif self.wanted == owing.number:
            self._later(0.2, partial(self._say, owing.number))

    def _say(self, number: TurnNumber) -> None:
        if self.wanted != number:
            return
        response = self._start(number)
        self._emit(Used(Usage("model"), number))
        for n in range(self.chaos.answer(number).pieces):
            self._later(0.2 * n, partial(self._piece, response))
        end = 0.2 * self.chaos.answer(number).pieces
        self._later(end, partial(self._end, response))

    def _start(self, number: TurnNumber) -> ResponseId:
        self.count += 1
        response = ResponseId(f"r{self.count}")
        self.replies.add(response)
        self._emit(ReplyStarted(response, number))
        return response

    def _piece(self, response: ResponseId) -> None:
        if response not in self.cancelled:
            self._moment("replying")
            self._emit(ReplyText(response, "word "))
            self._emit(ReplyAudio(response, bytes(RATE // 5 * 2), RATE))

    def _end(self, response: ResponseId) -> None:
        if response not in self.cancelled:
            self._emit(ReplyEnded(response))

    def _later(self, delay: float, what: "partial[None]") -> None:
        def now() -> None:
            if not (self.closed or self.hung):
                what()

        asyncio.get_running_loop().call_later(delay, now)

    def _emit(self, item: BackendEvent) -> None:
        if not self.hung:
            self.outbox.put_nowait(item)


class Tapped(Failover):
    """Writes down what the conversation asks of it."""

    def listen(self, chaos: "Chaos") -> None:
        self.chaos = chaos

    async def send_audio(self, frame: Frame) -> None:
        self.chaos.speaking.append(frame)
        await super().send_audio(frame)

    async def commit_turn(self, turn: TurnNumber, *, as_expected: bool = False) -> None:
        self.chaos.sound[turn], self.chaos.speaking = self.chaos.speaking, []
        await super().commit_turn(turn, as_expected=as_expected)

    async def clear_turn(self) -> None:
        self.chaos.speaking = []
        await super().clear_turn()

    async def answer_call(self, call: CallId, result: ToolResult) -> None:
        self.chaos.answered[call] += 1
        await super().answer_call(call, result)


@dataclass
class Loudspeaker:
    """Plays in virtual time."""

    put: "Conversation | None" = None
    until: float = 0.0
    timers: list[asyncio.TimerHandle] = field(default_factory=list)

    def play(self, response: ResponseId, pcm: bytes, rate: SampleRate) -> None:
        del response
        now = asyncio.get_running_loop().time()
        self.until = max(now, self.until) + len(pcm) / 2 / rate

    def finish(self, response: ResponseId) -> None:
        loop = asyncio.get_running_loop()
        self.timers.append(loop.call_at(max(self.until, loop.time()), self._drained, response))

    def _drained(self, response: ResponseId) -> None:
        if self.put is not None:
            self.put.put(PlaybackDrained(response))

    def heard(self, response: ResponseId) -> Seconds:
        del response
        return Seconds(0.1)

    def stop(self) -> Seconds:
        for timer in self.timers:
            timer.cancel()
        self.timers.clear()
        self.until = asyncio.get_running_loop().time()
        return Seconds(0.1)


@dataclass
class Actions:
    """Runs calls, each in the time that the story says."""

    takes: Sequence[float]
    ran: list[tuple[object, object]] = field(default_factory=list)

    def catalogue(self) -> Sequence[ToolSpec]:
        return ()

    async def run(self, call: ToolCalled) -> ToolResult:
        self.ran.append((call.arguments["turn"], call.arguments["n"]))
        await asyncio.sleep(self.takes[len(self.ran) % len(self.takes)])
        return ToolResult("done")


class Chaos:
    """One story, told once."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.sound: dict[TurnNumber, list[Frame]] = {}
        self.speaking: list[Frame] = []
        self.answered: Counter[CallId] = Counter()
        self.sessions: list[AnsweringSession] = []
        self.struck: Counter[str] = Counter()
        self.healed = False
        self.position = 0
        self.ear = FakeEar()
        self.purse = FakePurse()
        self.indicator = FakeIndicator()
        self.observer = FakeObserver()
        self.speaker = Loudspeaker()
        self.tools = Actions(story.tools_take)
        box = Box(self.ear, self.speaker, self.indicator, LoopClock(), self.observer)
        timing = turn.Timing(follow_up=Seconds(story.follow_up), barge_in="speech")
        self.conversation = Conversation(box, tools=self.tools, timing=timing)
        self.speaker.put = self.conversation
        self.failover = Tapped(
            {name: partial(self.open, name) for name in ("realtime", "local")},
            Choice(("realtime", "local"), frozenset({"realtime"})),
            patience=Patience(recycle=Seconds(40.0), idle_close=Seconds(15.0)),
            clock=LoopClock(),
            purse=self.purse,
            jitter=lambda: 0.5,
        )
        self.failover.listen(self)

    def open(self, name: str, handover: Handover) -> AnsweringSession:
        nth = sum(session.name == name for session in self.sessions)
        faults = self.story.faults if name == "realtime" else self.story.local_faults
        fault = faults[nth] if nth < len(faults) and not self.healed else None
        session = AnsweringSession(self, name, handover, fault)
        self.sessions.append(session)
        return session

    def answer(self, number: TurnNumber) -> Answer:
        return self.story.answers[number % len(self.story.answers)]

    async def tell(self) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self.failover.run()),
                group.create_task(self.conversation.run(self.failover)),
            ]
            await asyncio.sleep(0)
            for act in self.story.acts:
                await self.act(act)
                await asyncio.sleep(act.after)
            await self.come_to_rest()
            await self.ask(20)
            await asyncio.sleep(60.0)
            self.check_that_the_last_question_was_answered()
            for task in tasks:
                task.cancel()
        assert len(asyncio.all_tasks()) == 1
        assert all(session.closed for session in self.sessions)
        self.check_calls()

    async def act(self, act: Act) -> None:
        put = self.conversation.put
        match act.kind:
            case "ask":
                await self.ask(act.frames)
            case "ask and wait":
                await self.ask(act.frames)
                await self.wait_for_the_end()
            case "talk over":
                await self.say(act.frames)
                put(SpeechEnded(SampleIndex(self.position)))
            case "never mind":
                await self.speak(act.frames)
                put(StopAsked())
            case "stop":
                put(StopAsked())
            case "mute":
                put(MuteSwitched(muted=True))
                await asyncio.sleep(0.5)
                put(MuteSwitched(muted=False))
            case _:
                self.set(act.kind)

    def set(self, what: Kind) -> None:
        match what:
            case "private":
                self.failover.set_private(private=not self.failover.private)
            case "money":
                self.purse.exhausted = not self.purse.exhausted
                self.failover.budget_changed()
            case "configure":
                self.failover.configured()
            case "choose":
                chosen = self.failover.choice.preferred is not None
                self.failover.prefer(None if chosen else "local")
            case "renew":
                self.failover.renew()
            case _:
                raise AssertionError(what)

    async def ask(self, frames: int) -> None:
        """Wake it, say so many frames, fall silent."""
        await self.speak(frames)
        self.conversation.put(SpeechPaused(SampleIndex(self.position)))
        await asyncio.sleep(0.2)
        self.conversation.put(SpeechEnded(SampleIndex(self.position)))

    async def speak(self, frames: int) -> None:
        self.conversation.put(WakeWordHeard("computer", 0.9, SampleIndex(self.position)))
        await asyncio.sleep(0.2)
        await self.say(frames)

    async def say(self, frames: int) -> None:
        self.conversation.put(SpeechStarted(SampleIndex(self.position)))
        for _ in range(frames):
            samples = np.zeros(FRAME_SAMPLES, np.int16)
            self.conversation.hear(Frame(samples, SampleIndex(self.position)), ())
            self.position += FRAME_SAMPLES
            if self.position % (10 * FRAME_SAMPLES) == 0:
                await asyncio.sleep(0.5)

    async def wait_for_the_end(self) -> None:
        for _ in range(1000):
            await asyncio.sleep(0.1)
            if isinstance(self.conversation.state, turn.Idle):
                return
        raise AssertionError("the machine does not come home")

    async def come_to_rest(self) -> None:
        await self.wait_for_the_end()
        self.healed = True
        self.purse.exhausted = False
        self.failover.set_private(private=False)
        self.failover.prefer(None)
        await asyncio.sleep(1.0)  # a try that is under way may still be refused
        self.failover.configured()
        await asyncio.sleep(WORST_OUTAGE_S)
        await self.wait_for_the_end()
        assert self.failover.serving == "realtime"
        alive = [session for session in self.sessions if not session.closed]
        assert len(alive) <= 2
        assert not any(session.owing for session in alive), "an answer never came"

    def check_that_the_last_question_was_answered(self) -> None:
        assert isinstance(self.conversation.state, turn.Idle)
        assert self.indicator.shown[-1] is Cue.IDLE
        asked = max(self.sound)
        assert len(self.sound[asked]) == 20
        assert asked in self.sessions[-1].committed

    def check_calls(self) -> None:
        assert len(set(self.tools.ran)) == len(self.tools.ran), "an action ran twice"
        published = [e.call for _, e in self.observer.noted if isinstance(e, ToolCalled)]
        assert len(set(published)) == len(published)
        assert self.answered == Counter(published), "a call without its one answer"


QUIET: Sequence[Kind] = (
    "ask and wait",
    "ask and wait",
    "ask and wait",
    "private",
    "money",
    "configure",
    "choose",
    "renew",
)
LIVELY: Sequence[Kind] = (
    "ask",
    "ask",
    "ask",
    "talk over",
    "talk over",
    "never mind",
    "stop",
    "mute",
    *QUIET,
)


def some_fault(dice: Random) -> Fault | None:
    match dice.randrange(10):
        case 0 | 1:
            return None
        case 2:
            return Fault("connects never", "", 0.0)
        case 3:
            return Fault("connects slowly", "", dice.uniform(0.0, 2.9))
        case 4 if dice.random() < 0.3:
            return Fault("refuses", "", 0.0)
        case _:
            moment = dice.choice(["opened", "heard", "asked", "replying", "called", "answered"])
            after = dice.choice([0.0, 0.0, 0.1, 0.5, 2.0])
            return Fault(dice.choice(["dies", "dies", "hangs", "breaks"]), moment, after)


def some_story(seed: int, kinds: Sequence[Kind], *, local_ill: bool) -> Story:
    """Return a story. Drawn piece by piece, Hypothesis tells of too few faults."""
    dice = Random(seed)  # noqa: S311 - no secret
    acts = [
        Act(dice.choice(kinds), dice.choice([1, 10, 50]), dice.choice([0.0, 0.4, 1.0, 3.0, 20.0]))
        for _ in range(dice.randint(3, 8))
    ]
    answers = [
        Answer(
            think=dice.choice([0.0, 0.3, 2.0]),
            pieces=dice.choice([1, 2, 5, 12]),
            calls=dice.choice([0, 0, 1, 2]),
            spoken_call=dice.random() < 0.5,
        )
        for _ in range(3)
    ]
    return Story(
        acts,
        answers,
        faults=[some_fault(dice) for _ in range(8)],
        local_faults=[some_fault(dice) if local_ill else None for _ in range(4)],
        tools_take=[dice.choice([0.0, 0.3, 2.0, 8.0]) for _ in range(3)],
        follow_up=dice.choice([0.0, 4.0]),
    )


def tell(story: Story) -> Chaos:
    note(repr(story))
    chaos = Chaos(story)
    run_virtual(chaos.tell())
    for session in chaos.sessions:
        owed = session.handover.owed
        if owed is not None:
            event("taken over after a call" if owed.calls else "taken over after a question")
    for what in chaos.struck:
        event(what)
    return chaos


SEEDS = st.integers(0, 2**32)


@given(SEEDS)
def test_whatever_fails_nothing_is_lost_doubled_or_left_behind(seed: int) -> None:
    tell(some_story(seed, LIVELY, local_ill=True))


@given(SEEDS)
def test_as_long_as_the_last_backend_is_well_every_question_is_answered(seed: int) -> None:
    chaos = tell(some_story(seed, QUIET, local_ill=False))
    assert Cue.FAILED not in chaos.indicator.shown
