"""What was spent on which day, on which model. Pure, and robust against clocks that are wrong.

A box without a clock of its own starts somewhere in the past and jumps to the present once it has
a network; somebody may set it by hand. None of that may set a cap back:

* *Today* has all that is booked on it **or later**, this month likewise: a clock that goes back
  finds the money still spent.
* A clock from before ``EARLIEST`` is not set. Then it is the latest day that anything is known of.
* What lies more than ``AHEAD`` after today came of a clock that was far ahead. It would count for
  years, so it is moved to today when the box starts, and counts for this month.
* What is dropped at last is the oldest by number of days, not by what the clock says.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import Literal

from appliance.backend.money.prices import MicroUsd

EARLIEST = date(2026, 11, 1)
"""When this was written: an earlier clock is not set."""

AHEAD = timedelta(days=40)
"""More than a month, so that a clock set back over the end of a month changes nothing."""

MOST_DAYS = 400
"""Thirteen months of days, each with use."""

MOST_MODELS = 20
"""On one day; more names than that are a server's jest, and are booked as ``OTHER``."""

LONGEST_NAME = 64
OTHER = "other"

_NO_MONEY = MicroUsd(0)

Cap = Literal["day", "month"]
Level = Literal["warned", "exhausted"]


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent, on one model or on many."""

    micro_usd: MicroUsd = _NO_MONEY
    tokens_in: int = 0
    tokens_out: int = 0
    count: int = 0
    """Of replies and transcriptions."""

    estimated: bool = False
    """Some of it at a price that is not known."""

    def __add__(self, other: "Spent") -> "Spent":
        """Return both together."""
        return Spent(
            MicroUsd(self.micro_usd + other.micro_usd),
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.count + other.count,
            estimated=self.estimated or other.estimated,
        )


NOTHING = Spent()

Day = Mapping[str, Spent]
"""By model."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the user is told once in a day or a month."""

    level: Level
    cap: Cap


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that is known."""

    days: Mapping[date, Day] = field(default_factory=dict)
    told: Mapping[Notice, date] = field(default_factory=dict)
    """Of which the user was told, and for the day or the month that began when."""

    def today(self, clock: date) -> date:
        """Return what day it is, as far as can be known."""
        if clock >= EARLIEST:
            return clock
        return max(self.days, default=EARLIEST)

    def spent(self, cap: Cap, clock: date) -> MicroUsd:
        """Return what was spent on this day or in this month, or later."""
        since = begin(cap, self.today(clock))
        return MicroUsd(
            sum(
                each.micro_usd
                for day, models in self.days.items()
                if day >= since
                for each in models.values()
            )
        )

    def book(self, clock: date, model: str, spent: Spent) -> "Ledger":
        """Return the ledger with one more entry."""
        day = self.today(clock)
        models = self.days.get(day, {})
        name = "".join(filter(str.isprintable, model[:LONGEST_NAME])) or OTHER
        if name not in models and len(models) >= MOST_MODELS:
            name = OTHER
        days = {**self.days, day: {**models, name: models.get(name, NOTHING) + spent}}
        for oldest in sorted(days)[: max(0, len(days) - MOST_DAYS)]:
            del days[oldest]
        return replace(self, days=MappingProxyType(days))

    def tell(self, clock: date, notices: Iterable[Notice]) -> "Ledger":
        """Return the ledger with these notices told for the current day or month."""
        today = self.today(clock)
        now = {notice: begin(notice.cap, today) for notice in notices}
        return replace(self, told=MappingProxyType({**self.told, **now}))

    def was_told(self, clock: date, notice: Notice) -> bool:
        """Say whether the user knows, for the current day or month or a later one."""
        since = self.told.get(notice)
        return since is not None and since >= begin(notice.cap, self.today(clock))

    def settled(self, clock: date) -> "Ledger":
        """Return the ledger with what a clock far ahead has booked moved to today."""
        today = self.today(clock)
        absurd = [day for day in self.days if day - today > AHEAD]
        told = {notice: day for notice, day in self.told.items() if day - today <= AHEAD}
        if not absurd and len(told) == len(self.told):
            return self
        days = {day: models for day, models in self.days.items() if day not in absurd}
        if absurd:
            days[today] = total(self.days[day] for day in (*absurd, today) if day in self.days)
        return Ledger(MappingProxyType(days), MappingProxyType(told))

    def months(self) -> dict[date, Day]:
        """Return what was spent in each month, by the first of it, oldest first."""
        first: dict[date, list[Day]] = {}
        for day in sorted(self.days):
            first.setdefault(day.replace(day=1), []).append(self.days[day])
        return {month: total(days) for month, days in first.items()}

    def since(self, cap: Cap, clock: date) -> Day:
        """Return what was spent in the current day or month, by model."""
        since = begin(cap, self.today(clock))
        return total(models for day, models in self.days.items() if day >= since)


EMPTY = Ledger()


def begin(cap: Cap, today: date) -> date:
    """Return the day on which the current day or month began."""
    return today if cap == "day" else today.replace(day=1)


def total(days: Iterable[Day]) -> dict[str, Spent]:
    """Add days up, by model."""
    found: dict[str, Spent] = {}
    for models in days:
        for model, spent in models.items():
            found[model] = found.get(model, NOTHING) + spent
    return found
