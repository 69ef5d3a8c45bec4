"""Actions that were sent and await their confirmation. Pure.

Each ends exactly once: confirmed, refused, timed out, or lost with the connection. A retained
message ends none: it may be older than the action.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from appliance.ports import Message
from appliance.tools.actions import Expectation, Verdict, judge, reported
from appliance.units import Seconds


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The house says it is done."""

    reported: object = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """The device answered, and not with yes."""

    reported: object = field(repr=False)


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Nobody said anything in time; it may yet happen."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection broke; it may have happened."""


Outcome = Confirmed | Refused | TimedOut | Lost


@dataclass(frozen=True, slots=True)
class Waiting:
    """One action under way."""

    key: str
    """Unique among those that wait."""

    expects: Expectation
    until: Seconds


@dataclass(frozen=True, slots=True)
class Ended:
    """How an action ended."""

    key: str
    outcome: Outcome


Pending = tuple[Waiting, ...]
Step = tuple[Pending, tuple[Ended, ...]]
"""Those that go on waiting, and those that ended."""


def add(pending: Pending, waiting: Waiting) -> Pending:
    """Begin to wait for one more."""
    return (*pending, waiting)


def take(pending: Pending, message: Message) -> Step:
    """Take one message from the house."""
    if message.retained:
        return pending, ()

    def outcome(waiting: Waiting) -> Outcome | None:
        match judge(waiting.expects, message):
            case Verdict.YES:
                return Confirmed(reported(message.payload))
            case Verdict.NO:
                return Refused(reported(message.payload))
            case Verdict.NOTHING:
                return None

    return _split(pending, outcome)


def expire(pending: Pending, now: Seconds) -> Step:
    """End those whose time is up."""
    return _split(pending, lambda waiting: TimedOut() if waiting.until <= now else None)


def lose(pending: Pending) -> Step:
    """End them all: the connection broke."""
    return _split(pending, lambda _: Lost())


def forget(pending: Pending, key: str) -> Pending:
    """Wait no longer for one that nobody wants to know of any more."""
    return tuple(waiting for waiting in pending if waiting.key != key)


def deadline(pending: Pending) -> Seconds | None:
    """Return when ``expire`` is due next; ``None`` when nothing waits."""
    return min((waiting.until for waiting in pending), default=None)


def _split(pending: Pending, outcome: Callable[[Waiting], Outcome | None]) -> Step:
    ended = tuple(
        Ended(waiting.key, end) for waiting in pending if (end := outcome(waiting)) is not None
    )
    keys = {end.key for end in ended}
    return tuple(waiting for waiting in pending if waiting.key not in keys), ended
