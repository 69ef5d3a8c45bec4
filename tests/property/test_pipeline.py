"""The pipeline under conversations of any kind, with parts that take any time; in virtual time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.backend.context import Called, Handover, Owed
from appliance.backend.pipeline.parts import Calls, Says
from appliance.backend.pipeline.session import PipelineBackend
from appliance.backend.pipeline.terms import Terms
from appliance.events import (
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ToolCalled,
)
from appliance.ports import ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber
from tests.pipeline_parts import (
    LAMP,
    STOP,
    FakeMind,
    FakeStt,
    FakeTts,
    Sentences,
    Step,
    Talk,
    Wait,
    frame,
    settle,
    trio,
)
from tests.virtual_time import run_virtual

ON = Calls("light", {"state": "on"})

STEPS = st.one_of(
    st.sampled_from([Says("One. "), Says("Two three"), Says("Four. Five. "), ON]),
    st.builds(Wait, st.sampled_from([0.0, 0.05, 0.5])),
)
SCRIPTS = st.lists(st.lists(STEPS, max_size=5), min_size=1, max_size=6)

ACTS = st.one_of(
    st.tuples(st.just("ask"), st.just(0)),
    st.tuples(st.just("answer"), st.integers(0, 9)),
    st.tuples(st.just("fail"), st.integers(0, 9)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("talk over"), st.integers(0, 9)),
    st.tuples(st.just("take"), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([1, 5, 30])),
    st.tuples(st.just("step"), st.integers(1, 9)),
)


@dataclass
class Story(Talk):
    """One conversation as it happens; ``finished`` at the end of every reply is checked."""

    turn: TurnNumber = TurnNumber(0)
    answered: dict[CallId, str] = field(default_factory=dict)
    silenced: dict[ResponseId, int] = field(default_factory=dict)
    """After how many events a reply was not wanted any more."""

    calls: list[CallId] = field(default_factory=list)

    async def act(self, what: str, number: int) -> None:
        match what:
            case "ask":
                await self.backend.send_audio(frame())
                self._go_on()
                await self.backend.commit_turn(self.turn)
            case "take":
                self._go_on()
                await self.backend.take_reply(self.turn)
            case "answer" | "fail":
                await self._answer(number, "done" if what == "answer" else "failed")
            case "cancel" | "talk over":
                replies = [e.response for e in self.of(ReplyStarted)]
                if replies:
                    response = replies[-1 - number % len(replies)]
                    self.silenced.setdefault(response, len(self.events))
                    heard = Seconds(0.0 if what == "cancel" else 0.1)
                    await self.backend.cancel_reply(response, heard=heard)
            case "wait":
                await asyncio.sleep(number / 10)
            case _:
                for _ in range(number):
                    await asyncio.sleep(0)

    def _go_on(self) -> None:
        self.turn = TurnNumber(self.turn + 1)
        for event in self.of(ReplyStarted):
            self.silenced.setdefault(event.response, len(self.events))

    def open_calls(self) -> list[CallId]:
        every = [*self.calls, *(event.call for event in self.of(ToolCalled))]
        return [call for call in every if call not in self.answered]

    async def _answer(self, number: int, status: str) -> None:
        if waiting := self.open_calls():
            call = waiting[number % len(waiting)]
            self.answered[call] = status
            await self.backend.answer_call(call, ToolResult(status, f"Call {call}."))

    async def calm(self) -> None:
        """Wait until nothing happens any more."""
        count = -1
        while count != len(self.events):
            count = len(self.events)
            await asyncio.sleep(8.0)

    async def end(self) -> None:
        """Let everything come to its end."""
        await self.calm()
        while self.open_calls():
            await self.act("answer", 0)
            await self.calm()
        for _ in range(len(self.mind.scripts) + 2):
            await self.act("take", 0)
            await self.calm()
            while self.open_calls():
                await self.act("answer", 0)
                await self.calm()


def told(
    acts: Sequence[tuple[str, int]],
    scripts: Sequence[Sequence[Step]],
    handover: Handover,
    *,
    takes: float = 0.1,
) -> Story:
    async def main() -> Story:
        # what is said last calls nothing, or it would never end
        parts = trio(
            *scripts, [Says("The end.")], stt=FakeStt(takes=takes), tts=FakeTts(first=takes)
        )
        terms = Terms(connect=Seconds(3.0), stall=Seconds(4.0), stages=False)
        backend = PipelineBackend(parts, Sentences(), lambda: (LAMP, STOP), terms, handover)
        story = Story(backend, parts, turn=TurnNumber(1 if handover.owed else 0))
        if handover.owed is not None:
            story.calls = [called.call for called in handover.owed.calls]
        async with asyncio.TaskGroup() as group:
            group.create_task(story.follow(), name="events")
            for act in acts:
                await story.act(*act)
            await story.end()
            await backend.close()
            await settle()
            assert len(asyncio.all_tasks()) == 1
        return story

    return run_virtual(main())


def owed(calls: int, *, notice: bool) -> Handover:
    called = tuple(Called(CallId(f"far-{n}"), "light", {}) for n in range(calls))
    return Handover(owed=Owed(TurnNumber(1), called) if called else None, notice=notice)


def results(story: Story) -> list[CallId]:
    """Return the calls whose results the mind was told in talks that it finished telling."""
    mind = story.mind
    assert isinstance(mind, FakeMind)
    return [answered.call for told in mind.talks for answered in told.results]


@settings(deadline=None)
@given(
    acts=st.lists(ACTS, max_size=20),
    scripts=SCRIPTS,
    calls=st.integers(0, 2),
    notice=st.booleans(),
    takes=st.sampled_from([0.0, 0.2]),
)
def test_replies_are_whole_and_nothing_comes_of_what_is_not_wanted(
    acts: list[tuple[str, int]],
    scripts: list[list[Step]],
    calls: int,
    *,
    notice: bool,
    takes: float,
) -> None:
    story = told(acts, scripts, owed(calls, notice=notice), takes=takes)
    started: dict[ResponseId, TurnNumber] = {}
    ended: set[ResponseId] = set()
    for number, event in enumerate(story.events):
        match event:
            case ReplyStarted(response=response, turn=turn):
                assert response not in started
                started[response] = turn
            case ReplyText() | ReplyAudio() | ToolCalled() | ReplyEnded():
                assert event.response in started
                assert event.response not in ended
                assert number < story.silenced.get(event.response, len(story.events))
                if isinstance(event, ReplyEnded):
                    ended.add(event.response)
            case _:
                pass
    # every reply that nobody silenced came to its end, and so did the last turn
    assert {r for r in started if r not in story.silenced} <= ended
    assert story.turn in {turn for response, turn in started.items() if response in ended}
    assert len(story.of(ToolCalled)) == len({event.call for event in story.of(ToolCalled)})


@settings(deadline=None)
@given(
    acts=st.lists(ACTS.filter(lambda act: act[0] not in {"cancel", "talk over"}), max_size=12),
    scripts=SCRIPTS,
    calls=st.integers(0, 2),
)
def test_every_result_reaches_the_mind_and_a_reply_that_is_heard(
    acts: list[tuple[str, int]], scripts: list[list[Step]], calls: int
) -> None:
    story = told(acts, scripts, owed(calls, notice=False))
    assert set(results(story)) == set(story.answered)
