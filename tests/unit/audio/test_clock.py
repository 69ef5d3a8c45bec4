import asyncio

from appliance.audio.clock import CardClock, LoopClock
from appliance.units import Seconds
from tests.virtual_time import run_virtual


def test_sound_time_rings_what_is_due_in_order_and_nothing_else() -> None:
    clock = CardClock()
    rang: list[str] = []
    clock.call_at(Seconds(2.0), lambda: rang.append("b"))
    clock.call_at(Seconds(1.0), lambda: rang.append("a"))
    undo = clock.call_at(Seconds(1.5), lambda: rang.append("undone"))
    clock.call_at(Seconds(3.0), lambda: rang.append("late"))
    undo()

    assert not clock.ring()
    clock.move(Seconds(2.0))

    assert clock.now() == 2.0
    assert clock.ring()
    assert rang == ["a", "b"]
    assert not clock.ring()


def test_alarm_set_by_an_alarm_for_now_rings_too() -> None:
    clock = CardClock()
    rang: list[str] = []
    clock.call_at(
        Seconds(1.0), lambda: (clock.call_at(clock.now(), lambda: rang.append("x")), None)[1]
    )

    clock.move(Seconds(1.0))
    clock.ring()

    assert rang == ["x"]


def test_undoing_what_has_rung_is_harmless() -> None:
    clock = CardClock()
    undo = clock.call_at(Seconds(0.0), lambda: None)
    assert clock.ring()

    undo()
    undo()

    assert not clock.ring()


def test_loop_time_is_the_loops() -> None:
    async def scene() -> None:
        clock = LoopClock()
        rang: list[Seconds] = []
        clock.call_at(Seconds(5.0), lambda: rang.append(clock.now()))
        clock.call_at(Seconds(6.0), lambda: rang.append(clock.now()))()
        await asyncio.sleep(10.0)
        assert rang == [5.0]

    run_virtual(scene())
