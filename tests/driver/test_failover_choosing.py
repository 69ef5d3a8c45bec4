"""A backend that somebody chose, and sessions that are renewed, in virtual time."""

import asyncio

from appliance.backend.context import Said
from appliance.backend.roster import Patience
from appliance.events import BackendLost, ReplyEnded, ReplyStarted, Transcribed
from appliance.ports import ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber
from tests.sessions import FRAMES, GONE, PATIENCE, House, calling, rest, scene

FIRST, SECOND, THIRD = TurnNumber(1), TurnNumber(2), TurnNumber(3)
R1, R2 = ResponseId("r1"), ResponseId("r2")
DONE = ToolResult("done", "The light is on.")
THREE = ("realtime", "pipeline", "local")


def test_chosen_backend_serves_from_the_next_turn_on() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(Transcribed(FIRST, "hello"))
        house.failover.prefer("local")
        await rest()
        assert house.changes() == []
        assert not house.last.closed  # it may end what it has begun
        await house.answer(FIRST)
        assert house.changes() == [("local", "chosen")]
        assert house.failover.reason == "chosen"
        await house.ask(SECOND)
        await house.answer(SECOND)

    house = scene(play)
    assert house.names() == ["realtime", "local"]
    assert house.sessions[0].committed == [FIRST]
    assert house.sessions[1].frames == FRAMES
    assert not house.last.handover.notice  # who chose it knows
    assert [type(line) for line in house.last.handover.lines] == [Said, Said]


def test_between_turns_the_choice_is_told_at_once() -> None:
    async def play(house: House) -> None:
        house.failover.prefer("pipeline")
        await rest()
        assert house.failover.serving == "pipeline"
        house.failover.prefer("pipeline")
        house.failover.prefer(None)
        await rest()
        assert house.failover.serving == "realtime"
        house.failover.prefer("no such backend")
        await rest()

    house = scene(play, House(order=THREE))
    assert house.changes() == [("pipeline", "chosen"), ("realtime", "chosen")]
    assert house.names() == []  # nothing was said: nothing was opened


def test_chosen_backend_that_is_lost_is_replaced_by_the_order_and_comes_back() -> None:
    async def play(house: House) -> None:
        house.failover.prefer("local")
        await house.ask(FIRST)
        house.unreachable = {"local"}
        await house.tell(GONE)
        assert house.last.name == "realtime"
        assert house.last.frames == FRAMES
        assert house.last.handover.notice
        await house.answer(FIRST)
        house.unreachable = set()
        await asyncio.sleep(2.0)
        await house.ask(SECOND)

    house = scene(play)
    assert house.last.name == "local"
    assert house.last.committed == [SECOND]
    assert house.changes() == [
        ("local", "chosen"),
        ("realtime", "backend.unavailable"),
        ("local", "recovered"),
    ]


def test_privacy_goes_over_the_choice_which_holds_again_afterwards() -> None:
    async def play(house: House) -> None:
        house.failover.prefer("realtime")
        await house.ask(FIRST)
        house.failover.set_private(private=True)
        await rest()
        assert house.sessions[0].closed
        assert house.last.name == "local"
        await house.answer(FIRST)
        house.failover.prefer("pipeline")
        await rest()
        assert house.failover.serving == "pipeline"
        house.failover.prefer("realtime")
        await house.ask(SECOND)
        assert house.last.name != "realtime"
        await house.answer(SECOND)
        house.failover.set_private(private=False)
        await house.ask(THIRD)

    house = scene(play, House(order=("local", "pipeline", "realtime")))
    assert house.last.name == "realtime"


def test_money_goes_over_the_choice() -> None:
    async def play(house: House) -> None:
        house.failover.prefer("realtime")
        house.purse.exhausted = True
        await house.ask(FIRST)

    house = scene(play, House(order=("local", "realtime")))
    assert house.names() == ["local"]


def test_choosing_by_voice_is_confirmed_by_whoever_was_asked() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), ReplyEnded(R1, calls_tool=True))
        house.failover.prefer("local")
        await house.failover.answer_call(CallId("realtime-1-call-1"), DONE)
        await house.tell(ReplyStarted(R2, FIRST), ReplyEnded(R2))
        await house.ask(SECOND)

    house = scene(play)
    assert house.sessions[0].answers == {CallId("c1"): DONE}
    assert house.names() == ["realtime", "local"]
    assert house.last.committed == [SECOND]
    assert not any(isinstance(event, BackendLost) for event in house.seen)


def test_renewed_session_is_replaced_before_the_next_turn_and_only_once() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        house.failover.renew()
        await rest()
        assert house.closed() == [False]
        await house.answer(FIRST)
        await house.ask(SECOND)
        assert house.closed() == [True, False]
        await house.answer(SECOND)
        await house.ask(THIRD)

    house = scene(play)
    assert [session.committed for session in house.sessions] == [[FIRST], [SECOND, THIRD]]
    assert house.changes() == []


def test_local_session_is_renewed_too() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.answer(FIRST)
        house.failover.renew()
        await house.ask(SECOND)

    assert scene(play, House(order=("local",))).names() == ["local", "local"]


def test_session_that_waits_for_a_result_is_renewed_after_it_has_come() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.tell(ReplyStarted(R1, FIRST), calling(R1), ReplyEnded(R1))
        house.failover.renew()
        await house.ask(SECOND)
        assert house.names() == ["realtime"]
        await house.failover.answer_call(CallId("realtime-1-call-1"), DONE)
        await house.answer(SECOND)
        await house.ask(THIRD)

    assert scene(play).names() == ["realtime", "realtime"]


def test_session_on_trial_is_renewed_too() -> None:
    async def play(house: House) -> None:
        await house.say()
        await house.failover.clear_turn()
        await house.tell(GONE)
        await asyncio.sleep(1.0)  # one is proven by now
        house.failover.renew()
        await house.ask(FIRST)

    house = scene(play)
    assert house.names() == ["realtime", "realtime", "realtime"]
    assert house.last.committed == [FIRST]


def test_session_of_a_server_in_the_house_is_closed_when_nobody_uses_it() -> None:
    async def play(house: House) -> None:
        await house.ask(FIRST)
        await house.answer(FIRST)
        await asyncio.sleep(PATIENCE.idle_close + 1.0)
        assert house.closed() == [True]

    patience = Patience(recycle=Seconds(300.0), remote=frozenset({"lan"}))
    scene(play, House(order=("lan", "local"), patience=patience))
