"""Money under any bookings and any clock."""

import json
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from appliance.backend.money.ledger import (
    AHEAD,
    EARLIEST,
    EMPTY,
    Cap,
    Ledger,
    Notice,
    Spent,
    begin,
    total,
)
from appliance.backend.money.meter import Caps, Meter, Standing, standing
from appliance.backend.money.prices import MicroUsd, Tariff, built_in
from appliance.backend.money.record import from_plain, to_plain
from appliance.events import Usage
from appliance.units import Seconds

PRICES = built_in()
TARIFF = Tariff(PRICES)
COUNTS = st.integers(-10, 10**7)
USAGES = st.builds(
    Usage,
    model=st.sampled_from([*PRICES, "gpt-realtime-2.1-2027-01-01", "unknown", ""]),
    text_in=COUNTS,
    text_cached=COUNTS,
    audio_in=COUNTS,
    audio_cached=COUNTS,
    image_in=COUNTS,
    image_cached=COUNTS,
    text_out=COUNTS,
    audio_out=COUNTS,
    audio_s=st.floats(allow_nan=True, allow_infinity=True).map(Seconds),
    characters=COUNTS,
)
NEAR = st.integers(0, 70).map(lambda days: EARLIEST + timedelta(days))
CLOCKS = st.one_of(NEAR, NEAR, st.dates(), st.just(date(1970, 1, 1)))
AMOUNTS = st.integers(0, 2_000_000).map(lambda micro: Spent(MicroUsd(micro), micro, 1, 1))
BOOKINGS = st.lists(st.tuples(CLOCKS, st.sampled_from(["a", "b", "c"]), AMOUNTS), max_size=30)
CAPS: tuple[Cap, ...] = ("day", "month")


def booked(bookings: list[tuple[date, str, Spent]]) -> Ledger:
    ledger = EMPTY
    for clock, model, spent in bookings:
        ledger = ledger.book(clock, model, spent)
    return ledger


@given(USAGES)
def test_a_cost_is_a_whole_number_and_never_less_than_what_any_part_of_it_costs(
    usage: Usage,
) -> None:
    cost = TARIFF.cost(usage).micro_usd
    assert cost >= 0
    for part in ("text_out", "audio_out", "characters"):
        alone = Usage(usage.model, **{part: getattr(usage, part)})
        assert TARIFF.cost(alone).micro_usd <= cost or TARIFF.cost(alone).estimated


KINDS = ("text_in", "audio_in", "image_in", "text_out", "audio_out", "characters")


@given(USAGES, st.sampled_from(KINDS), st.integers(1, 10**6))
def test_more_use_never_costs_less(usage: Usage, kind: str, more: int) -> None:
    plenty = replace(usage, **{kind: max(getattr(usage, kind), 0) + more})
    if TARIFF.cost(usage).estimated or not TARIFF.cost(plenty).estimated:
        cached = kind.replace("_in", "_cached")
        if not cached.endswith("_cached") or getattr(usage, cached) <= getattr(usage, kind):
            assert TARIFF.cost(plenty).micro_usd >= TARIFF.cost(usage).micro_usd


@given(USAGES)
def test_the_cache_never_makes_it_dearer(usage: Usage) -> None:
    fresh = replace(usage, text_cached=0, audio_cached=0, image_cached=0)
    assert TARIFF.cost(usage).micro_usd <= TARIFF.cost(fresh).micro_usd


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_sum_is_exact_up_to_one_rounding(tokens: int, cached: int) -> None:
    cached = min(tokens, cached)
    usage = Usage("gpt-realtime-2.1-mini", text_in=tokens, text_cached=cached)
    exact = (tokens - cached) * Fraction(6, 10) + cached * Fraction(6, 100)
    assert 0 <= TARIFF.cost(usage).micro_usd - exact < 1


@given(BOOKINGS)
def test_every_sum_is_kept_whatever_the_clock_says(
    bookings: list[tuple[date, str, Spent]],
) -> None:
    ledger = booked(bookings)
    wanted: dict[str, Spent] = {}
    for _, model, spent in bookings:
        wanted[model] = wanted.get(model, Spent()) + spent
    assert total(ledger.days.values()) == wanted
    assert total(ledger.months().values()) == wanted


