"""The on-device backend under conversations of any kind, in virtual time."""

import asyncio
from collections.abc import Sequence
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.backend.context import Called, Handover, Owed
from appliance.backend.local import phrases, worker
from appliance.backend.local.pipeline import LocalBackend, Parts
from appliance.backend.local.understand.types import Understanding
from appliance.errors import BackendUnavailable
from appliance.events import (
    BackendEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ToolCalled,
)
from appliance.ports import ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber
from tests.on_device import LAMP, OFF, ON, STOP, AtOnce, Ears, Mind, Mouth, frame
from tests.virtual_time import run_virtual

SAY = phrases.load("en")
MEANINGS = (
    Understanding("sentences", (ON,)),
    Understanding("sentences", (ON, OFF)),
    Understanding("none"),
    Understanding("sentences", say="Which light?"),
)

ACTS = st.one_of(
    st.tuples(st.just("ask"), st.integers(0, len(MEANINGS) - 1)),
    st.tuples(st.just("answer"), st.integers(0, 9)),
    st.tuples(st.just("fail"), st.integers(0, 9)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("talk over"), st.integers(0, 9)),
    st.tuples(st.just("take"), st.just(0)),
    st.tuples(st.just("wait"), st.integers(1, 5)),
    st.tuples(st.just("step"), st.integers(1, 3)),
    st.tuples(st.just("settle"), st.just(0)),
)


class Story:
    """One conversation as it happens."""

    def __init__(self, handover: Handover) -> None:
        self.mind = Mind(MEANINGS[0])
        parts = Parts(Ears(), self.mind, Mouth(), SAY)
        self.backend = LocalBackend(parts, lambda: (LAMP, STOP), handover=handover)
        self.events: list[BackendEvent] = []
        self.turn = TurnNumber(1 if handover.owed else 0)
        owed = handover.owed.calls if handover.owed is not None else ()
        self.calls: list[CallId] = [called.call for called in owed]
        self.answered: dict[CallId, str] = {}
        self.cancelled: set[ResponseId] = set()

    def said(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, ReplyText)]

    async def follow(self) -> None:
        try:
            async for event in self.backend.events():
                self.events.append(event)
                if isinstance(event, ToolCalled):
                    self.calls.append(event.call)
        except BackendUnavailable:
            pass

    async def act(self, what: str, number: int) -> None:
        match what:
            case "ask":
                self.mind.meaning = MEANINGS[number]
                self.turn = TurnNumber(self.turn + 1)
                await self.backend.send_audio(frame())
                await self.backend.commit_turn(self.turn)
            case "take":
                self.turn = TurnNumber(self.turn + 1)
                await self.backend.take_reply(self.turn)
            case "answer" | "fail":
                await self._answer(number, "done" if what == "answer" else "failed")
            case "cancel" | "talk over":
                replies = [e.response for e in self.events if isinstance(e, ReplyStarted)]
                if replies:
                    response = replies[-1 - number % len(replies)]
                    self.cancelled.add(response)
                    heard = Seconds(0.0 if what == "cancel" else 0.3)
                    await self.backend.cancel_reply(response, heard=heard)
            case "wait":
                await asyncio.sleep(number)
            case "step":
                for _ in range(number):
                    await asyncio.sleep(0)
            case _:
                await settle()

    async def _answer(self, number: int, status: str) -> None:
        open_calls = [call for call in self.calls if call not in self.answered]
        if open_calls:
            call = open_calls[number % len(open_calls)]
            self.answered[call] = status
            await self.backend.answer_call(call, ToolResult(status, f"Call {call} {status}."))


async def settle() -> None:
    for _ in range(100):
        await asyncio.sleep(0)


async def tell(acts: Sequence[tuple[str, int]], handover: Handover) -> Story:
    story = Story(handover)
    async with asyncio.TaskGroup() as group:
        group.create_task(story.follow(), name="events")
        for act in acts:
            await story.act(*act)
        await settle()
        while any(call not in story.answered for call in story.calls):
            await story.act("fail", 0)
            await settle()
        for _ in range(2):
            await story.act("take", 0)
            await settle()
        await story.backend.close()
    return story


def owed(calls: int, *, notice: bool) -> Handover:
    called = tuple(Called(CallId(f"far-{n}"), "light", {}) for n in range(calls))
    return Handover(owed=Owed(TurnNumber(1), called) if called else None, notice=notice)


@settings(deadline=None)
@given(acts=st.lists(ACTS, max_size=25), calls=st.integers(0, 2), notice=st.booleans())
def test_replies_are_whole_and_nothing_is_said_twice(
    acts: list[tuple[str, int]], calls: int, *, notice: bool
) -> None:
    story = told(acts, owed(calls, notice=notice))
    started: dict[ResponseId, TurnNumber] = {}
    ended: set[ResponseId] = set()
    for event in story.events:
        match event:
            case ReplyStarted(response=response, turn=turn):
                assert response not in started
                started[response] = turn
            case ReplyText() | ReplyAudio() | ToolCalled():
                assert event.response in started
                assert event.response not in ended
            case ReplyEnded(response=response):
                assert response not in ended
                ended.add(response)
            case _:
                pass
    # nobody has left the last turn behind
    assert story.turn in {turn for response, turn in started.items() if response in ended}
    reports = [text for text in story.said() if text.startswith("Call ")]
    if not story.cancelled:
        assert len(reports) == len(set(reports))
        assert story.said().count(SAY.alone) <= notice


@settings(deadline=None)
@given(
    acts=st.lists(
        ACTS.filter(lambda act: act[0] in {"ask", "answer", "fail", "wait"}), max_size=8
    ),
    calls=st.integers(0, 2),
)
def test_every_answer_is_told_once_to_who_silences_nothing(
    acts: list[tuple[str, int]], calls: int
) -> None:
    calmly = [step for act in acts for step in (act, ("settle", 0))]
    story = told(calmly, owed(calls, notice=False))
    reports = [text for text in story.said() if text.startswith("Call ")]
    assert sorted(reports) == sorted(f"Call {call} {how}." for call, how in story.answered.items())


def told(acts: Sequence[tuple[str, int]], handover: Handover) -> Story:
    with patch.object(worker, "ThreadPoolExecutor", AtOnce):
        return run_virtual(tell(acts, handover))
