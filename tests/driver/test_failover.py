"""Several backends as one, with scripted sessions, in virtual time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pytest

from appliance.backend.choice import Choice
from appliance.backend.context import Called, Handover, Owed, Said
from appliance.backend.failover import Failover
from appliance.backend.link import SEND_S
from appliance.backend.roster import Patience
from appliance.errors import (
    BackendError,
    BackendRefused,
    BackendStalled,
    BackendUnavailable,
)
from appliance.events import (
    BackendChanged,
    BackendEvent,
    BackendLost,
    EndOfTurnFound,
    ReplyAudio,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    ReplyText,
    ToolCalled,
    Transcribed,
    Usage,
    Used,
)
from appliance.frames import FRAME_SAMPLES, Frame
from appliance.ports import Enclosure, ToolResult
from appliance.units import CallId, ResponseId, SampleIndex, Seconds, TurnNumber
from tests.fakes import RATE, LoopClock
from tests.sessions import FakePurse, ScriptedSession
from tests.virtual_time import run_virtual

GONE = BackendUnavailable("the network is gone")
REFUSED = BackendRefused("invalid_api_key", "put a valid key")
FIRST, SECOND, THIRD = TurnNumber(1), TurnNumber(2), TurnNumber(3)
R1, R2 = ResponseId("r1"), ResponseId("r2")
DONE = ToolResult("done", "The light is on.")
PATIENCE = Patience(recycle=Seconds(300.0))


def frame(number: int) -> Frame:
    return Frame(np.zeros(FRAME_SAMPLES, np.int16), SampleIndex(number * FRAME_SAMPLES))


FRAMES = [frame(number) for number in range(20)]


@dataclass
class House:
    order: tuple[str, ...] = ("realtime", "local")
    purse: FakePurse = field(default_factory=FakePurse)
    sessions: list[ScriptedSession] = field(default_factory=list)
    seen: list[BackendEvent] = field(default_factory=list)
    unreachable: set[str] = field(default_factory=set)
    connects: Seconds = Seconds(0.0)

    def __post_init__(self) -> None:
        self.failover = Failover(
            {name: partial(self.open, name) for name in self.order},
            Choice(self.order, frozenset({"realtime"})),
            patience=PATIENCE,
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

    @property
    def last(self) -> ScriptedSession:
        return self.sessions[-1]

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

    async def tell(self, *events: BackendEvent | BackendError) -> None:
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


def test_first_frame_opens_the_best_session_and_everything_goes_there() -> None:
    async def play(house: House) -> None:
        assert house.sessions == []
        await house.say()
        await house.failover.expect_end()
        await house.failover.commit_turn(FIRST, as_expected=True)
        await rest()
        assert house.last.asked[-2:] == ["expect", "commit, as expected"]

    house = scene(play)
    assert house.names() == ["realtime"]
    assert house.last.frames == FRAMES
    assert house.last.handover == Handover()
    assert house.seen == []


def test_sound_waits_for_the_session_and_none_is_lost() -> None:
    async def play(house: House) -> None:
        house.connects = Seconds(2.0)
        await house.ask(FIRST)
        await house.answer(FIRST)
        assert not house.seen
        await asyncio.sleep(2.1)
        assert len(house.seen) == 3

    assert scene(play).last.frames == FRAMES


@pytest.mark.parametrize("how", ["events", "method"])
def test_who_speaks_while_the_session_is_lost_is_heard_whole_by_the_next(how: str) -> None:
    async def play(house: House) -> None:
        await house.say(FRAMES[:12])
        if how == "events":
            await house.tell(GONE)
        else:
            house.last.breaks = GONE
        await house.say(FRAMES[12:])
        await house.failover.commit_turn(FIRST)
        await rest()

    house = scene(play)
    assert house.names() == ["realtime", "local"]
    assert house.last.frames == FRAMES
    assert house.last.committed == [FIRST]
    assert house.changes() == [("local", "backend.unavailable")]
    assert house.last.handover == Handover(notice=True)


def test_question_is_answered_by_the_next_when_the_session_is_lost_before_the_reply() -> None:
    note = Enclosure("see this")

    async def play(house: House) -> None:
        await house.say()
        await house.failover.enclose(note)
        await house.failover.expect_end()
        await house.failover.commit_turn(FIRST, as_expected=True)
        await rest()
        await house.tell(BackendStalled("nothing for 4 s"))
        await house.answer(FIRST)

    house = scene(play)
    assert house.last.frames == FRAMES
    assert house.last.enclosed == [note]
    assert house.last.asked[-3:] == ["enclose", "expect", "commit, as expected"]
    assert house.last.handover == Handover(owed=Owed(FIRST), notice=True)
    assert [type(event) for event in house.heard()] == [ReplyStarted, ReplyText, ReplyEnded]


def test_handing_over_takes_no_time() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await asyncio.sleep(3.0)
        lost_at = asyncio.get_running_loop().time()
        await house.tell(GONE)
        assert set(house.last.taken_at) == {lost_at}

    assert scene(play).last.frames == FRAMES


def test_half_a_reply_ends_as_one_that_another_follows() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), audio(R1), GONE)
        await house.answer(FIRST)

    house = scene(play)
    assert house.last.frames == FRAMES
    assert house.last.committed == [FIRST]
    lost, again = ResponseId("realtime-1/r1"), ResponseId("local-2/r1")
    assert [
        (type(event), getattr(event, "response", None), getattr(event, "calls_tool", None))
        for event in house.seen
    ] == [
        (ReplyStarted, lost, None),
        (ReplyAudio, lost, None),
        (BackendChanged, None, None),
        (ReplyEnded, lost, True),
        (ReplyStarted, again, None),
        (ReplyText, again, None),
        (ReplyEnded, again, False),
    ]


def test_after_a_whole_reply_nothing_is_owed() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.answer(FIRST)
        await house.tell(GONE)
        assert house.names() == ["realtime"]
        assert house.failover.serving == "local"
        await house.ask(SECOND, FRAMES[:3])

    house = scene(play)
    assert house.names() == ["realtime", "local"]
    assert house.last.frames == FRAMES[:3]
    assert house.last.handover.owed is None


@pytest.mark.parametrize("ended", [False, True])
def test_published_calls_are_owed_not_asked_for_again(ended: bool) -> None:  # noqa: FBT001
    first, second = CallId("realtime-1/call-1"), CallId("realtime-1/call-2")

    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), calling(R1, "c2"))
        if ended:
            await house.tell(ReplyEnded(R1, calls_tool=True))
        await house.failover.answer_call(first, DONE)
        await rest()
        await house.tell(GONE)
        await house.failover.answer_call(second, DONE)
        await house.answer(FIRST, "The light is on.")

    house = scene(play)
    lost, next_one = house.sessions
    assert lost.answers == {CallId("c1"): DONE}
    owed = next_one.handover.owed
    assert owed is not None
    assert [(call.call, call.result) for call in owed.calls] == [(first, DONE), (second, None)]
    assert next_one.handover.lines == ()
    assert next_one.frames == []
    assert next_one.committed == []
    assert next_one.answers == {second: DONE}
    assert [e.call for e in house.seen if isinstance(e, ToolCalled)] == [first, second]
    ends = [event.calls_tool for event in house.seen if isinstance(event, ReplyEnded)]
    assert ends == [True, False]


def test_reply_that_reports_calls_is_reported_again_when_it_is_lost() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), ReplyEnded(R1, calls_tool=True))
        await house.failover.answer_call(CallId("realtime-1/call-1"), DONE)
        await rest()
        await house.tell(ReplyStarted(R2, FIRST), audio(R2), GONE)

    owed = scene(play).last.handover.owed
    assert owed is not None
    assert [call.result for call in owed.calls] == [DONE]


def test_names_are_unique_over_sessions_and_translated_back() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), ReplyEnded(R1, calls_tool=True))
        call = next(event for event in house.seen if isinstance(event, ToolCalled))
        assert call.response == "realtime-1/r1"
        await house.failover.cancel_reply(call.response, heard=Seconds(0.5))
        await house.failover.answer_call(call.call, DONE)
        await house.failover.answer_call(call.call, DONE)
        await rest()

    session = scene(play).last
    assert session.cancelled == [(R1, 0.5)]
    assert session.answers == {CallId("c1"): DONE}


def test_news_for_a_session_that_is_gone_is_swallowed() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), audio(R1), GONE)
        await house.failover.cancel_reply(ResponseId("realtime-1/r1"), heard=Seconds(0.2))
        await rest()
        assert house.last.asked[-1] == "clear"
        await house.tell(GONE)  # nothing is owed any more

    house = scene(play)
    assert house.last.cancelled == []
    assert not any(isinstance(event, BackendLost) for event in house.seen)


def test_session_that_takes_nothing_keeps_nobody_waiting_and_is_closed_when_lost() -> None:
    async def play(house: House) -> None:
        await house.say(FRAMES[:1])
        house.last.blocked = True
        await house.ask(FIRST, FRAMES[1:])
        await house.tell(BackendStalled("no pong"))
        assert house.sessions[0].closed

    assert scene(play).last.frames == FRAMES


def test_session_that_takes_nothing_and_does_not_notice_is_given_up() -> None:
    async def play(house: House) -> None:
        await house.say(FRAMES[:1])
        house.last.blocked = True
        await house.ask(FIRST, FRAMES[1:])
        await asyncio.sleep(SEND_S + 0.1)

    house = scene(play)
    assert house.changes() == [("local", "backend.stalled")]
    assert house.last.frames == FRAMES


def test_sound_of_a_cleared_turn_never_leaves() -> None:
    async def play(house: House) -> None:
        await house.say(FRAMES[:1])
        house.last.blocked = True
        await house.say(FRAMES[1:5])
        for one in FRAMES[5:]:
            await house.failover.send_audio(one)
        await house.failover.clear_turn()
        session = house.last
        assert [of_turn for _, of_turn in house.failover._roster.current._outbox] == [False]  # type: ignore[union-attr]
        await house.tell(GONE)
        await house.say(FRAMES[:2])
        assert house.last is not session

    assert scene(play).last.frames == FRAMES[:2]


def test_lost_when_nothing_is_owed_only_changes_who_is_next() -> None:
    async def play(house: House) -> None:
        await house.say()
        await house.failover.clear_turn()
        await rest()
        assert house.last.asked[-1] == "clear"
        await house.tell(GONE)

    house = scene(play)
    assert house.names() == ["realtime"]
    assert house.changes() == [("local", "backend.unavailable")]


def test_where_nobody_is_left_the_turn_fails_and_the_next_one_tries_again() -> None:
    async def play(house: House) -> None:
        house.unreachable = {"realtime", "local"}
        await house.say(FRAMES[:4])
        assert house.heard() == [BackendLost("backend.unavailable")]
        await house.say(FRAMES[4:8])  # still on its way when the conversation hears of it
        assert house.names() == ["realtime", "local"]
        await house.failover.clear_turn()
        house.unreachable = set()
        await house.ask(SECOND)
        assert house.last.name == "local"
        await house.answer(SECOND)

    house = scene(play)
    assert house.last.frames == FRAMES
    assert isinstance(house.seen[-1], ReplyEnded)


def test_only_backend_that_is_lost_in_a_turn_fails_the_turn() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), GONE)
        assert house.heard()[-1] == BackendLost("backend.unavailable")
        await house.ask(SECOND)
        await house.answer(SECOND)

    house = scene(play, House(order=("local",)))
    assert house.names()[:2] == ["local", "local"]
    assert isinstance(house.seen[-1], ReplyEnded)


def test_refused_backend_is_held_until_it_is_configured() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(REFUSED)
        await house.answer(FIRST)
        await asyncio.sleep(3600.0)
        await house.ask(SECOND)
        await house.answer(SECOND)
        assert house.failover.reason == "backend.refused"
        house.failover.configured()
        await house.ask(THIRD)

    house = scene(play)
    assert house.names() == ["realtime", "local", "realtime"]
    assert house.changes() == [("local", "backend.refused"), ("realtime", "configured")]


def test_session_that_nobody_uses_is_closed_in_the_cloud_only() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.answer(FIRST)
        await asyncio.sleep(PATIENCE.idle_close - 1.0)
        assert not house.last.closed
        await asyncio.sleep(2.0)
        assert house.last.closed
        assert house.seen[-1] == ReplyEnded(ResponseId("realtime-1/r1"))
        house.failover.set_private(private=True)
        await house.ask(SECOND)
        await house.answer(SECOND)
        await asyncio.sleep(3600.0)
        assert not house.last.closed

    assert scene(play).names() == ["realtime", "local"]


def test_session_in_use_is_not_closed() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), ReplyEnded(R1, calls_tool=True))
        await asyncio.sleep(PATIENCE.idle_close * 2)
        assert not house.last.closed

    scene(play)


def test_old_session_is_replaced_before_the_next_turn_and_told_what_was_said() -> None:
    async def play(house: House) -> None:
        for number in range(1, 8):
            await house.ask(TurnNumber(number))
            await house.tell(Transcribed(TurnNumber(number), f"question {number}"))
            await house.answer(TurnNumber(number), f"answer {number}")
            await asyncio.sleep(50.0)

    house = scene(play)
    first, second = house.sessions
    assert first.committed == [1, 2, 3, 4, 5, 6]
    assert second.committed == [7]
    told = [line.text for line in second.handover.lines if isinstance(line, Said)]
    assert told[:3] == ["question 1", "answer 1", "question 2"]
    assert len(told) == 12
    assert not second.handover.notice
    assert house.changes() == []


def test_backend_that_is_back_serves_from_the_next_turn_on() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        house.unreachable = {"realtime"}
        await house.tell(GONE)
        await asyncio.sleep(3.0)
        house.unreachable = set()
        house.connects = Seconds(1.0)
        local = house.sessions[1]
        await asyncio.sleep(10.0)
        assert house.changes() == [("local", "backend.unavailable")]
        local.emit(ReplyStarted(R1, FIRST), ReplyEnded(R1))
        await rest()
        assert house.changes()[1:] == [("realtime", "recovered")]
        await house.ask(SECOND)

    house = scene(play)
    assert house.last.name == "realtime"
    assert house.last.committed == [SECOND]
    assert house.sessions[1].committed == [FIRST]
    assert house.sessions[1].closed


def test_proven_session_serves_the_next_turn_if_nothing_was_said_since() -> None:
    async def play(house: House) -> None:
        await house.say()
        await house.failover.clear_turn()
        await house.tell(GONE)
        await asyncio.sleep(1.0)
        assert house.names() == ["realtime", "realtime"]
        await house.ask(FIRST)

    house = scene(play)
    assert house.names() == ["realtime", "realtime"]
    assert house.last.committed == [FIRST]


def test_proven_session_that_nobody_uses_is_closed() -> None:
    async def play(house: House) -> None:
        await house.say()
        await house.failover.clear_turn()
        await house.tell(GONE)
        await asyncio.sleep(PATIENCE.idle_close + 2.0)
        assert house.last.closed
        assert house.failover.serving == "realtime"

    assert scene(play).names() == ["realtime", "realtime"]


def test_tries_become_rarer_but_never_stop() -> None:
    async def play(house: House) -> None:
        house.unreachable = {"realtime"}
        await house.say()
        await house.failover.clear_turn()
        before = len(house.sessions)
        await asyncio.sleep(60.0)
        assert 6 <= len(house.sessions) - before <= 8
        before = len(house.sessions)
        await asyncio.sleep(1200.0)
        assert 19 <= len(house.sessions) - before <= 21
        house.unreachable = set()
        await asyncio.sleep(61.0)
        assert house.failover.serving == "realtime"

    house = scene(play)
    assert house.changes() == [("local", "backend.unavailable"), ("realtime", "recovered")]


def test_session_that_never_becomes_ready_is_not_waited_for() -> None:
    async def play(house: House) -> None:
        await house.say()
        await house.failover.clear_turn()
        house.connects = Seconds(1e6)
        await house.tell(GONE)
        await asyncio.sleep(PATIENCE.try_for + 1.0)
        assert house.sessions[1].closed
        assert house.failover.standings["realtime"].failures == 2

    scene(play)


def test_user_is_told_once_for_each_outage() -> None:
    async def play(house: House) -> None:
        house.unreachable = {"realtime"}
        await house.ask(FIRST)
        await house.answer(FIRST)
        await house.tell(GONE)  # the fallback itself
        await house.ask(SECOND)
        assert [s.handover.notice for s in house.sessions if s.name == "local"][:2] == [
            True,
            False,
        ]
        local = [s for s in house.sessions if s.name == "local"][-1]
        local.emit(ReplyStarted(R2, SECOND), ReplyEnded(R2))
        house.unreachable = set()
        await asyncio.sleep(120.0)
        await house.ask(THIRD)
        assert house.last.name == "realtime"
        await house.answer(THIRD)
        await house.say()
        await house.tell(GONE)
        assert house.last.name == "local"
        assert house.last.handover.notice

    scene(play)


def test_privacy_mode_ends_the_session_and_hands_the_turn_over_at_once() -> None:
    async def play(house: House) -> None:
        await house.say(FRAMES[:5])
        house.failover.set_private(private=True)
        await house.say(FRAMES[5:])
        assert house.sessions[0].closed

    house = scene(play)
    assert house.sessions[0].frames == FRAMES[:5]
    assert house.last.frames == FRAMES
    assert house.changes() == [("local", "privacy")]
    assert not house.last.handover.notice  # who asked for it knows


def test_going_offline_by_voice_is_confirmed_by_the_next_backend() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), ReplyEnded(R1, calls_tool=True))
        house.failover.set_private(private=True)
        await house.failover.answer_call(CallId("realtime-1/call-1"), DONE)
        await rest()

    house = scene(play)
    assert house.sessions[0].answers == {}
    assert house.last.answers == {CallId("realtime-1/call-1"): DONE}


def test_what_was_said_in_privacy_is_never_told_beyond_the_house() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(Transcribed(FIRST, "in the open"))
        await house.answer(FIRST)
        house.failover.set_private(private=True)
        await house.ask(SECOND)
        assert [type(line) for line in house.last.handover.lines] == [Said, Said]
        await house.tell(Transcribed(SECOND, "a secret"))
        await house.answer(SECOND, "I shall keep it.")
        house.failover.set_private(private=False)
        assert house.changes()[-1] == ("local", "privacy")
        await house.ask(THIRD)

    house = scene(play)
    assert house.last.name == "realtime"
    assert [line.text for line in house.last.handover.lines if isinstance(line, Said)] == [
        "in the open",
        "Yes.",
    ]


def test_turn_begun_in_privacy_is_never_handed_to_the_cloud() -> None:
    async def play(house: House) -> None:
        house.failover.set_private(private=True)
        await house.ask(FIRST)
        house.failover.set_private(private=False)
        await house.tell(GONE)

    house = scene(play)
    assert house.names() == ["local"]
    assert BackendLost("backend.unavailable") in house.seen


def test_privacy_without_a_backend_in_the_house_fails_the_turn() -> None:
    async def play(house: House) -> None:
        house.failover.set_private(private=True)
        await house.ask(FIRST)

    house = scene(play, House(order=("realtime",)))
    assert house.sessions == []
    assert house.heard() == [BackendLost("privacy")]


def test_when_the_money_ends_the_reply_may_end_and_the_next_turn_is_served_at_home() -> None:
    bill = Used(Usage("gpt"), FIRST)

    async def play(house: House) -> None:
        await house.ask(FIRST)
        house.purse.exhausted = True
        await house.tell(ReplyStarted(R1, FIRST), bill)
        assert house.changes() == []
        await house.tell(audio(R1), ReplyEnded(R1))
        assert house.changes() == [("local", "budget")]
        await house.ask(SECOND)
        await house.answer(SECOND)
        house.purse.exhausted = False
        house.failover.budget_changed()
        await rest()

    house = scene(play)
    assert house.purse.taken == [bill.usage]
    assert house.names() == ["realtime", "local"]
    assert house.last.handover.notice
    assert house.changes() == [("local", "budget"), ("realtime", "recovered")]
    assert bill in house.seen


def test_calls_of_the_conversation_are_told_to_who_comes_next() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), ReplyEnded(R1, calls_tool=True))
        await house.failover.answer_call(CallId("realtime-1/call-1"), DONE)
        await house.tell(ReplyStarted(R2, FIRST), ReplyText(R2, "It is on."), ReplyEnded(R2))
        await house.tell(Transcribed(FIRST, "light on"), GONE)
        await house.ask(SECOND)

    assert scene(play).last.handover.lines == (
        Said("user", "light on", Seconds(0.0)),
        Called(CallId("realtime-1/call-1"), "set_light", {"state": "on"}, DONE, Seconds(0.0)),
        Said("assistant", "It is on.", Seconds(0.0)),
    )


def test_question_that_is_asked_again_is_not_also_told() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(Transcribed(FIRST, "what is new"), ReplyStarted(R1, FIRST))
        await house.tell(ReplyText(R1, "Well,"), audio(R1), GONE)

    house = scene(play)
    assert house.last.handover.lines == ()
    assert house.last.frames == FRAMES


def test_late_result_of_a_lost_session_is_offered_and_told_by_the_next() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), ReplyEnded(R1, calls_tool=True))
        await house.tell(ReplyStarted(R2, FIRST), ReplyEnded(R2))  # "that takes a while"
        await house.tell(GONE)
        await house.failover.answer_call(CallId("realtime-1/call-1"), DONE)
        await rest()
        assert house.seen[-1] == ReplyOffered()
        await house.failover.take_reply(SECOND)
        await rest()
        owed = house.last.handover.owed
        assert owed is not None
        assert (owed.turn, [call.result for call in owed.calls]) == (SECOND, [DONE])
        await house.answer(SECOND)

    house = scene(play)
    assert house.last.name == "local"
    assert isinstance(house.seen[-1], ReplyEnded)


def test_offer_is_taken_where_it_was_made() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.answer(FIRST)
        await house.tell(ReplyOffered())
        await house.failover.take_reply(SECOND)
        await rest()
        assert house.last.taken == [SECOND]
        await house.answer(SECOND)
        await house.tell(ReplyOffered())
        await house.failover.take_reply(THIRD)
        await house.tell(ReplyStarted(R1, THIRD), GONE)

    house = scene(play)
    assert house.names() == ["realtime"]  # nobody knows what it was about
    assert house.heard()[-1] == ReplyEnded(ResponseId("realtime-1/r1"), stay=False)


def test_offer_that_nobody_can_keep_ends_without_a_word() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.answer(FIRST)
        await house.tell(ReplyOffered(), GONE)
        await house.failover.take_reply(SECOND)
        await rest()

    house = scene(play)
    response = ResponseId("nobody/2")
    assert house.heard()[-2:] == [
        ReplyStarted(response, SECOND),
        ReplyEnded(response, stay=False),
    ]


def test_late_result_that_a_session_offered_is_offered_anew_when_it_is_lost() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), ReplyEnded(R1, calls_tool=True))
        await house.tell(ReplyStarted(R2, FIRST), ReplyEnded(R2))
        await house.failover.answer_call(CallId("realtime-1/call-1"), DONE)
        await house.tell(ReplyOffered())
        await house.tell(GONE)
        assert house.seen[-1] == ReplyOffered()
        await house.failover.take_reply(SECOND)
        await rest()

    house = scene(play)
    assert house.last.name == "local"
    assert house.last.handover.owed is not None


def test_answer_that_says_the_call_was_dropped_is_not_offered() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), calling(R1))
        await house.failover.cancel_reply(ResponseId("realtime-1/r1"), heard=Seconds(0.0))
        await house.tell(GONE)
        dropped = ToolResult("rejected", data={"cancelled": True})
        await house.failover.answer_call(CallId("realtime-1/call-1"), dropped)
        await rest()

    assert ReplyOffered() not in scene(play).seen


def test_end_of_turn_is_passed_on_only_while_the_user_may_speak() -> None:
    async def play(house: House) -> None:
        await house.say()
        await house.tell(EndOfTurnFound())
        await house.failover.commit_turn(FIRST)
        await house.tell(EndOfTurnFound())

    assert scene(play).seen == [EndOfTurnFound()]


def test_who_finds_the_end_of_turns_is_told_by_who_serves() -> None:
    async def play(house: House) -> None:
        assert not house.failover.ends_turns
        await house.say()
        house.last.ends_turns = True
        assert house.failover.ends_turns
        await house.tell(GONE)
        assert not house.failover.ends_turns

    scene(play)


def test_closing_ends_everything() -> None:
    async def whole() -> None:
        house = House()
        run = asyncio.get_running_loop().create_task(house.failover.run())
        await rest()
        await house.say()
        await house.failover.close()
        await house.failover.close()
        await run
        assert house.last.closed
        with pytest.raises(BackendUnavailable):
            await house.failover.send_audio(FRAMES[0])
        with pytest.raises(BackendUnavailable):
            async for _ in house.failover.events():
                pass

    run_virtual(whole())


def test_no_speech_in_any_repr() -> None:
    turn = ScriptedSession("local", Handover((Said("user", "a secret"),)))
    assert "a secret" not in repr(turn.handover)
