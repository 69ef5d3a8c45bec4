"""Who serves: recovery, idle sessions, privacy mode and money, in virtual time."""

import asyncio

import pytest

from appliance.backend.context import Said
from appliance.backend.roster import Patience
from appliance.errors import BackendRefused, BackendUnavailable, SessionOver
from appliance.events import (
    BackendLost,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    Transcribed,
    Usage,
    Used,
)
from appliance.ports import ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber
from tests.sessions import FRAMES, GONE, PATIENCE, House, audio, calling, rest, scene
from tests.virtual_time import run_virtual

REFUSED = BackendRefused("invalid_api_key", "put a valid key")
FIRST, SECOND, THIRD = TurnNumber(1), TurnNumber(2), TurnNumber(3)
R1, R2 = ResponseId("r1"), ResponseId("r2")
DONE = ToolResult("done", "The light is on.")


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


def test_session_that_ends_between_two_turns_as_the_rules_have_it_is_no_loss() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.answer(FIRST)
        await house.tell(SessionOver("the longest duration"))
        await house.ask(SECOND)
        await house.answer(SECOND)

    house = scene(play)
    assert house.names() == ["realtime", "realtime"]
    assert house.changes() == []


def test_session_that_ends_so_in_the_middle_of_a_turn_is_lost() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(SessionOver("the longest duration"))
        await house.answer(FIRST)

    house = scene(play)
    assert house.names() == ["realtime", "local"]


def test_session_that_nobody_uses_is_closed_in_the_cloud_only() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.answer(FIRST)
        await asyncio.sleep(PATIENCE.idle_close - 1.0)
        assert not house.closed()[-1]
        await asyncio.sleep(2.0)
        assert house.closed()[-1]
        assert house.seen[-1] == ReplyEnded(ResponseId("realtime-1/r1"))
        house.failover.set_private(private=True)
        await house.ask(SECOND)
        await house.answer(SECOND)
        await asyncio.sleep(3600.0)
        assert not house.closed()[-1]

    assert scene(play).names() == ["realtime", "local"]


def test_session_in_use_is_not_closed() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), ReplyEnded(R1, calls_tool=True))
        await asyncio.sleep(PATIENCE.idle_close * 2)
        assert not house.closed()[-1]
        await house.failover.answer_call(CallId("realtime-1-call-1"), DONE)
        await rest()
        await house.tell(ReplyStarted(R2, FIRST), ReplyEnded(R2))
        await asyncio.sleep(PATIENCE.idle_close + 1.0)
        assert house.closed() == [True]

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


def test_session_that_is_never_kept_still_serves_a_whole_turn() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await asyncio.sleep(3.0)
        assert house.closed() == [False]
        await house.answer(FIRST)
        await asyncio.sleep(0.01)
        assert house.closed() == [True]
        await house.ask(SECOND)
        await asyncio.sleep(3.0)
        await house.answer(SECOND)

    house = scene(play, House(patience=Patience(idle_close=Seconds(0.0))))
    assert [session.committed for session in house.sessions] == [[FIRST], [SECOND]]


def test_session_whose_tools_are_at_work_is_neither_closed_nor_replaced() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), ReplyEnded(R1, calls_tool=True))
        await house.tell(ReplyStarted(R2, FIRST), ReplyEnded(R2))  # "that takes a while"
        await asyncio.sleep(PATIENCE.recycle + 1.0)
        await house.ask(SECOND)
        await house.answer(SECOND)
        assert house.closed() == [False]
        await house.failover.answer_call(CallId("realtime-1-call-1"), DONE)
        await house.ask(THIRD)

    assert len(scene(play).sessions) == 2


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
        local.emit(ReplyStarted(R1, FIRST), ReplyText(R1, "Yes."), ReplyEnded(R1))
        await rest()
        assert house.changes()[1:] == [("realtime", "recovered")]
        tried = house.last
        await house.ask(SECOND)
        assert tried is not house.last  # for it was not told of that reply
        assert house.closed() == [True] * (len(house.sessions) - 1) + [False]
        assert [type(line) for line in house.last.handover.lines] == [Said]

    house = scene(play)
    assert house.last.name == "realtime"
    assert house.last.committed == [SECOND]
    assert house.sessions[1].committed == [FIRST]


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


