from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest

from appliance.backend.choice import Purse
from appliance.backend.money.ledger import EMPTY, Ledger, Notice
from appliance.backend.money.meter import Caps, Meter, Standing, TurnCost, caps, dollars
from appliance.backend.money.prices import MicroUsd, Tariff, built_in
from appliance.events import Usage
from appliance.units import Seconds, TurnNumber

TODAY = date(2026, 12, 10)
NO_CAPS = Caps()
DAY_WARNED, MONTH_WARNED = Notice("warned", "day"), Notice("warned", "month")
DAY_OUT, MONTH_OUT = Notice("exhausted", "day"), Notice("exhausted", "month")


@dataclass
class Bench:
    """A meter, its clock, and what it told."""

    limits: Caps = NO_CAPS
    day: date = TODAY
    ledger: Ledger = EMPTY
    told: list[Standing] = field(default_factory=list)
    kept: list[Ledger] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin, or begin anew with what was kept."""
        self.meter = Meter(
            Tariff(built_in()),
            self.limits,
            today=lambda: self.day,
            ledger=self.kept[-1] if self.kept else self.ledger,
            keep=self.kept.append,
        )
        self.meter.on_change.append(self.told.append)

    def spend(self, cents: int, turn: int | None = None) -> None:
        usage = Usage("gpt-realtime-2.1", text_in=cents * 2_500)  # 4 millionths each
        self.meter.take(usage, None if turn is None else TurnNumber(turn))

    def news(self) -> list[tuple[Notice, ...]]:
        return [each.news for each in self.told]


def test_without_caps_it_only_counts() -> None:
    bench = Bench()
    bench.spend(100_000)
    assert not bench.meter.exhausted
    assert bench.told == []
    assert bench.meter.standing.day == 1_000_000_000


def test_the_backends_can_take_it_as_their_purse() -> None:
    bench = Bench(caps(day_usd=0.01, month_usd=None, warn_at=0.8))
    purse: Purse = bench.meter
    assert not purse.exhausted
    purse.take(Usage("gpt-realtime-2.1", text_in=2_500), TurnNumber(1))
    assert purse.exhausted


def test_the_user_is_warned_once_and_told_once_when_it_is_used_up() -> None:
    bench = Bench(caps(day_usd=1.0, month_usd=None, warn_at=0.8))
    for _ in range(20):
        bench.spend(10)
    assert bench.news() == [(DAY_WARNED,), (DAY_OUT,)]
    assert [each.state for each in bench.told] == ["warned", "exhausted"]
    assert [each.day for each in bench.told] == [800_000, 1_000_000]
    assert bench.meter.exhausted
    assert bench.told[-1].until == "day"


def test_a_jump_over_both_bounds_is_one_piece_of_news() -> None:
    bench = Bench(caps(day_usd=1.0, month_usd=10.0, warn_at=0.5))
    bench.spend(5_000)
    assert bench.news() == [(DAY_OUT, MONTH_OUT)]
    assert bench.told[-1].until == "month"


def test_the_caps_of_day_and_month_are_told_apart() -> None:
    bench = Bench(caps(day_usd=1.0, month_usd=1.5, warn_at=0.8))
    bench.spend(90)
    bench.day += timedelta(1)
    bench.spend(40)
    bench.spend(45)
    assert bench.news() == [(DAY_WARNED,), (MONTH_WARNED,), (MONTH_OUT, DAY_WARNED)]
    assert bench.meter.standing.notices == {DAY_WARNED, MONTH_OUT}


def test_the_next_day_it_serves_again_and_says_that_something_changed() -> None:
    bench = Bench(caps(day_usd=1.0, month_usd=None, warn_at=0.8))
    bench.spend(100)
    bench.day += timedelta(1)
    assert not bench.meter.exhausted
    bench.meter.look()
    bench.meter.look()
    assert [each.state for each in bench.told] == ["exhausted", None]
    assert bench.told[-1].news == ()


def test_a_month_that_is_used_up_stays_so_until_the_next() -> None:
    bench = Bench(caps(day_usd=None, month_usd=1.0, warn_at=0.8))
    bench.spend(100)
    bench.day = date(2026, 12, 31)
    assert bench.meter.exhausted
    bench.day = date(2027, 1, 1)
    assert not bench.meter.exhausted


def test_a_restart_forgets_neither_the_money_nor_what_was_told() -> None:
    bench = Bench(caps(day_usd=1.0, month_usd=None, warn_at=0.8))
    bench.spend(85)
    bench.start()
    bench.meter.look()
    assert bench.news() == [(DAY_WARNED,), ()]  # the state is told again, the sentence is not
    bench.spend(15)
    bench.start()
    assert bench.meter.exhausted
    bench.meter.look()
    assert bench.news()[2:] == [(DAY_OUT,), ()]


def test_setting_the_clock_back_does_not_open_the_purse() -> None:
    bench = Bench(caps(day_usd=1.0, month_usd=None, warn_at=0.8))
    bench.spend(100)
    for back in (1, 9, 15, 100_000):
        bench.day = TODAY - timedelta(back)
        assert bench.meter.exhausted, back
        bench.meter.look()
    assert bench.news() == [(DAY_OUT,)]


def test_a_cap_of_nothing_is_reached_before_anything_is_spent() -> None:
    bench = Bench(caps(day_usd=0.0, month_usd=None, warn_at=0.8))
    assert bench.meter.exhausted


def test_a_higher_cap_after_a_reload_opens_the_purse_again() -> None:
    bench = Bench(caps(day_usd=1.0, month_usd=None, warn_at=0.8))
    bench.spend(100)
    bench.limits = caps(day_usd=2.0, month_usd=None, warn_at=0.8)
    bench.start()
    assert not bench.meter.exhausted


def test_a_turn_costs_its_replies_and_its_transcription() -> None:
    bench = Bench()
    bench.spend(10, turn=1)
    bench.spend(1, turn=2)
    bench.spend(1)  # of the latest turn
    bench.meter.take(Usage("gpt-transcribe", audio_s=Seconds(60.0)), TurnNumber(1))
    assert bench.meter.turn_cost(TurnNumber(1)) == TurnCost(
        TurnNumber(1), MicroUsd(104_500), MicroUsd(124_500)
    )
    assert bench.meter.turn_cost(TurnNumber(2)) == TurnCost(
        TurnNumber(2), MicroUsd(20_000), MicroUsd(120_000)
    )
    assert bench.meter.turn_cost(TurnNumber(3)) is None


def test_old_turns_are_forgotten() -> None:
    bench = Bench()
    for turn in range(100):
        bench.spend(1, turn=turn)
    assert bench.meter.turn_cost(TurnNumber(0)) is None
    assert bench.meter.turn_cost(TurnNumber(99)) is not None


def test_the_words_of_a_turn_say_when_they_are_a_guess() -> None:
    known = TurnCost(TurnNumber(1), MicroUsd(4_200), MicroUsd(310_000))
    assert known.words == "0.42 ct (today $0.31)"
    guess = TurnCost(TurnNumber(1), MicroUsd(4_200), MicroUsd(4_200), estimated=True)
    assert guess.words == "about 0.42 ct (today $0.0042)"
    bench = Bench()
    bench.meter.take(Usage("unheard of", text_in=1), TurnNumber(1))
    bench.spend(1, turn=1)
    cost = bench.meter.turn_cost(TurnNumber(1))
    assert cost is not None
    assert cost.estimated


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (0, "$0.00"),
        (1, "$0.0000"),
        (9_900, "$0.0099"),
        (10_000, "$0.01"),
        (1_234_560_000, "$1,234.56"),
    ],
)
def test_amounts_read_well(amount: int, words: str) -> None:
    assert dollars(MicroUsd(amount)) == words


def test_every_booking_is_kept_and_every_one_is_told_to_those_who_show_it() -> None:
    bench = Bench()
    shown: list[int] = []
    bench.meter.on_spent.append(lambda standing: shown.append(standing.day))
    bench.spend(1)
    bench.spend(2)
    assert shown == [10_000, 30_000]
    assert [kept.spent("day", TODAY) for kept in bench.kept] == [10_000, 30_000]


def test_what_came_of_a_clock_far_ahead_is_moved_at_the_start_and_kept_so() -> None:
    bench = Bench(caps(day_usd=1.0, month_usd=None, warn_at=0.8), day=date(2099, 1, 1))
    bench.spend(100)
    bench.day = TODAY
    bench.start()
    assert bench.meter.exhausted
    assert list(bench.kept[-1].days) == [TODAY]
    bench.day += timedelta(1)
    assert not bench.meter.exhausted
