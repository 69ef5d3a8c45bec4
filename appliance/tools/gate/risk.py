"""What it takes to do something: by kind and direction, by name, and by the owner's rules. Pure.

Why which:

- ``pin``: what lets a stranger in while nobody looks, with a word that can be spoken through a
  window: unlocking, opening a latch, disarming. A "yes" can be called through the same window.
- ``confirm``: what can do harm when it was misheard, or when a model was talked into it, but is
  seen or heard by whoever is there: garage doors, gates, doors and windows opening, gas and water
  beginning to flow, ovens and heaters going on, water heaters being made hotter. A garage is
  opened from a car, where typing a PIN is worse than a question; owners who think otherwise have
  one rule to write.
- ``free``: the other direction, always. Nobody is kept from locking, closing or arming, or from
  turning the oven off: a PIN on locking is the first thing that people turn off.

What is not known is taken for the worst of its kind; a value that is neither of the two directions
("toggle") is the dangerous one. Whoever offers a tool can raise what it takes (``Act.at_least``),
names can, and only the owner can lower it.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from appliance.catalogue import Risk
from appliance.config.house import GateRule
from appliance.tools.devices.model import Kind, Trait
from appliance.tools.gate.machine import Key
from appliance.tools.gate.names import Hint, together
from appliance.tools.plan import Act

_ORDER = (Risk.FREE, Risk.CONFIRM, Risk.PIN, Risk.NEVER)

_WAYS_IN = frozenset({"garage", "garage_door", "gate", "door", "window"})
_COVERINGS = frozenset({"", "awning", "blind", "curtain", "damper", "shade", "shutter"})

_PLAIN = frozenset(
    {
        Kind.LIGHT,
        Kind.SWITCH,
        Kind.FAN,
        Kind.CLIMATE,
        Kind.HUMIDIFIER,
        Kind.SIREN,
        Kind.VACUUM,
        Kind.MOWER,
        Kind.PLAYER,
        Kind.NUMBER,
        Kind.SELECT,
        Kind.TEXT,
        Kind.BUTTON,
        Kind.SCENE,
    }
)
"""Kinds that are as harmless as their names."""

_OURS = frozenset({"manifest", "builtin"})
"""What no device is; ``at_least`` and names say what they take."""

_SHUT = frozenset({"off", "close", "closed", "shut", "lock", "locked", "stop", "stopped", "arm"})
"""Values of manifests that plainly go the safe way."""

_HARMLESS = frozenset(
    {Kind.LIGHT, Kind.FAN, Kind.CLIMATE, Kind.HUMIDIFIER, Kind.VACUUM, Kind.MOWER, Kind.PLAYER}
)
"""Kinds that open nothing where their name only says where they are."""

_COLD = frozenset({Kind.LIGHT, Kind.PLAYER, Kind.VACUUM, Kind.MOWER})
_THERMOSTATS = frozenset({Kind.CLIMATE, Kind.WATER_HEATER})
_CLOTH = frozenset({"blind", "curtain", "shade", "awning"})
_HOT = frozenset({Hint.HEAT, Hint.WARMTH})


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a call takes, all its acts together."""

    risk: Risk
    lowered: bool = False
    """Some act takes less than its kind does, because the owner said so."""

    keys: frozenset[Key] = frozenset()
    """Of the acts that are not free; empty also where the direction of one is not known."""

    acts: tuple[tuple[Act, Risk], ...] = ()


def judge(tool: str, acts: Iterable[Act], rules: Iterable[GateRule]) -> Judgement:
    """Return what a call takes.

    Args:
        tool: Its name.
        acts: Everything it would do; nothing is free.
        rules: The owner's.
    """
    rules = tuple(rules)
    judged = tuple((act, *_weighed(tool, act, rules)) for act in acts)
    guarded = tuple((act, risk) for act, risk, _ in judged if risk is not Risk.FREE)
    known = all(directions(act) for act, _ in guarded)
    return Judgement(
        risk=highest(risk for _, risk, _ in judged),
        lowered=any(lowered for *_, lowered in judged),
        keys=frozenset(_key(act, risk) for act, risk in guarded if known),
        acts=tuple((act, risk) for act, risk, _ in judged),
    )


def highest(risks: Iterable[Risk]) -> Risk:
    """Return the one that takes most; of none ``free``."""
    return max(risks, key=_ORDER.index, default=Risk.FREE)


def natural(act: Act) -> Risk:
    """Return what an act takes by itself, whatever the owner says."""
    own = Risk.CONFIRM if act.opaque else _of_kind(act)
    return highest((own, _of_name(act), act.at_least))