def test_session_that_is_only_tried_has_no_say() -> None:
    async def play(house: House) -> None:
        await house.say()
        await house.failover.clear_turn()
        await house.tell(GONE)
        await asyncio.sleep(1.0)
        await house.tell(ReplyStarted(R1, FIRST), Used(Usage("gpt")))
        assert [type(event) for event in house.heard()] == [Used]
        await house.tell(GONE)
        assert house.failover.serving == "local"

    scene(play)


def test_session_that_is_tried_ends_when_privacy_begins() -> None:
    async def play(house: House) -> None:
        await house.say()
        await house.failover.clear_turn()
        await house.tell(GONE)
        await asyncio.sleep(1.0)
        house.failover.set_private(private=True)
        await rest()
        assert house.closed() == [True, True]

    scene(play)


def test_session_that_is_not_closed_in_order_is_over_all_the_same() -> None:
    async def play(house: House) -> None:
        await house.say()
        house.last.rude = True
        house.failover.set_private(private=True)
        await rest()
        assert house.closed() == [True, False]

    scene(play)


def test_proven_session_that_nobody_uses_is_closed() -> None:
    async def play(house: House) -> None:
        await house.say()
        await house.failover.clear_turn()
        await house.tell(GONE)
        await asyncio.sleep(PATIENCE.idle_close + 2.0)
        assert house.closed()[-1]
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


def test_sound_that_waits_when_privacy_begins_never_leaves() -> None:
    async def play(house: House) -> None:
        await house.say(FRAMES[:1])
        for one in FRAMES[1:]:
            await house.failover.send_audio(one)
        house.failover.set_private(private=True)
        await rest()

    house = scene(play)
    assert house.sessions[0].frames == FRAMES[:1]
    assert house.last.frames == FRAMES


def test_going_offline_by_voice_is_confirmed_by_the_next_backend() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), ReplyEnded(R1, calls_tool=True))
        house.failover.set_private(private=True)
        await house.failover.answer_call(CallId("realtime-1-call-1"), DONE)
        await rest()

    house = scene(play)
    assert house.sessions[0].answers == {}
    assert house.last.answers == {CallId("realtime-1-call-1"): DONE}


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


def test_turn_in_which_privacy_began_is_never_handed_to_the_cloud() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        house.failover.set_private(private=True)
        await rest()
        house.failover.set_private(private=False)
        await house.tell(GONE)

    house = scene(play)
    assert house.names() == ["realtime", "local"]
    assert BackendLost("backend.unavailable") in house.seen


@pytest.mark.parametrize("answered", ["in privacy", "afterwards"])
def test_late_result_of_privacy_is_never_told_beyond_the_house(answered: str) -> None:
    call = CallId("local-1-call-1")

    async def play(house: House) -> None:
        house.failover.set_private(private=True)
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), ReplyEnded(R1, calls_tool=True))
        await house.tell(ReplyStarted(R2, FIRST), ReplyEnded(R2), GONE)
        if answered == "in privacy":
            await house.failover.answer_call(call, DONE)
        house.failover.set_private(private=False)
        await house.failover.answer_call(call, DONE)
        await house.failover.take_reply(SECOND)
        await rest()

    house = scene(play)
    assert house.names() == ["local"]
    assert isinstance(house.seen[-1], ReplyEnded)


def test_privacy_without_a_backend_in_the_house_fails_the_turn() -> None:
    async def play(house: House) -> None:
        house.failover.set_private(private=True)
        await house.ask(FIRST)

    house = scene(play, House(order=("realtime",)))
    assert house.sessions == []
    assert house.heard() == [BackendLost("privacy")]
    assert house.failover.reason == "privacy"


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


def test_who_finds_the_end_of_turns_is_told_by_who_serves() -> None:
    async def play(house: House) -> None:
        found = [house.failover.ends_turns]
        await house.say()
        house.last.ends_turns = True
        found.append(house.failover.ends_turns)
        await house.tell(GONE)
        assert [*found, house.failover.ends_turns] == [False, True, False]

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
        assert house.closed()[-1]
        with pytest.raises(BackendUnavailable):
            await house.failover.send_audio(FRAMES[0])
        with pytest.raises(BackendUnavailable):
            async for _ in house.failover.events():
                pass

    run_virtual(whole())
