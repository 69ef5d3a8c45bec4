from datetime import date, timedelta

import pytest

from appliance.backend.money.ledger import (
    AHEAD,
    EMPTY,
    MOST_DAYS,
    MOST_MODELS,
    OTHER,
    Ledger,
    Notice,
    Spent,
)
from appliance.backend.money.prices import MicroUsd
from appliance.backend.money.record import from_plain, to_plain

NOV_30 = date(2026, 11, 30)
DEC_1 = date(2026, 12, 1)
UNSET = date(1970, 1, 1)
DOLLAR = Spent(MicroUsd(1_000_000), 10, 5, 1)


def test_a_day_and_a_month_have_what_was_booked_in_them() -> None:
    ledger = EMPTY.book(NOV_30, "a", DOLLAR).book(DEC_1, "a", DOLLAR).book(DEC_1, "b", DOLLAR)
    assert ledger.spent("day", DEC_1) == 2_000_000
    assert ledger.spent("month", DEC_1) == 2_000_000
    assert ledger.spent("day", DEC_1 + timedelta(1)) == 0
    assert ledger.spent("month", date(2026, 12, 31)) == 2_000_000
    assert ledger.spent("month", date(2027, 1, 1)) == 0
    assert ledger.since("day", DEC_1) == {"a": DOLLAR, "b": DOLLAR}
    assert ledger.months() == {date(2026, 11, 1): {"a": DOLLAR}, DEC_1: {"a": DOLLAR, "b": DOLLAR}}


def test_setting_the_clock_back_gives_no_money_back() -> None:
    ledger = EMPTY.book(DEC_1, "a", DOLLAR)
    assert ledger.spent("day", NOV_30) == 1_000_000
    assert ledger.spent("month", date(2026, 11, 2)) == 1_000_000


def test_a_clock_that_is_not_set_is_on_the_latest_day_known() -> None:
    ledger = EMPTY.book(DEC_1, "a", DOLLAR).book(UNSET, "a", DOLLAR)
    assert ledger.days == {DEC_1: {"a": DOLLAR + DOLLAR}}
    assert ledger.spent("day", UNSET) == 2_000_000


def test_a_clock_that_was_never_set_books_all_the_same() -> None:
    assert EMPTY.book(UNSET, "a", DOLLAR).spent("day", UNSET) == 1_000_000


def test_what_was_booked_absurdly_far_ahead_is_moved_to_today() -> None:
    ledger = EMPTY.book(DEC_1, "a", DOLLAR).book(date(2099, 1, 1), "a", DOLLAR)
    settled = ledger.settled(DEC_1)
    assert settled.days == {DEC_1: {"a": DOLLAR + DOLLAR}}
    assert settled.spent("day", DEC_1 + timedelta(1)) == 0


def test_what_was_booked_a_little_ahead_stays_where_it_is() -> None:
    ledger = EMPTY.book(DEC_1 + AHEAD, "a", DOLLAR)
    assert ledger.settled(DEC_1) is ledger


def test_a_clock_that_is_not_set_moves_nothing() -> None:
    ledger = EMPTY.book(DEC_1, "a", DOLLAR)
    assert ledger.settled(UNSET) is ledger


def test_a_notice_of_an_absurd_future_is_forgotten() -> None:
    notice = Notice("warned", "day")
    ledger = EMPTY.tell(date(2099, 1, 1), [notice])
    assert ledger.was_told(DEC_1, notice)
    assert not ledger.settled(DEC_1).was_told(DEC_1, notice)


def test_thirteen_months_of_daily_use_are_kept_and_no_more_than_a_bound() -> None:
    ledger = EMPTY
    for number in range(MOST_DAYS + 30):
        ledger = ledger.book(NOV_30 + timedelta(number), "a", DOLLAR)
    assert len(ledger.days) == MOST_DAYS
    assert len(ledger.months()) >= 13
    assert max(ledger.days) == NOV_30 + timedelta(MOST_DAYS + 29)


def test_a_moment_in_the_far_future_does_not_throw_the_present_away() -> None:
    ledger = EMPTY.book(DEC_1, "a", DOLLAR).book(date(2999, 1, 1), "a", DOLLAR)
    assert ledger.days[DEC_1] == {"a": DOLLAR}


def test_a_server_that_invents_names_fills_neither_disk_nor_terminal() -> None:
    ledger = EMPTY
    for number in range(100):
        ledger = ledger.book(DEC_1, f"\x1b[31m{number}" + "x" * 10_000, DOLLAR)
    models = ledger.days[DEC_1]
    assert len(models) == MOST_MODELS + 1
    assert models[OTHER].count == 100 - MOST_MODELS
    assert all(len(name) <= 64 and name.isprintable() for name in models)
    assert ledger.spent("day", DEC_1) == 100_000_000


def test_a_record_gives_the_same_ledger_again() -> None:
    ledger = EMPTY.book(DEC_1, "a", DOLLAR).book(NOV_30, "b", Spent(estimated=True))
    ledger = ledger.tell(DEC_1, [Notice("exhausted", "month")])
    assert from_plain(to_plain(ledger)) == ledger


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"version": 2, "days": {}, "told": []},
        {"version": 1, "days": {"yesterday": {}}, "told": []},
        {"version": 1, "days": {"2026-12-01": {"a": [1, 2, 3]}}, "told": []},
        {"version": 1, "days": {"2026-12-01": {"a": ["1", 2, 3, 4, False]}}, "told": []},
        {"version": 1, "days": {"2026-12-01": {"a": [-1, 2, 3, 4, False]}}, "told": []},
        {"version": 1, "days": {"2026-12-01": {"a": [10**30, 2, 3, 4, False]}}, "told": []},
        {"version": 1, "days": {"2026-12-01": {"a": [1.5, 2, 3, 4, False]}}, "told": []},
        {"version": 1, "days": {"2026-12-01": {"a": [1, 2, 3, 4, 0]}}, "told": []},
        {"version": 1, "days": {}, "told": [["warned", "week", "2026-12-01"]]},
        {"version": 1, "days": {}},
    ],
)
def test_what_is_no_record_is_refused(data: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any will do
        from_plain(data)


def test_nothing_can_change_a_ledger() -> None:
    before = EMPTY.book(DEC_1, "a", DOLLAR)
    after = before.book(DEC_1, "a", DOLLAR).tell(DEC_1, [Notice("warned", "day")])
    assert before == Ledger({DEC_1: {"a": DOLLAR}})
    with pytest.raises(TypeError):
        after.days[NOV_30] = {}  # type: ignore[index]
