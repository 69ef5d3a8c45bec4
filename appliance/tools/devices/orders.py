"""A call's arguments → what is wanted of one thing, within its shapes, or why not. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from appliance.tools.devices.colors import COLORS, WHITES
from appliance.tools.devices.families import Family, Form, Parameter
from appliance.tools.devices.known import Known, Order
from appliance.tools.devices.model import (
    Choice,
    Colour,
    Feature,
    Flag,
    Kind,
    Press,
    Range,
    Thing,
    Trait,
    Value,
    Words,
)
from appliance.tools.devices.phrases import plain

LONGEST_OPTION = 60
"""Characters of a thing's own word that anybody is shown."""

_TOLD_ON = frozenset(
    {
        Trait.BRIGHTNESS,
        Trait.COLOR,
        Trait.COLOR_TEMPERATURE,
        Trait.EFFECT,
        Trait.SPEED,
        Trait.TONE,
        Trait.DURATION,
    }
)
"""Who asks for one of these wants the thing to be on."""

_NOTHING_IS_OFF = (Trait.BRIGHTNESS, Trait.SPEED)
"""Nothing of one of these is off."""

_MODES_ON = ("auto", "heat_cool", "heat", "cool", "eco")
"""What "on" is for a thing that has only modes, the first that it has."""

Wanted = dict[Trait, Value]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an order cannot be: a key of ``[tools.devices.refused]`` and what its text needs."""

    reason: str
    values: Mapping[str, object] = field(default_factory=dict, repr=False)


def order(
    known: Known,
    now: Mapping[Trait, Value],
    family: Family,
    arguments: Mapping[str, object],
    *,
    fahrenheit: bool = False,
) -> Order | Refused:
    """Return what a call wants of a thing.

    Args:
        known: The thing.
        now: What is known of its state, for "toggle" and "brighter".
        family: The tool that is called.
        arguments: Anything; what the family does not know is left alone.
        fahrenheit: Whether the tool counts temperatures so; else in degrees Celsius.
    """
    thing = known.thing
    if not family.parameters:
        pressed = verb(thing, Trait.PRESS, value=True)
        return Order(known.id, pressed) if pressed else Refused("cannot")
    wanted: Wanted = {}
    for parameter in family.parameters:
        if parameter.name not in arguments:
            continue
        if parameter.form is Form.STEP and parameter.trait in wanted:
            continue  # who says how bright needs no "brighter"
        part = _part(thing, now, parameter, arguments[parameter.name], fahrenheit=fahrenheit)
        if isinstance(part, Refused):
            return part
        wanted |= part
    if Trait.POSITION in wanted:
        wanted.pop(Trait.OPENING, None)  # "open it half way" is half way
    if not wanted:
        return Refused("nothing")
    return Order(known.id, _powered(thing, wanted))


def settable(thing: Thing, trait: Trait) -> Feature | None:
    """Return a feature that can be set."""
    feature = thing.features.get(trait)
    return feature if feature is not None and feature.settable and thing.writer else None


def words_of(feature: Feature) -> tuple[str, ...]:
    """Return the words that may be set, as the thing spells them."""
    if feature.choices:
        return feature.choices
    return feature.shape.options if isinstance(feature.shape, Choice) else ()


def options(thing: Thing, trait: Trait) -> dict[str, str]:
    """Return a thing's own words: as they are shown, and as the thing spells them."""
    feature = settable(thing, trait)
    found: dict[str, str] = {}
    for word in words_of(feature) if feature is not None else ():
        shown = plain(word, LONGEST_OPTION)
        if shown:
            found.setdefault(shown, word)
    return found


def verb(thing: Thing, trait: Trait, value: Value) -> Wanted:
    """Return what brings a trait to a value; empty: the thing cannot."""
    feature = settable(thing, trait)
    if feature is not None and (isinstance(feature.shape, Press) or value in words_of(feature)):
        return {trait: value}
    position = settable(thing, Trait.POSITION)
    if trait is Trait.OPENING and value in ("open", "closed") and position is not None:
        shape = position.shape
        if isinstance(shape, Range):
            return {Trait.POSITION: shape.maximum if value == "open" else shape.minimum}
    return {}


def has(thing: Thing, parameter: Parameter) -> bool:
    """Tell whether a thing can be asked for this at all."""
    feature = settable(thing, parameter.trait)
    shape = feature.shape if feature is not None else None
    match parameter.form:
        case Form.STATE:
            return bool(_power(thing, on=False, now={}))
        case Form.PERCENT | Form.NUMBER | Form.STEP:
            return isinstance(shape, Range)
        case Form.COLOR:
            white = settable(thing, Trait.COLOR_TEMPERATURE)
            return isinstance(shape, Colour) or white is not None
        case Form.CHOICE:
            return bool(options(thing, parameter.trait))
        case Form.FLAG:
            return isinstance(shape, Flag)
        case Form.TEXT:
            return isinstance(shape, Words)
        case Form.VERB:
            return any(verb(thing, *does) for does in parameter.verbs.values())