def _weighed(tool: str, act: Act, rules: tuple[GateRule, ...]) -> tuple[Risk, bool]:
    risk = natural(act)
    for rule in reversed(rules):
        if _fits(rule, tool, act):
            said = Risk(rule.risk)
            return said, _ORDER.index(said) < _ORDER.index(risk)
    return risk, False


def _fits(rule: GateRule, tool: str, act: Act) -> bool:
    pattern = rule.device.casefold()
    named = any(fnmatchcase(name.casefold(), pattern) for name in (act.device, tool) if name)
    return named and (not rule.value or rule.value.strip().casefold() in directions(act))


def directions(act: Act) -> frozenset[str]:
    """Return the words by which a rule can name what is done, in lower case."""
    value = act.value
    match value:
        case bool():
            return frozenset({"on", "true"} if value else {"off", "false"})
        case int() | float():
            words = {f"{value:g}"}
            if act.trait in (Trait.POSITION, Trait.TILT) and math.isfinite(value):
                words.add("closed" if value <= 0 else "open")
            return frozenset(words)
        case str():
            return frozenset({value.strip().casefold()})
        case _:
            return frozenset()


def _key(act: Act, risk: Risk) -> Key:
    direction = "/".join(sorted(directions(act)))
    return act.device, f"{act.kind}.{act.trait}", f"{direction}:{risk}"


def _of_kind(act: Act) -> Risk:
    if act.kind in _OURS:
        return Risk.FREE
    try:
        kind = Kind(act.kind)
    except ValueError:  # mcp, and whatever there will be
        return Risk.CONFIRM
    if kind in _PLAIN:
        return Risk.FREE if act.trait in ("", *Trait) else Risk.CONFIRM
    judge_kind = _KINDS.get(kind)
    return Risk.CONFIRM if judge_kind is None else judge_kind(act)


def _lock(act: Act) -> Risk:
    if act.trait not in ("", Trait.LOCK):
        return Risk.CONFIRM
    return Risk.FREE if act.value == "locked" else Risk.PIN


def _alarm(act: Act) -> Risk:
    if act.trait not in ("", Trait.ARMED):
        return Risk.CONFIRM
    if act.value == "triggered":  # it calls somebody
        return Risk.CONFIRM
    armed = isinstance(act.value, str) and act.value.startswith("armed_")
    return Risk.FREE if armed else Risk.PIN


def _cover(act: Act) -> Risk:
    if _shuts(act):
        return Risk.FREE
    if act.device_class in _COVERINGS and act.trait in _OPENINGS:
        return Risk.FREE if act.value == "open" or _finite(act.value) else Risk.CONFIRM
    return Risk.CONFIRM


def _valve(act: Act) -> Risk:
    if _shuts(act) or (act.trait == Trait.POWER and act.value is False):
        return Risk.FREE
    return Risk.CONFIRM


def _water_heater(act: Act) -> Risk:
    off = act.value is False if act.trait == Trait.POWER else act.value == "off"
    return Risk.FREE if off and act.trait in (Trait.POWER, Trait.MODE) else Risk.CONFIRM


def _shuts(act: Act) -> bool:
    if act.trait == Trait.OPENING:
        return act.value in ("closed", "stopped")
    return act.trait in (Trait.POSITION, Trait.TILT) and _finite(act.value) and act.value == 0


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _of_name(act: Act) -> Risk:
    """Return what a thing's name makes of an act: never less than its kind does."""
    if act.kind in ("builtin", Kind.LOCK, Kind.ALARM):  # their kind says it better
        return Risk.FREE
    said = together((act.name, act.device))
    curtain = act.kind == Kind.COVER and act.device_class in _CLOTH
    found = said.strong if curtain or act.kind in _HARMLESS else said.strong | said.weak
    found -= _HOT if act.kind in _COLD or curtain else frozenset()
    found -= {Hint.WARMTH} if act.kind in _THERMOSTATS else frozenset()
    if not found or _shuts(act) or (act.kind == "manifest" and _plainly_shut(act)):
        return Risk.FREE
    return Risk.FREE if found <= _HOT and _cools(act) else Risk.CONFIRM


def _cools(act: Act) -> bool:
    """Say whether something hot is turned off."""
    return act.value is False or (isinstance(act.value, str) and act.value.casefold() == "off")


def _plainly_shut(act: Act) -> bool:
    return bool(directions(act) & _SHUT)


_OPENINGS = frozenset({Trait.OPENING, Trait.POSITION, Trait.TILT})

_KINDS: Mapping[Kind, Callable[[Act], Risk]] = {
    Kind.LOCK: _lock,
    Kind.ALARM: _alarm,
    Kind.COVER: _cover,
    Kind.VALVE: _valve,
    Kind.WATER_HEATER: _water_heater,
}
