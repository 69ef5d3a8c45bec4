"""Orders that were sent and await that the house says so. Pure: time is an argument.

Each ends exactly once. What was heard before an order was sent, or is retained, confirms nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from appliance.tools.devices.model import UNDERWAY, Answer, Feature, Press, Trait, Value
from appliance.units import Seconds

COLOUR_TOLERANCE = 12
"""Of 255, for each of red, green and blue: lamps calculate in other spaces than we."""

SMALLEST = 1e-6

_AS_GOOD: Mapping[tuple[Trait, Value], frozenset[Value]] = {
    (Trait.OPENING, "stopped"): frozenset({"open", "closed"}),
    (Trait.LOCK, "open"): frozenset({"unlocked"}),
    (Trait.CLEANING, "idle"): frozenset({"docked", "paused"}),
    (Trait.PLAYBACK, "stopped"): frozenset({"idle"}),
    (Trait.PLAYBACK, "playing"): frozenset({"buffering"}),
}
"""What else says that it is as it was wanted."""

_MOVING = frozenset({"opening", "closing"})

_TARGETS = frozenset({Trait.POSITION, Trait.TILT})
"""What is moved to, slowly."""


class End(Enum):
    """How an order ended."""

    DONE = "done"
    UNDERWAY = "underway"
    REFUSED = "refused"
    TIMED_OUT = "timed out"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One order under way."""

    key: int
    id: str
    wanted: Mapping[Trait, Value]
    features: Mapping[Trait, Feature]
    before: Mapping[Trait, Value]
    """What was known when it was sent."""

    until: Seconds
    answers: frozenset[Answer] = frozenset()
    """Those that are still to come."""

    heard: Mapping[Trait, Value] = field(default_factory=dict)
    """What the house has said since."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How an order ended."""

    key: int
    end: End


Pending = tuple[Waiting, ...]
Step = tuple[Pending, tuple[Ended, ...]]
"""Those that go on waiting, and those that ended."""


def readable(wanted: Mapping[Trait, Value], features: Mapping[Trait, Feature]) -> frozenset[Trait]:
    """Return the wanted traits of which the house will speak."""
    return frozenset(
        trait
        for trait in wanted
        if features[trait].reads and not isinstance(features[trait].shape, Press)
    )


def matches(trait: Trait, feature: Feature, wanted: Value, known: Value | None) -> bool:
    """Say whether what is known is what is wanted, as exactly as the device can say it."""
    if known is None:
        return False
    if isinstance(wanted, bool) or isinstance(known, bool):
        return wanted is known
    if isinstance(wanted, int | float) and isinstance(known, int | float):
        return abs(wanted - known) <= max(feature.tolerance, SMALLEST)
    if trait is Trait.COLOR and isinstance(wanted, str) and isinstance(known, str):
        return _near(wanted, known, max(feature.tolerance, COLOUR_TOLERANCE))
    return wanted == known


def already(
    wanted: Mapping[Trait, Value],
    features: Mapping[Trait, Feature],
    now: Mapping[Trait, Value],
) -> bool:
    """Say whether everything is known to be as it is wanted, so that nothing need be sent."""
    if readable(wanted, features) != wanted.keys():
        return False
    for trait, value in wanted.items():
        if not matches(trait, features[trait], value, now.get(trait)):
            return False
        if trait is Trait.OPENING and value == "stopped":
            return False  # it is not asked for of a thing that does not move
        position = now.get(Trait.POSITION)
        if trait is Trait.OPENING and value == "open" and isinstance(position, int | float):
            tolerance = max(features[Trait.POSITION].tolerance, SMALLEST)
            if position < 100 - tolerance:
                return False  # ajar counts as open, but not as what "open it" asks for
    return True


def add(pending: Pending, waiting: Waiting) -> Pending:
    """Begin to wait for one more."""
    return (*pending, waiting)


