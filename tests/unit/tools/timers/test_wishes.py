"""What people mean by a time, and by a name."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from appliance.tools import wording
from appliance.tools.timers import wishes
from appliance.tools.timers.model import After, At, Item, Kind, Missed, Phase, Wish
from appliance.tools.timers.telling import Teller

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 6, 1, 12, 30, tzinfo=BERLIN)  # a Monday


@pytest.mark.parametrize(
    ("kind", "time", "day", "expected"),
    [
        (Kind.ALARM, "7:00?", "", At(7, 0)),
        (Kind.ALARM, "19:00", "", At(19, 0)),
        (Kind.ALARM, "2:00?", "", At(14, 0)),
        (Kind.ALARM, "12:00?", "tomorrow", At(12, 0, date(2026, 6, 2))),
        (Kind.ALARM, "6:30?", "weekdays", At(6, 30, days=frozenset(range(5)))),
        (Kind.REMINDER, "5:00?", "", At(17, 0)),
        (Kind.REMINDER, "11:00?", "", At(23, 0)),
        (Kind.REMINDER, "12:15?", "", At(0, 15)),
        (Kind.REMINDER, "5:00?", "tomorrow", At(17, 0, date(2026, 6, 2))),
        (Kind.REMINDER, "9:00?", "tomorrow", At(9, 0, date(2026, 6, 2))),
        (Kind.REMINDER, "9:00?", "today", At(21, 0, date(2026, 6, 1))),
        (Kind.ALARM, "07:00", "monday", At(7, 0, date(2026, 6, 8))),
        (Kind.ALARM, "13:00", "monday", At(13, 0, date(2026, 6, 1))),
        (Kind.ALARM, "07:00", "sunday", At(7, 0, date(2026, 6, 7))),
        (Kind.ALARM, "07:00", "every_sunday", At(7, 0, days=frozenset({6}))),
    ],
)
def test_the_time_that_people_mean(kind: Kind, time: str, day: str, expected: At) -> None:
    given = {"time": time} | ({"day": day} if day else {})
    assert wishes.at(kind, time, given, NOON) == expected


def test_a_date_goes_where_days_do_not_reach() -> None:
    wish = wishes.wish(Kind.ALARM, {"time": "07:00", "date": "2026-12-24"}, NOON)
    assert wish.when == At(7, 0, date(2026, 12, 24))


@pytest.mark.parametrize("given", [{}, {"time": "07:00", "date": "2026-02-30"}, {"day": "today"}])
def test_without_a_time_nothing_is_set(given: dict[str, object]) -> None:
    with pytest.raises(wishes.Unusable):
        wishes.wish(Kind.REMINDER, given, NOON)


ITEMS = (
    Item("1", Wish(Kind.TIMER, After(600.0), "pasta")),
    Item("2", Wish(Kind.TIMER, After(300.0), "soft eggs")),
    Item("3", Wish(Kind.ALARM, At(19, 0)), on=date(2026, 6, 1)),
    Item("4", Wish(Kind.REMINDER, After(60.0), text="call mum")),
    Item("5", Wish(Kind.ACTION, After(60.0))),
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"which": "Pasta"}, "1"),
        ({"which": "eggs"}, "2"),
        ({"which": "passta"}, "1"),
        ({"which": "call mum"}, "4"),
        ({"which": "laundry"}, ""),
        ({"kind": "timer"}, "12"),
        ({"kind": "timer", "length_s": 300}, "2"),
        ({"time": "7:00?"}, "3"),
        ({"time": "07:00"}, ""),
        ({"id": "5"}, "5"),
        ({}, "1234"),
    ],
)
def test_what_is_meant_by_name_kind_length_or_time(
    given: dict[str, object], expected: str
) -> None:
    assert "".join(item.id for item in wishes.meant(ITEMS, given)) == expected


def test_what_rings_is_meant_first() -> None:
    ringing = Item("9", Wish(Kind.TIMER, After(1.0)), phase=Phase.RINGING)
    assert wishes.meant((*ITEMS, ringing), {}) == (ringing,)


def test_every_kind_has_its_words() -> None:
    teller = Teller(wording.load("en"))
    for kind in Kind:
        missed = Missed("1", kind, "pasta", "call mum", NOON.timestamp())
        assert "12:30 PM" in teller.missed(missed, BERLIN)
        for item in ITEMS:
            said = teller.over(item)
            assert bool(said) == (item.wish.kind is not Kind.ACTION)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0 seconds"), (1.0, "1 second"), (60.0, "1 minute"),
        (90.4, "1 minute and 30 seconds"), (3_600.0, "1 hour"),
        (4_200.0, "1 hour and 10 minutes"), (86_400.0, "24 hours"),
    ],
)  # fmt: skip
def test_lengths_are_said_as_people_do(seconds: float, said: str) -> None:
    assert Teller(wording.load("en")).duration(seconds) == said
