"""Quiet hours come and go while the box runs, in virtual time."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from appliance.app.quiet import LOOK, QuietWatch, hours
from appliance.audio.quiet_hours import QuietHours
from appliance.config.sound import Quiet
from tests.virtual_time import run_virtual

UTC_ZONE = ZoneInfo("UTC")
NIGHT = QuietHours(time(22), time(7), UTC_ZONE)


@dataclass
class Wall:
    """The machine's clock, which somebody may set."""

    began: float
    told: list[tuple[float, bool]] = field(default_factory=list)

    def now(self) -> float:
        return self.began + asyncio.get_running_loop().time()

    def tell(self, quiet: bool) -> None:  # noqa: FBT001 - a callback
        self.told.append((asyncio.get_running_loop().time(), quiet))


def wall(clock: str) -> Wall:
    return Wall(datetime.fromisoformat(f"2026-06-01T{clock}").replace(tzinfo=UTC).timestamp())


def test_they_begin_and_end_to_the_second_without_a_restart() -> None:
    async def scene() -> None:
        clock = wall("21:00:30")
        watch = QuietWatch(NIGHT, clock.tell, now=clock.now)
        watch.start()
        await asyncio.sleep(24 * 3600)
        watch.stop()
        assert clock.told == [(0, False), (3600 - 30, True), (10 * 3600 - 30, False)]

    run_virtual(scene())


def test_clock_that_is_set_is_noticed_within_a_minute() -> None:
    async def scene() -> None:
        clock = wall("12:00:00")
        watch = QuietWatch(NIGHT, clock.tell, now=clock.now)
        watch.start()
        await asyncio.sleep(10)
        clock.began += 11 * 3600
        await asyncio.sleep(LOOK)
        assert [quiet for _, quiet in clock.told] == [False, True]
        clock.began -= 3 * 3600
        await asyncio.sleep(LOOK)
        assert [quiet for _, quiet in clock.told] == [False, True, False]
        watch.stop()

    run_virtual(scene())


def test_a_start_at_night_is_quiet_at_once_and_nothing_is_told_after_the_end() -> None:
    async def scene() -> None:
        clock = wall("23:00:00")
        watch = QuietWatch(NIGHT, clock.tell, now=clock.now)
        watch.start()
        assert clock.told == [(0, True)]
        watch.stop()
        watch.stop()
        await asyncio.sleep(86_400)
        assert clock.told == [(0, True)]

    run_virtual(scene())


def test_without_quiet_hours_nothing_is_told() -> None:
    async def scene() -> None:
        clock = wall("23:00:00")
        QuietWatch(hours(Quiet()), clock.tell, now=clock.now).start()
        await asyncio.sleep(86_400)
        assert clock.told == []

    run_virtual(scene())


def test_settings_name_the_hours_in_the_time_of_the_system() -> None:
    assert hours(Quiet(begin="22:30", end="06:05")) == QuietHours(time(22, 30), time(6, 5))
