"""Quiet hours in any time zone, whatever its clocks do."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from appliance.audio.quiet_hours import QuietHours

DAY = 86_400
ZONES = st.sampled_from(
    [
        ZoneInfo(name)
        for name in (
            "UTC",
            "Europe/Berlin",
            "America/New_York",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",  # half an hour of summer time
            "Pacific/Apia",  # has skipped a day
            "America/Sao_Paulo",  # has changed at midnight
        )
    ]
)
CLOCKS = st.builds(time, st.integers(0, 23), st.integers(0, 59))
HOURS = st.builds(QuietHours, CLOCKS, CLOCKS, ZONES).filter(lambda hours: hours.begin != hours.end)
MOMENTS = st.integers(946_684_800, 2_524_608_000).map(float)  # 2000 to 2050
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def is_ordinary(moment: float, zone: ZoneInfo) -> bool:
    """Return whether the clocks have not been changed for two days and will not be."""
    around = [datetime.fromtimestamp(moment + days * DAY, zone) for days in (-2, -1, 0, 1, 2)]
    return len({each.utcoffset() for each in around}) == 1


@given(HOURS, MOMENTS)
def test_nothing_changes_before_the_next_edge(hours: QuietHours, moment: float) -> None:
    edge = hours.next_edge(moment)
    assert moment < edge <= moment + 2 * DAY + 1
    now = hours.hold(moment)
    for part in (0.01, 0.3, 0.5, 0.9, 0.999):
        assert hours.hold(moment + part * (edge - moment)) is now


@given(HOURS, MOMENTS)
def test_on_an_ordinary_day_the_clock_on_the_wall_decides(
    hours: QuietHours, moment: float
) -> None:
    assert isinstance(hours.zone, ZoneInfo)
    assume(is_ordinary(moment, hours.zone))
    wall = datetime.fromtimestamp(moment, hours.zone).time()
    if hours.begin < hours.end:
        assert hours.hold(moment) is (hours.begin <= wall < hours.end)
    else:
        assert hours.hold(moment) is (wall >= hours.begin or wall < hours.end)
    assert hours.hold(hours.next_edge(moment)) is not hours.hold(moment)


@given(CLOCKS, CLOCKS, MOMENTS)
def test_every_day_has_as_much_quiet_as_asked_for_give_or_take_an_hour(
    begin: time, end: time, moment: float
) -> None:
    assume(begin != end)
    hours = QuietHours(begin, end, BERLIN)
    quiet, now = 0.0, moment
    while now < moment + 7 * DAY:
        edge = min(hours.next_edge(now), moment + 7 * DAY)
        quiet += (edge - now) * hours.hold(now)
        now = edge
    length = timedelta(hours=end.hour - begin.hour, minutes=end.minute - begin.minute)
    asked = 7 * (length.total_seconds() % DAY)
    assert abs(quiet - asked) <= 3600


@pytest.mark.parametrize(
    ("moment", "quiet"),
    [
        ("2026-03-28T21:59:59", False),
        ("2026-03-28T22:00:00", True),
        ("2026-03-29T01:59:59", True),
        ("2026-03-29T03:00:00", True),  # the clocks have been set forward
        ("2026-03-29T06:59:59", True),
        ("2026-03-29T07:00:00", False),
        ("2026-10-25T02:30:00", True),  # and back
        ("2026-10-25T06:59:59", True),
        ("2026-10-25T07:00:00", False),
    ],
)
def test_over_midnight_and_a_change_of_the_clocks(moment: str, *, quiet: bool) -> None:
    assert QuietHours(time(22), time(7), BERLIN).hold(at(moment)) is quiet


def test_hour_that_clocks_show_twice_is_entered_once() -> None:
    hours = QuietHours(time(2, 30), time(7), BERLIN)
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()  # 02:30, summer time
    assert hours.next_edge(first - 60) == first
    assert hours.hold(first + 45 * 60)  # 02:15 again, an hour later on the wall
    assert hours.next_edge(first) == at("2026-10-25T07:00:00")


def test_time_that_clocks_skip_is_not_lost() -> None:
    hours = QuietHours(time(2, 30), time(7), BERLIN)
    assert hours.next_edge(at("2026-03-29T01:00:00")) == at("2026-03-29T03:30:00")


def test_without_a_zone_it_is_the_systems() -> None:
    hours = QuietHours(time(22), time(7))
    noon = datetime(2026, 6, 1, 12).astimezone()
    midnight = datetime(2026, 6, 2, 0).astimezone()
    assert not hours.hold(noon.timestamp())
    assert hours.hold(midnight.timestamp())
