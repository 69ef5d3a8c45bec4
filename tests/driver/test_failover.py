"""A conversation handed from one backend to the next, in virtual time."""

import asyncio

import pytest

from appliance.backend.context import Called, Handover, Owed, Said
from appliance.backend.failover import MOST_LOSSES
from appliance.backend.link import SEND_S
from appliance.backend.roster import Patience
from appliance.errors import BackendRefused, BackendStalled
from appliance.events import (
    BackendChanged,
    BackendLost,
    EndOfTurnFound,
    ReplyAudio,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    ReplyText,
    ToolCalled,
    Transcribed,
)
from appliance.ports import Enclosure, ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber
from tests.sessions import FRAMES, GONE, House, ScriptedSession, audio, calling, rest, scene
from tests.virtual_time import run_virtual

REFUSED = BackendRefused("invalid_api_key", "put a valid key")
FIRST, SECOND, THIRD = TurnNumber(1), TurnNumber(2), TurnNumber(3)
R1, R2 = ResponseId("r1"), ResponseId("r2")
DONE = ToolResult("done", "The light is on.")


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


def test_session_that_ends_without_a_word_is_lost_too() -> None:
    async def play(house: House) -> None:
        await house.say()
        await house.tell(None)

    house = scene(play)
    assert house.names() == ["realtime", "local"]
    assert house.last.frames == FRAMES


def test_session_that_fails_in_two_ways_at_once_is_lost_once() -> None:
    async def play(house: House) -> None:
        await house.say(FRAMES[:1])
        house.last.breaks = GONE
        house.last.emit(GONE)
        await house.say(FRAMES[1:])
        assert house.failover.standings["realtime"].failures == 1

    assert scene(play).last.frames == FRAMES


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


def test_backend_that_cannot_see_goes_on_without_the_picture() -> None:
    async def play(house: House) -> None:
        await house.say()
        house.last.blind = True
        await house.failover.enclose(Enclosure("what is this?"))
        await house.failover.commit_turn(FIRST)
        await rest()

    house = scene(play)
    assert house.names() == ["realtime"]
    assert house.last.committed == [FIRST]


def test_enclosure_is_a_loss_where_the_session_is_gone() -> None:
    async def play(house: House) -> None:
        await house.say()
        house.last.breaks = GONE
        await house.failover.enclose(Enclosure("what is this?"))
        await rest()

    house = scene(play)
    assert house.last.name == "local"
    assert len(house.last.enclosed) == 1


def test_session_cannot_say_who_serves() -> None:
    async def play(house: House) -> None:
        await house.say()
        await house.tell(BackendLost("x"), BackendChanged("x", "y"))

    assert scene(play).seen == []


def test_what_is_said_before_the_sessions_are_served_is_not_lost() -> None:
    async def whole() -> ScriptedSession:
        house = House()
        for one in FRAMES:
            await house.failover.send_audio(one)
        async with house.running():
            await rest()
        return house.last

    assert run_virtual(whole()).frames == FRAMES


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
    first, second = CallId("realtime-1-call-1"), CallId("realtime-1-call-2")

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


def test_reply_that_called_a_tool_is_followed_by_another_however_it_ends() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), ReplyEnded(R1), GONE)

    owed = scene(play).last.handover.owed
    assert owed is not None
    assert len(owed.calls) == 1


def test_reply_to_an_older_turn_does_not_settle_this_one() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.ask(SECOND, FRAMES[:5])
        await house.tell(ReplyStarted(R1, FIRST), ReplyEnded(R1), GONE)

    house = scene(play)
    assert house.last.frames == FRAMES[:5]
    assert house.last.committed == [SECOND]


def test_reply_that_reports_calls_is_reported_again_when_it_is_lost() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), ReplyEnded(R1, calls_tool=True))
        await house.failover.answer_call(CallId("realtime-1-call-1"), DONE)
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

    house = scene(play)
    assert house.last.cancelled == [(R1, 0.5)]
    assert house.last.answers == {CallId("c1"): DONE}
    assert ReplyOffered() not in house.seen


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


def test_turn_that_costs_one_backend_after_the_other_is_given_up() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        for _ in range(MOST_LOSSES + 1):
            assert not any(isinstance(event, BackendLost) for event in house.seen)
            await house.serving().breaks_off()
            await asyncio.sleep(120.0)  # meanwhile the other one is back

    house = scene(play)
    assert house.heard() == [BackendLost("backend.unavailable")]


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


def test_calls_of_the_conversation_are_told_to_who_comes_next() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), ReplyEnded(R1, calls_tool=True))
        await house.failover.answer_call(CallId("realtime-1-call-1"), DONE)
        await house.tell(ReplyStarted(R2, FIRST), ReplyText(R2, "It is on."), ReplyEnded(R2))
        await house.tell(Transcribed(FIRST, "light on"), GONE)
        await house.ask(SECOND)

    assert scene(play).last.handover.lines == (
        Said("user", "light on", Seconds(0.0)),
        Called(CallId("realtime-1-call-1"), "set_light", {"state": "on"}, DONE, Seconds(0.0)),
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
        await house.failover.answer_call(CallId("realtime-1-call-1"), DONE)
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


def test_late_results_of_a_lost_session_are_offered_together() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), calling(R1, "c2"))
        await house.tell(ReplyEnded(R1, calls_tool=True))
        await house.tell(ReplyStarted(R2, FIRST), ReplyEnded(R2), GONE)
        await house.failover.answer_call(CallId("realtime-1-call-1"), DONE)
        await rest()
        assert ReplyOffered() not in house.seen
        await house.failover.answer_call(CallId("realtime-1-call-2"), DONE)
        await rest()
        assert house.seen.count(ReplyOffered()) == 1
        await house.failover.take_reply(SECOND)

    owed = scene(play).last.handover.owed
    assert owed is not None
    assert len(owed.calls) == 2


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


def test_session_is_not_closed_just_when_it_is_given_the_result_of_a_very_slow_tool() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), ReplyEnded(R1, calls_tool=True))
        await house.tell(ReplyStarted(R2, FIRST), ReplyEnded(R2))
        await asyncio.sleep(100.0)
        await house.failover.answer_call(CallId("realtime-1-call-1"), DONE)
        await asyncio.sleep(0.1)
        await house.tell(ReplyOffered())
        await house.failover.take_reply(SECOND)
        await rest()

    house = scene(play, House(patience=Patience(idle_close=Seconds(60.0))))
    assert house.names() == ["realtime"]
    assert house.last.taken == [SECOND]


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
        await house.failover.answer_call(CallId("realtime-1-call-1"), DONE)
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
        await house.failover.answer_call(CallId("realtime-1-call-1"), dropped)
        await rest()

    assert ReplyOffered() not in scene(play).seen


def test_end_of_turn_is_passed_on_only_while_the_user_may_speak() -> None:
    async def play(house: House) -> None:
        await house.say()
        await house.tell(EndOfTurnFound())
        await house.failover.commit_turn(FIRST)
        await house.tell(EndOfTurnFound())

    assert scene(play).seen == [EndOfTurnFound()]