@given(BOOKINGS, CLOCKS)
def test_settling_keeps_every_sum_and_leaves_nothing_absurd(
    bookings: list[tuple[date, str, Spent]], clock: date
) -> None:
    ledger = booked(bookings)
    settled = ledger.settled(clock)
    assert total(settled.days.values()) == total(ledger.days.values())
    assert settled.settled(clock) == settled
    if clock >= EARLIEST:
        assert all(day - clock <= AHEAD for day in settled.days)
        for cap in CAPS:
            assert settled.spent(cap, clock) == ledger.spent(cap, clock)


@given(BOOKINGS, CLOCKS, st.sampled_from(["a", "d"]), AMOUNTS)
def test_a_booking_counts_in_full_against_both_caps_at_once(
    bookings: list[tuple[date, str, Spent]], clock: date, model: str, spent: Spent
) -> None:
    before = booked(bookings)
    after = before.book(clock, model, spent)
    for cap in CAPS:
        assert after.spent(cap, clock) == before.spent(cap, clock) + spent.micro_usd


@given(BOOKINGS, CLOCKS, CLOCKS)
def test_a_clock_that_goes_back_never_sets_a_cap_back(
    bookings: list[tuple[date, str, Spent]], one: date, two: date
) -> None:
    ledger = booked(bookings)
    early, late = sorted((ledger.today(one), ledger.today(two)))
    for cap in CAPS:
        assert ledger.spent(cap, early) >= ledger.spent(cap, late)
    assert ledger.spent("month", early) >= ledger.spent("day", early)


@given(BOOKINGS, st.integers(0, 5_000_000), st.floats(0.0, 1.0), CLOCKS)
def test_a_standing_says_what_the_sums_say(
    bookings: list[tuple[date, str, Spent]], cap: int, warn_at: float, clock: date
) -> None:
    ledger = booked(bookings)
    now = standing(ledger, clock, Caps(MicroUsd(cap), None, warn_at))
    assert (now.state == "exhausted") == (ledger.spent("day", clock) >= cap)
    assert len(now.notices) <= 1


STORIES = st.lists(
    st.one_of(
        st.tuples(st.just("clock"), CLOCKS),
        st.tuples(st.just("spend"), st.integers(0, 200_000)),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("look"), st.none()),
    ),
    max_size=40,
)


@given(STORIES)
def test_each_notice_is_news_once_in_its_day_or_month_also_over_restarts(
    story: list[tuple[str, object]],
) -> None:
    clock = [EARLIEST]
    kept: list[Ledger] = [EMPTY]
    seen: set[tuple[Notice, date]] = set()
    limits = Caps(MicroUsd(300_000), MicroUsd(1_000_000), 0.5)

    def start() -> Meter:
        plain = json.loads(json.dumps(to_plain(kept[-1])))
        meter = Meter(
            TARIFF,
            limits,
            today=lambda: clock[0],
            ledger=from_plain(plain),
            keep=kept.append,
        )
        meter.on_change.append(note)
        return meter

    def note(now: Standing) -> None:
        for notice in now.news:
            key = (notice, begin(notice.cap, kept[-1].today(clock[0])))
            assert key not in seen or absurd
            seen.add(key)
            assert notice in now.notices

    absurd = any(
        what == "clock" and isinstance(day, date) and day > EARLIEST + 2 * AHEAD
        for what, day in story
    )  # then what was told is forgotten with it
    meter = start()
    for what, value in story:
        match what, value:
            case "clock", date() as day:
                clock[0] = day
            case "spend", int() as tokens:
                before = meter.standing
                meter.take(Usage("gpt-realtime-2.1", text_in=tokens))
                assert meter.standing.day == before.day + tokens * 4
                assert meter.standing.month == before.month + tokens * 4
            case "restart", _:
                spent = meter.standing
                meter = start()
                assert meter.standing == spent
            case _:
                meter.look()
        assert meter.exhausted == (meter.standing.day >= 300_000 or meter.standing.month >= 10**6)