def in_fahrenheit(unit: str) -> bool:
    """Tell whether a unit is that of Fahrenheit."""
    return unit.strip().lower().endswith("f")


def all_fahrenheit(things: Iterable[Thing]) -> bool:
    """Tell whether all things that have a temperature count it so."""
    units = {
        feature.shape.unit
        for thing in things
        for trait, feature in thing.features.items()
        if trait is Trait.TEMPERATURE and isinstance(feature.shape, Range) and feature.shape.unit
    }
    return bool(units) and all(map(in_fahrenheit, units))


def converted(value: float, *, fahrenheit: bool, to_fahrenheit: bool) -> float:
    """Return a temperature on another scale."""
    if fahrenheit == to_fahrenheit:
        return value
    return value * 1.8 + 32.0 if to_fahrenheit else (value - 32.0) / 1.8


def _part(
    thing: Thing,
    now: Mapping[Trait, Value],
    parameter: Parameter,
    value: object,
    *,
    fahrenheit: bool,
) -> Wanted | Refused:
    """Return what one argument wants."""
    trait = parameter.trait
    feature = settable(thing, trait)
    match parameter.form:
        case Form.STATE:
            return _state(thing, now, value)
        case Form.COLOR:
            return _color(thing, value)
        case Form.VERB:
            does = parameter.verbs.get(str(value))
            return verb(thing, *does) or Refused("cannot") if does else Refused("cannot")
        case Form.STEP:
            by = parameter.steps.get(str(value))
            return Refused("cannot") if by is None else _step(thing, now, trait, by)
        case Form.CHOICE:
            return _choice(thing, trait, value)
        case _ if feature is None:
            return Refused("cannot")
        case Form.FLAG:
            fits = isinstance(value, bool) and isinstance(feature.shape, Flag)
            return {trait: bool(value)} if fits else Refused("cannot")
        case Form.TEXT:
            return _text(feature, trait, value)
        case Form.PERCENT | Form.NUMBER:
            scale = parameter.unit == "degrees" and isinstance(feature.shape, Range)
            return _number(feature, trait, value, fahrenheit=fahrenheit if scale else None)


def _state(thing: Thing, now: Mapping[Trait, Value], value: object) -> Wanted | Refused:
    if value == "toggle":
        is_on = _is_on(now)
        if is_on is None:
            return Refused("unknown_now")
        return _power(thing, on=not is_on, now=now) or Refused("cannot")
    if value not in ("on", "off"):
        return Refused("cannot")
    return _power(thing, on=value == "on", now=now) or Refused("cannot")


def _is_on(now: Mapping[Trait, Value]) -> bool | None:
    for trait in (Trait.POWER, Trait.MODE, *_NOTHING_IS_OFF):
        value = now.get(trait)
        if isinstance(value, bool):
            return value
        if value is not None:
            return value not in ("off", 0, 0.0)
    return None


def _power(thing: Thing, *, on: bool, now: Mapping[Trait, Value]) -> Wanted:
    """Return what turns a thing on or off; empty: nothing does."""
    power = settable(thing, Trait.POWER)
    if power is not None and isinstance(power.shape, Flag):
        return {Trait.POWER: on}
    mode = settable(thing, Trait.MODE)
    if mode is not None and "off" in words_of(mode):
        return {Trait.MODE: _mode_on(words_of(mode), now.get(Trait.MODE)) if on else "off"}
    for trait in _NOTHING_IS_OFF:
        feature = settable(thing, trait)
        if feature is not None and isinstance(feature.shape, Range) and feature.shape.minimum <= 0:
            return {trait: feature.shape.maximum if on else feature.shape.minimum}
    return {}


def _mode_on(modes: tuple[str, ...], current: Value | None) -> str:
    if isinstance(current, str) and current in modes and current != "off":
        return current
    others = [mode for mode in modes if mode != "off"]
    return next((mode for mode in _MODES_ON if mode in others), others[0] if others else "off")


def _color(thing: Thing, value: object) -> Wanted | Refused:
    name = str(value)
    warmth = settable(thing, Trait.COLOR_TEMPERATURE)
    color = settable(thing, Trait.COLOR)
    if name in WHITES and warmth is not None and isinstance(warmth.shape, Range):
        shape = warmth.shape
        kelvin = max(shape.minimum, min(shape.maximum, WHITES[name]))
        return {Trait.COLOR_TEMPERATURE: _on_grid(shape, kelvin)}
    if color is None or not isinstance(color.shape, Colour) or name not in COLORS:
        return Refused("cannot")
    return {Trait.COLOR: COLORS[name]}