def take(pending: Pending, name: str, said: Mapping[Trait, Value]) -> Step:
    """Take what a message that is not retained says of a thing."""
    heard: list[Waiting] = []
    for waiting in pending:
        if waiting.id == name:
            waiting = _hear(waiting, said)  # noqa: PLW2901 - the same one, later
        heard.append(waiting)
    return _split(tuple(heard), lambda each: _verdict(each) if each.id == name else None)


def take_answer(pending: Pending, answer: Answer, *, refused: bool) -> Step:
    """Take a device's answer to a request."""

    def end(waiting: Waiting) -> End | None:
        if answer not in waiting.answers:
            return None
        if refused:
            return End.REFUSED
        silent = not readable(waiting.wanted, waiting.features)
        return End.DONE if silent and waiting.answers == {answer} else None

    left, ended = _split(pending, end)
    return tuple(_without(waiting, answer) for waiting in left), ended


def expire(pending: Pending, now: Seconds) -> Step:
    """End those whose time is up."""
    return _split(pending, lambda waiting: End.TIMED_OUT if waiting.until <= now else None)


def lose(pending: Pending) -> Step:
    """End them all: the connection broke."""
    return _split(pending, lambda _: End.LOST)


def forget(pending: Pending, key: int) -> Pending:
    """Wait no longer for one that nobody wants to know of any more."""
    return tuple(waiting for waiting in pending if waiting.key != key)


def deadline(pending: Pending) -> Seconds | None:
    """Return when ``expire`` is due next; ``None`` when nothing waits."""
    return min((waiting.until for waiting in pending), default=None)


def _hear(waiting: Waiting, said: Mapping[Trait, Value]) -> Waiting:
    return replace(waiting, heard={**waiting.heard, **said})


def _without(waiting: Waiting, answer: Answer) -> Waiting:
    if answer not in waiting.answers:
        return waiting
    return replace(waiting, answers=waiting.answers - {answer})


def _verdict(waiting: Waiting) -> End | None:
    """Say whether everything that can be read is as wanted by what was heard since."""
    underway = False
    for trait in readable(waiting.wanted, waiting.features):
        wanted, heard = waiting.wanted[trait], waiting.heard.get(trait)
        if matches(trait, waiting.features[trait], wanted, heard):
            continue
        if heard is not None and heard in _AS_GOOD.get((trait, wanted), ()):
            continue
        if not _begun(waiting, trait, wanted, heard):
            return None
        underway = True
    return End.UNDERWAY if underway else End.DONE


def _begun(waiting: Waiting, trait: Trait, wanted: Value, heard: Value | None) -> bool:
    """Say whether it is on its way to what was wanted."""
    if heard is not None and heard in UNDERWAY.get(wanted, ()):
        return True
    if trait not in _TARGETS or not isinstance(wanted, int | float):
        return False
    before = waiting.before.get(trait)
    if isinstance(before, int | float) and isinstance(heard, int | float):
        nearer = abs(wanted - heard) < abs(wanted - before) - SMALLEST
        if nearer:
            return True
    moving = waiting.heard.get(Trait.OPENING)
    if moving not in _MOVING or trait is not Trait.POSITION:
        return False
    if not isinstance(before, int | float):
        return True
    return moving == ("opening" if wanted > before else "closing")


def _near(wanted: str, known: str, tolerance: float) -> bool:
    """Say whether two colours are alike; how bright a lamp is, is another trait."""
    try:
        pairs = zip(_brightest(wanted), _brightest(known), strict=True)
        return all(abs(one - other) <= tolerance for one, other in pairs)
    except ValueError:
        return wanted == known


def _brightest(color: str) -> list[float]:
    """Return red, green and blue as bright as the colour can be."""
    parts = bytes.fromhex(color[1:])
    top = max(parts, default=0)
    return [255 * part / top if top else 0.0 for part in parts]


def _split(pending: Pending, outcome: Callable[[Waiting], End | None]) -> Step:
    ended = tuple(
        Ended(waiting.key, end) for waiting in pending if (end := outcome(waiting)) is not None
    )
    keys = {end.key for end in ended}
    return tuple(waiting for waiting in pending if waiting.key not in keys), ended
