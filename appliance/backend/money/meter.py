"""Counts what is used, and says how far the money goes. No I/O; the day is asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date

from appliance.backend.money.ledger import EMPTY, Cap, Ledger, Level, Notice, Spent
from appliance.backend.money.prices import MicroUsd, Tariff
from appliance.events import Usage
from appliance.units import TurnNumber

REMEMBERED_TURNS = 16
"""A transcription may come some turns late; nobody asks for more."""


@dataclass(frozen=True, slots=True)
class Caps:
    """How much may be spent; ``None``: as much as comes."""

    day: MicroUsd | None = None
    month: MicroUsd | None = None
    warn_at: float = 0.8
    """Share of a cap at which the user is told."""


def caps(*, day_usd: float | None, month_usd: float | None, warn_at: float) -> Caps:
    """Return the caps of the settings."""
    return Caps(_micro(day_usd), _micro(month_usd), warn_at)


def _micro(usd: float | None) -> MicroUsd | None:
    return None if usd is None else MicroUsd(round(usd * 1_000_000))


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the money goes."""

    day: MicroUsd
    """Spent today."""

    month: MicroUsd
    caps: Caps
    notices: frozenset[Notice] = frozenset()
    """For each cap that is near or reached, one."""

    news: tuple[Notice, ...] = field(default=(), compare=False)
    """Those of them that the user has not been told of in this day or month."""

    @property
    def state(self) -> Level | None:
        """``exhausted``, ``warned`` or nothing: the worst of the notices."""
        levels = {notice.level for notice in self.notices}
        return "exhausted" if "exhausted" in levels else "warned" if levels else None

    @property
    def until(self) -> Cap | None:
        """If it is exhausted: whether the next day is enough, or only the next month is."""
        if Notice("exhausted", "month") in self.notices:
            return "month"
        return "day" if Notice("exhausted", "day") in self.notices else None


def standing(ledger: Ledger, clock: date, limits: Caps) -> Standing:
    """Look at the ledger."""
    spent = {"day": ledger.spent("day", clock), "month": ledger.spent("month", clock)}
    bounds: tuple[tuple[Cap, MicroUsd | None], ...] = (
        ("day", limits.day),
        ("month", limits.month),
    )
    notices = frozenset(
        Notice(level, cap)
        for cap, bound in bounds
        if bound is not None and (level := _level(spent[cap], bound, limits.warn_at)) is not None
    )
    return Standing(spent["day"], spent["month"], limits, notices)


def _level(spent: MicroUsd, cap: MicroUsd, warn_at: float) -> Level | None:
    if spent >= cap:  # a cap of 0 is reached before anything is spent
        return "exhausted"
    return "warned" if spent >= cap * warn_at else None


@dataclass(frozen=True, slots=True)
class TurnCost:
    """What one turn has cost so far: its replies and its transcription."""

    turn: TurnNumber
    spent: MicroUsd
    today: MicroUsd
    estimated: bool = False

    @property
    def words(self) -> str:
        """For the timeline: ``0.42 ct (today $0.31)``."""
        about = "about " if self.estimated else ""
        return f"{about}{self.spent / 10_000:.2f} ct (today {dollars(self.today)})"


def dollars(amount: MicroUsd) -> str:
    """Return an amount for people: ``$0.31``, or ``$0.0042`` below a cent."""
    usd = amount / 1_000_000
    return f"${usd:.4f}" if 0 < amount < 10_000 else f"${usd:,.2f}"


class Meter:
    """Books what is used, and tells when the standing changes. Event loop only; never waits.

    Args:
        tariff: What things cost.
        limits: How much may be spent.
        today: Asks the clock for the local day.
        ledger: What was spent before.
        keep: Is given every new ledger, to write it down.
    """

    def __init__(
        self,
        tariff: Tariff,
        limits: Caps,
        *,
        today: Callable[[], date],
        ledger: Ledger = EMPTY,
        keep: Callable[[Ledger], None] = lambda _: None,
    ) -> None:
        self._tariff = tariff
        self._limits = limits
        self._today = today
        self._keep = keep
        self._turns: dict[TurnNumber, TurnCost] = {}
        self._last: frozenset[Notice] = frozenset()
        self.ledger = ledger.settled(today())
        self.on_change: list[Callable[[Standing], None]] = []
        """Called when ``notices`` changes, and for news; once for each."""

        self.on_spent: list[Callable[[Standing], None]] = []
        """Called after each booking."""

        if self.ledger != ledger:
            keep(self.ledger)

    @property
    def exhausted(self) -> bool:
        """Whether a cap is reached; again ``False`` in the next day or month."""
        return self.standing.state == "exhausted"

    @property
    def standing(self) -> Standing:
        """How far the money goes now."""
        return standing(self.ledger, self._today(), self._limits)

    def take(self, usage: Usage, turn: TurnNumber | None = None) -> None:
        """Book what one reply or transcription was billed for.

        Args:
            usage: As the backend reported it.
            turn: Whose it was; ``None``: the latest that is known.
        """
        cost = self._tariff.cost(usage)
        tokens_in = usage.text_in + usage.audio_in + usage.image_in
        spent = Spent(
            cost.micro_usd,
            max(0, tokens_in),
            max(0, usage.text_out + usage.audio_out),
            count=1,
            estimated=cost.estimated,
        )
        self.ledger = self.ledger.book(self._today(), usage.model, spent)
        self._keep(self.ledger)
        self._count(turn, spent)
        self.look()
        now = self.standing
        for told in self.on_spent:
            told(now)

    def look(self) -> Standing:
        """Report what has changed: for instance that a new day has begun."""
        now = self.standing
        clock = self._today()
        fresh = [each for each in now.notices if not self.ledger.was_told(clock, each)]
        news = tuple(sorted(fresh, key=lambda each: (each.level, each.cap)))
        now = replace(now, news=news)
        if news:
            self.ledger = self.ledger.tell(clock, news)
            self._keep(self.ledger)
        if news or now.notices != self._last:
            self._last = now.notices
            for told in self.on_change:
                told(now)
        return now

    def turn_cost(self, turn: TurnNumber) -> TurnCost | None:
        """Return what a recent turn has cost; ``None`` if nothing was booked for it."""
        return self._turns.get(turn)

    def _count(self, turn: TurnNumber | None, spent: Spent) -> None:
        whose = max(self._turns, default=TurnNumber(0)) if turn is None else turn
        before = self._turns.get(whose)
        self._turns[whose] = TurnCost(
            whose,
            MicroUsd(spent.micro_usd + (before.spent if before else 0)),
            self.ledger.spent("day", self._today()),
            estimated=spent.estimated or (before is not None and before.estimated),
        )
        while len(self._turns) > REMEMBERED_TURNS:
            del self._turns[min(self._turns)]