def _choice(thing: Thing, trait: Trait, value: object) -> Wanted | Refused:
    known = options(thing, trait)
    if not known:
        return Refused("cannot")
    asked = str(value).casefold()
    for shown, word in known.items():
        if asked in (shown.casefold(), word.casefold()):
            return {trait: word}
    return Refused("no_choice", {"options": tuple(known)})


def _text(feature: Feature, trait: Trait, value: object) -> Wanted | Refused:
    shape = feature.shape
    if not isinstance(value, str) or not isinstance(shape, Words):
        return Refused("cannot")
    if not shape.shortest <= len(value) <= shape.longest:
        return Refused("text_length", {"longest": shape.longest, "shortest": shape.shortest})
    return {trait: value}


def _step(thing: Thing, now: Mapping[Trait, Value], trait: Trait, by: float) -> Wanted | Refused:
    feature = settable(thing, trait)
    shape = feature.shape if feature is not None else None
    if not isinstance(shape, Range):
        return Refused("cannot")
    is_off = trait in _NOTHING_IS_OFF and now.get(Trait.POWER) is False
    current = 0.0 if is_off else now.get(trait)
    if not isinstance(current, int | float) or not math.isfinite(current):
        return Refused("unknown_now")
    if trait is Trait.TEMPERATURE and in_fahrenheit(shape.unit):
        by *= 2
    if abs(by) < shape.step:
        by = math.copysign(shape.step, by)
    dims = trait in _NOTHING_IS_OFF and by < 0
    if dims and current <= 0:
        return {trait: 0}  # what is off stays off
    least = max(shape.minimum, 1.0) if dims else shape.minimum
    return {trait: _on_grid(shape, min(max(current + by, least), shape.maximum))}


def _number(
    feature: Feature, trait: Trait, value: object, *, fahrenheit: bool | None
) -> Wanted | Refused:
    """Check a number against its range.

    Args:
        feature: What is set.
        trait: Its name.
        value: What is asked for.
        fahrenheit: How a temperature is counted in the call; ``None``: it is none.
    """
    shape = feature.shape
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Refused("cannot")
    if not isinstance(shape, Range) or not math.isfinite(value):
        return Refused("cannot")
    here = in_fahrenheit(shape.unit) if shape.unit else bool(fahrenheit)
    wanted = float(value)
    if fahrenheit is not None:
        wanted = round(converted(wanted, fahrenheit=fahrenheit, to_fahrenheit=here), 3)
    if trait in _NOTHING_IS_OFF and wanted == 0:
        return {trait: 0}  # off, whatever the range says
    if not shape.minimum <= wanted <= shape.maximum:
        return Refused(
            "out_of_range",
            {"low": shape.minimum, "high": shape.maximum, "unit": shape.unit},
        )
    return {trait: _on_grid(shape, wanted)}


def _on_grid(shape: Range, value: float) -> int | float:
    """Return the nearest value that the thing's steps allow, within its range."""
    if shape.step > 0 and math.isfinite(shape.minimum):
        value = shape.minimum + round((value - shape.minimum) / shape.step) * shape.step
    value = round(min(max(value, shape.minimum), shape.maximum), 6)
    exact = float(min(max(value, shape.minimum), shape.maximum))
    return int(exact) if exact.is_integer() else exact


def _powered(thing: Thing, wanted: Wanted) -> Wanted:
    """Say "on" beside what a thing does only while it is on, and "off" for nothing of it."""
    power = settable(thing, Trait.POWER)
    if power is None or thing.kind not in (Kind.LIGHT, Kind.FAN, Kind.SIREN, Kind.SWITCH):
        return _without_off(thing, wanted)
    if wanted.get(Trait.POWER) is False or any(wanted.get(t) == 0 for t in _NOTHING_IS_OFF):
        return {Trait.POWER: False}
    if _TOLD_ON & wanted.keys():
        return {Trait.POWER: True, **wanted}
    return wanted


def _without_off(thing: Thing, wanted: Wanted) -> Wanted:
    """Keep what is nothing within the range of a thing that cannot be turned off."""
    for trait in _NOTHING_IS_OFF:
        feature = settable(thing, trait)
        if wanted.get(trait) == 0 and feature is not None and isinstance(feature.shape, Range):
            wanted[trait] = max(0, feature.shape.minimum)
    return wanted
