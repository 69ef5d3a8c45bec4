"""The timers of a box in virtual time: what it says, how it rings, what it keeps."""

import asyncio
import gc
import logging
import os
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from appliance.events import StopAsked
from appliance.ports import Cue
from appliance.tools.timers.model import Phase
from appliance.units import Seconds
from tests.timepieces import Times, timers
from tests.virtual_time import run_virtual

YEAR = 365 * 86_400.0


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Times:
    made = Times()
    made.install(monkeypatch.setattr)
    return made


def virtual(main: Callable[[], Coroutine[object, object, None]]) -> None:
    run_virtual(main())


@pytest.mark.usefixtures("times")
def test_a_timer_rings_says_what_it_is_and_ends_at_the_button() -> None:
    async def main() -> None:
        async with timers(None) as box:
            result = await box.call("set_timer", duration_s=600, name="pasta")
            assert result.say == "Your pasta timer: 10 minutes, starting now."
            await asyncio.sleep(599.9)
            assert box.body.playback.rings == []
            assert not box.body.press()  # the button calls, as ever
            await asyncio.sleep(20.0)
            rings = box.body.playback.rings
            assert rings[0] == pytest.approx(600.0, abs=0.01)
            assert len(rings) > 3
            ((at, sentence),) = box.said
            assert at == pytest.approx(602.0, abs=0.01)
            assert sentence == "Your pasta timer is over."
            assert not any(602.0 < at < 607.5 for at in rings)  # no sound over the sentence
            assert box.body.press()
            assert box.part.keeper.state.items == ()
            before = len(rings)
            await asyncio.sleep(60.0)
            assert len(rings) == before
            assert not box.body.press()

    virtual(main)


@pytest.mark.usefixtures("times")
def test_it_is_silent_while_somebody_talks_and_stops_by_voice() -> None:
    async def main() -> None:
        async with timers(None) as box:
            await box.call("set_timer", duration_s=10)
            await asyncio.sleep(21.0)
            rung = len(box.body.playback.rings)
            box.body.show(Cue.LISTENING)
            await asyncio.sleep(10.0)
            assert len(box.body.playback.rings) == rung
            box.body.show(Cue.IDLE)
            await asyncio.sleep(10.0)
            assert len(box.body.playback.rings) > rung
            box.hear_stop()
            assert box.part.keeper.state.items == ()

    virtual(main)


@pytest.mark.usefixtures("times")
def test_it_ends_by_itself_and_at_a_stop_of_the_house() -> None:
    async def main() -> None:
        async with timers(None, timers={"ring_s": 30.0}) as box:
            await box.call("set_timer", duration_s=10)
            await asyncio.sleep(60.0)
            assert box.part.keeper.state.items == ()
            assert max(box.body.playback.rings) <= 40.0
            await box.call("set_timer", duration_s=10)
            await asyncio.sleep(15.0)
            box.timeline.note(StopAsked(), Seconds(0.0))
            assert box.part.keeper.state.items == ()

    virtual(main)


@pytest.mark.usefixtures("times")
def test_several_ring_at_once_and_a_reminder_rings_softly() -> None:
    async def main() -> None:
        async with timers(None) as box:
            await box.call("remind_me", text="call mum", duration_s=10)
            await asyncio.sleep(50.0)
            assert len(box.body.playback.rings) == 1
            assert box.sentences == ["A reminder: call mum."]
            await box.call("set_timer", duration_s=1, name="egg")
            await asyncio.sleep(9.0)
            assert len(box.body.playback.rings) > 2
            assert box.sentences[1:] == ["A reminder: call mum.", "Your egg timer is over."]

    virtual(main)


@pytest.mark.usefixtures("times")
def test_what_people_ask_is_told_as_it_is() -> None:
    async def main() -> None:
        async with timers(None) as box:
            say = [
                await box.call("list_timers"),
                await box.call("set_timer", duration_s=600, name="pasta"),
                await box.call("set_timer", duration_s=3_600),
                await box.call("list_timers"),
                await box.call("change_timer", action="cancel"),
                await box.call("change_timer", action="add", duration_s=120, which="pasta"),
                await box.call("change_timer", action="take", duration_s=60, which="pastor"),
                await box.call("change_timer", action="pause", which="pasta"),
                await box.call("list_timers", which="pasta"),
                await box.call("change_timer", action="cancel", duration_s=3_600),
                await box.call("change_timer", action="resume"),
                await box.call("change_timer", action="cancel_all"),
                await box.call("snooze"),
                await box.call("set_alarm", time="6:30?", day="weekdays"),
                await box.call("set_alarm", time="7:00?"),
                await box.call("change_timer", action="cancel", time="7:00"),
                await box.call("list_timers", kind="alarm"),
                await box.call("remind_me", text="call mum", time="5:00?"),
                await box.call("remind_me", text="call mum"),
                await box.call("set_timer", duration_s=90_000),
            ]
            both = "There is your pasta timer, 10 minutes left; and your timer, 1 hour left."
            assert [result.say for result in say] == [
                "Nothing is set.",
                "Your pasta timer: 10 minutes, starting now.",
                "Your timer: 1 hour, starting now.",
                both,
                "Which one? " + both,
                "Your pasta timer has 12 minutes now.",
                "Your pasta timer has 11 minutes now.",
                "Your pasta timer is paused, with 11 minutes left.",
                "Your pasta timer is paused, with 11 minutes left.",
                "Your timer is cancelled.",
                "Your pasta timer goes on: 11 minutes.",
                "1 cancelled.",
                "Nothing rings.",
                "Your alarm is set for 6:30 AM every weekday.",
                "Your alarm is set for 7 AM tomorrow.",
                "Your alarm is cancelled.",
                "Your alarm is set for 6:30 AM every weekday.",
                "I will remind you at 5 PM today: call mum.",
                "When?",
                "I cannot do that with what you told me.",
            ]

    virtual(main)


