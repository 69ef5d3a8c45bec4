"""Which backend serves the next turn, and when one that was lost is tried again. Pure.

The best serves, unless it may not (privacy mode, money) or cannot (lost, refused): the one that
somebody chose, then the first of the order, the next, and so on. One that was lost is out until a
try in the background, or a whole reply, has shown that it works: nobody's turn is spent on finding
out. The waits between the tries double, and only a whole reply brings the first wait back, for a
backend may be reached and yet fail at every turn. Where nothing is well, the last of the order
that may serve is taken all the same: somebody must answer.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from appliance.events import Usage
from appliance.units import Seconds, TurnNumber

FIRST_WAIT = Seconds(0.5)
LONGEST_WAIT = Seconds(60.0)
"""A backend that comes back is noticed within a minute; each try costs it one connection."""

_MOST_DOUBLINGS = 10
"""Beyond ``LONGEST_WAIT``; keeps the power small however long the outage."""

PRIVACY = "privacy"
BUDGET = "budget"
RECOVERED = "recovered"
CHOSEN = "chosen"
"""Somebody wanted this one to serve, or took back that another one should."""


class Purse(Protocol):
    """Knows how much money is left."""

    @property
    def exhausted(self) -> bool:
        """Whether a cap is reached."""
        ...

    def take(self, usage: Usage, turn: TurnNumber | None = None) -> None:
        """Book what something cost."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """How one backend has done lately."""

    failures: int = 0
    """Losses since its last whole reply."""

    retry_at: Seconds = Seconds(0.0)
    """If it is ``out``: when to try it again."""

    out: str | None = None
    """The code of its last loss, until it is known to be back."""

    held: str | None = None
    """The code with which it refused to serve, until the configuration changes."""


WELL = Standing()


@dataclass(frozen=True, slots=True)
class Choice:
    """All that the choice depends on."""

    order: tuple[str, ...]
    """The names, best first; not empty."""

    cloud: frozenset[str] = frozenset()
    """Those that are given speech beyond the house, and cost money."""

    standings: Mapping[str, Standing] = field(default_factory=dict)
    private: bool = False
    """Nothing may leave the house."""

    broke: bool = False
    """No money is left for a new turn in the cloud."""

    preferred: str | None = None
    """Who serves before all others, because somebody chose it; one of ``order``."""

    @property
    def ranked(self) -> tuple[str, ...]:
        """The order as it holds now: who was chosen comes first."""
        if self.preferred not in self.order:
            return self.order
        others = (name for name in self.order if name != self.preferred)
        return (self.preferred, *others)

    @property
    def best(self) -> str:
        """Who serves when all is well."""
        return self.ranked[0]

    def standing(self, name: str) -> Standing:
        """Return how a backend has done."""
        return self.standings.get(name, WELL)


def serve(choice: Choice) -> str | None:
    """Return who serves the next turn; ``None``: nobody may."""
    well = (name for name in _allowed(choice) if choice.standing(name).out is None)
    return next(well, _last_resort(choice))


def obstacle(choice: Choice, name: str) -> str | None:
    """Return what speaks against a backend: a code, or ``privacy``, ``budget``; or nothing."""
    standing = choice.standing(name)
    if standing.held is not None:
        return standing.held
    if name in choice.cloud and choice.private:
        return PRIVACY
    if name in choice.cloud and choice.broke:
        return BUDGET
    return standing.out


def why(choice: Choice, name: str, previous: str, *, chosen: bool) -> str:
    """Return why a backend serves instead of the previous one.

    Args:
        choice: As it is now.
        name: Who serves.
        previous: Who served.
        chosen: Somebody has just chosen.
    """
    obstacle_to = obstacle(choice, previous)
    if chosen and obstacle_to is None:
        return CHOSEN
    better = choice.ranked.index(name) < choice.ranked.index(previous)
    return RECOVERED if better or obstacle_to is None else obstacle_to


def probe_due(choice: Choice) -> tuple[str, Seconds] | None:
    """Return which backend is to be tried in the background, and when; the soonest.

    Only those are tried that would serve if they were back.
    """
    serving = serve(choice)
    due: tuple[str, Seconds] | None = None
    for name in _allowed(choice):
        standing = choice.standing(name)
        if standing.out is not None and (due is None or standing.retry_at < due[1]):
            due = (name, standing.retry_at)
        if name == serving and standing.out is None:
            break
    return due


def lost(
    choice: Choice, name: str, code: str, *, fatal: bool, now: Seconds, jitter: float
) -> Choice:
    """Take note that a backend failed.

    Args:
        choice: Before.
        name: Who failed.
        code: The code of the error.
        fatal: Trying again is of no use until ``configured``.
        now: When.
        jitter: 0 to 1, by chance: boxes that lost the same server do not all come back at once.
    """
    before = choice.standing(name)
    if fatal:
        return _with(choice, name, replace(before, held=code))
    wait = FIRST_WAIT * 2 ** min(before.failures, _MOST_DOUBLINGS) * (1.0 + jitter)
    after = Standing(
        failures=before.failures + 1,
        retry_at=Seconds(now + min(LONGEST_WAIT, wait)),
        out=code,
        held=before.held,
    )
    return _with(choice, name, after)


def recovered(choice: Choice, name: str) -> Choice:
    """Take note that a try in the background went well."""
    return _with(choice, name, replace(choice.standing(name), out=None))


def worked(choice: Choice, name: str) -> Choice:
    """Take note that a backend brought a turn to its end."""
    return _with(choice, name, replace(WELL, held=choice.standing(name).held))


def configured(choice: Choice) -> Choice:
    """Begin anew with everybody: the configuration or an account has changed."""
    return replace(choice, standings={})


def with_private(choice: Choice, *, private: bool) -> Choice:
    """Set whether speech may leave the house."""
    return replace(choice, private=private)


def with_budget(choice: Choice, *, broke: bool) -> Choice:
    """Set whether there is money for a new turn."""
    return replace(choice, broke=broke)


def with_preferred(choice: Choice, name: str | None) -> Choice:
    """Set who serves before all others; a name that is not in the order counts as nobody's."""
    return replace(choice, preferred=name if name in choice.order else None)


def may_serve(choice: Choice, name: str) -> bool:
    """Whether privacy mode and money let this backend serve a new turn."""
    return name not in choice.cloud or not (choice.private or choice.broke)


def _allowed(choice: Choice) -> Iterator[str]:
    for name in choice.ranked:
        if may_serve(choice, name) and choice.standing(name).held is None:
            yield name


def _last_resort(choice: Choice) -> str | None:
    allowed = set(_allowed(choice))
    return next((name for name in reversed(choice.order) if name in allowed), None)


def _with(choice: Choice, name: str, standing: Standing) -> Choice:
    return replace(choice, standings={**choice.standings, name: standing})