@pytest.mark.usefixtures("times")
def test_a_command_beside_the_box_sets_nothing() -> None:
    async def main() -> None:
        async with timers(None, serve=False) as box:
            result = await box.call("set_timer", duration_s=600)
            assert result.status == "rejected"
            assert "box" in result.say
            assert box.part.keeper.state.items == ()

    virtual(main)


def test_after_a_crash_of_the_program_a_timer_goes_on_exactly(
    times: Times, tmp_path: Path
) -> None:
    async def main() -> None:
        file, crashed = tmp_path / "timers.json", tmp_path / "crashed.json"
        async with timers(tmp_path) as box:
            await box.call("set_timer", duration_s=600, name="pasta")
            await box.part.keeper.kept()
            await asyncio.to_thread(shutil.copy, file, crashed)
            await asyncio.sleep(30.0)
        await asyncio.to_thread(shutil.move, crashed, file)  # nothing was written at the end
        times.wall -= YEAR  # and somebody set the clock back
        async with timers(tmp_path) as box:
            await asyncio.sleep(569.0)
            assert box.body.playback.rings == []
            await asyncio.sleep(1.1)
            assert len(box.body.playback.rings) == 1

    virtual(main)


def test_what_was_over_while_the_power_was_off_is_told_once(times: Times, tmp_path: Path) -> None:
    async def main() -> None:
        async with timers(tmp_path) as box:
            await box.call("set_timer", duration_s=600, name="pasta")
            await box.call("set_alarm", time="13:00")
        times.boot, times.wall = "second", times.wall + 7_200.0
        async with timers(tmp_path) as box:
            await asyncio.sleep(10.0)
            assert box.sentences == [
                "Your pasta timer was over while I was off, at 12:10 PM.",
                "You missed your alarm at 1 PM.",
            ]
            assert box.body.playback.rings == []
        async with timers(tmp_path) as box:
            await asyncio.sleep(10.0)
            assert box.sentences == []

    virtual(main)


@pytest.mark.parametrize("jump", [-YEAR, YEAR])
def test_a_board_without_a_clock_waits_for_the_time(
    times: Times, tmp_path: Path, jump: float
) -> None:
    async def main() -> None:
        async with timers(tmp_path) as box:
            await box.call("set_alarm", time="19:00")
            await box.call("set_timer", duration_s=3_600)
        right = times.wall
        times.boot, times.wall, times.sure = "second", right + jump, False
        async with timers(tmp_path) as box:
            await asyncio.sleep(60.0)
            assert box.sentences == []
            assert box.body.playback.rings == []
            assert (await box.call("set_alarm", time="20:00")).status == "rejected"
            times.wall, times.sure = right + 600.0, True
            await asyncio.sleep(31.0)
            phases = [item.phase for item in box.part.keeper.state.items]
            assert phases == [Phase.RUNNING] * 2
            left = (await box.call("list_timers", kind="timer")).data["timers"]
            assert isinstance(left, list)
            assert left[0]["remaining_s"] == pytest.approx(3_600 - 600 - 91, abs=1.0)
            await asyncio.sleep(7 * 3_600.0)
            assert "This is your alarm for 7 PM." in box.sentences

    virtual(main)


@pytest.mark.usefixtures("times")
def test_a_full_disk_stops_no_timer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    async def main() -> None:
        async with timers(tmp_path) as box:
            for _ in range(3):
                await box.call("set_timer", duration_s=10)
                await box.part.keeper.kept()
            await asyncio.sleep(11.0)
            assert box.body.playback.rings

    virtual(main)
    assert 1 <= caplog.text.count("cannot be saved") <= 2


@pytest.mark.usefixtures("times")
@pytest.mark.parametrize("content", [b"", b"[]", b'{"version": 9}', b"\xff\x00", b"[" * 50_000])
def test_a_broken_file_costs_the_memory_only(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "timers.json").write_bytes(content)

    async def main() -> None:
        async with timers(tmp_path) as box:
            assert (await box.call("set_timer", duration_s=10)).status == "done"

    virtual(main)


@pytest.mark.usefixtures("times")
def test_a_day_with_many_timers_leaves_nothing_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.CRITICAL)  # what is logged is kept by pytest
    monkeypatch.setattr(os, "fsync", lambda _: None)  # a thousand times

    async def main() -> None:
        async with timers(tmp_path, gate={"most_calls": 1_000}) as box:
            await box.call("set_alarm", time="07:00", day="daily")

            async def hour() -> None:
                for number in range(4):
                    await box.call("set_timer", duration_s=60 + 60 * number, name=f"t{number}")
                await box.call("change_timer", action="cancel", which="t3")
                await asyncio.sleep(3_600.0)
                box.said.clear()
                box.body.playback.rings.clear()

            await hour()
            gc.collect()
            before = len(gc.get_objects())
            for _ in range(23):
                await hour()
            gc.collect()
            grown = len(gc.get_objects()) - before
            assert len(box.part.keeper.state.items) == 1
            assert box.part.keeper.state.last == 1 + 24 * 4
            assert grown < 500

    virtual(main)
    assert (tmp_path / "timers.json").stat().st_size < 2_000
