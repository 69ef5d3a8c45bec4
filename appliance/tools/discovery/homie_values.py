"""Homie's datatypes and formats, and what its properties mean together. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from appliance.tools.devices.model import (
    Choice,
    Colour,
    Flag,
    Kind,
    Press,
    Range,
    Shape,
    Trait,
    Unwritable,
    Value,
    Words,
)
from appliance.tools.discovery.codecs import (
    Codec,
    Fixed,
    Number,
    Percent,
    Table,
    Text,
    on_off,
    options,
)
from appliance.tools.discovery.colours import (
    from_hex,
    from_hue,
    from_xy,
    to_hex,
    to_hue,
    to_xy,
)
from appliance.tools.discovery.payloads import number, text

LARGEST: Final = 2.0**53
_DURATION: Final = re.compile(r"PT(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,6})?)S)?")
_OPENING: Final[Mapping[str, str]] = {
    "open": "open", "up": "open", "close": "closed", "closed": "closed", "down": "closed",
    "stop": "stopped", "stopped": "stopped", "opening": "opening", "closing": "closing",
}  # fmt: skip
_LOCKING: Final[Mapping[str, str]] = {
    "lock": "locked", "locked": "locked", "unlock": "unlocked", "unlocked": "unlocked",
    "open": "open", "jammed": "jammed", "locking": "locking", "unlocking": "unlocking",
}  # fmt: skip
_LIGHT: Final = re.compile(r"light|lamp|dimmer|\bled\b|bulb")
_COVER: Final = re.compile(r"shutter|blind|cover|curtain|garage|\bgate\b|awning|shade")
_LOCK: Final = re.compile(r"\block\b|door-?lock|smart-?lock")
_CLASSES: Final = ("garage", "gate", "shutter", "blind", "curtain", "awning", "shade")


@dataclass(frozen=True, slots=True)
class ColorText:
    """``rgb,255,0,0``, ``hsv,0,100,100`` or ``xyz,0.64,0.33``."""

    spaces: tuple[str, ...]
    """What the property takes; the first is sent."""

    def read(self, raw: object) -> Value | None:
        """Return ``#rrggbb``."""
        if not isinstance(raw, str) or len(raw) > 100:
            return None
        space, *rest = raw.split(",")
        if space not in ("rgb", "hsv", "xyz"):
            space, rest = self.spaces[0], [space, *rest]
        found = [number(part) for part in rest]
        parts = [part for part in found if part is not None]
        if len(parts) != len(rest) or len(parts) != (2 if space == "xyz" else 3):
            return None
        if space == "xyz":
            rgb = from_xy(parts[0], parts[1])
            return None if rgb is None else to_hex(rgb)
        if space == "hsv":
            return to_hex(from_hue(parts[0], parts[1]))
        return to_hex((parts[0] / 255, parts[1] / 255, parts[2] / 255))

    def write(self, value: Value) -> object:
        """Return the text."""
        rgb = from_hex(value)
        if rgb is None:
            raise Unwritable("not a colour")
        if self.spaces[0] == "xyz":
            x, y = to_xy(rgb)
            return f"xyz,{x},{y}"
        if self.spaces[0] == "hsv":
            hue, saturation = to_hue(rgb)
            return f"hsv,{hue},{saturation},100"
        return "rgb," + ",".join(str(round(255 * part)) for part in rgb)


@dataclass(frozen=True, slots=True)
class Duration:
    """``PT1H30M5S`` there, seconds here."""

    def read(self, raw: object) -> Value | None:
        """Return seconds."""
        found = _DURATION.fullmatch(raw) if isinstance(raw, str) else None
        if found is None or len(str(raw)) < 3:
            return None
        hours, minutes, seconds = (float(part or 0) for part in found.groups())
        return hours * 3600 + minutes * 60 + seconds

    def write(self, value: Value) -> object:
        """Return the text."""
        seconds = number(value)
        if seconds is None or seconds < 0:
            raise Unwritable("not a duration")
        return f"PT{round(seconds)}S"


@dataclass(frozen=True, slots=True)
class Property:
    """A property that can be read or set."""

    topic: str
    key: str
    name: str
    kind: Kind
    trait: Trait
    shape: Shape
    codec: Codec
    unit: str = ""
    settable: bool = False
    retained: bool = True
    read: bool = True
    tolerance: float = 0.0
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """What one or several properties of a node became."""

    key: str
    kind: Kind
    label: str
    traits: Mapping[Trait, Property]
    device_class: str = ""
    main: bool = True


def property_of(topic: str, key: str, said: Mapping[str, object]) -> Property | str:
    """Return a property, or the rule by which it is left out."""
    datatype = text(said.get("datatype"), 40)
    settable = said.get("settable", False) is True
    retained = said.get("retained", True) is not False
    if not settable and not retained:
        return "event_only"
    maker = _DATATYPES.get(datatype)
    if maker is None or (settable and datatype == "datetime"):
        return "homie_datatype"
    made = maker(text(said.get("format"), 4_000), text(said.get("unit"), 20), settable)
    if made is None:
        return "bad_format"
    kind, trait, shape, codec = made
    name = text(said.get("name"), 120) or key
    tolerance = 0.0
    if isinstance(shape, Range):
        tolerance = shape.step / 2
    read = retained and trait is not Trait.PRESS
    return Property(
        topic, key, name, kind, trait, shape, codec, text(said.get("unit"), 20),
        settable, retained, read, tolerance,
    )  # fmt: skip


_Typed = tuple[Kind, Trait, Shape, Codec]


def _number(form: str, unit: str, settable: bool, *, whole: bool) -> _Typed | None:  # noqa: FBT001 - as its like
    low, high, step = -LARGEST, LARGEST, 1.0 if whole else 0.0
    parts = form.split(":")
    if form:
        if len(parts) not in (2, 3):
            return None
        found = [number(part) for part in parts]
        if any(part and value is None for part, value in zip(parts, found, strict=True)):
            return None
        low = low if found[0] is None else found[0]
        high = high if found[1] is None else found[1]
        step = step if len(found) < 3 or found[2] is None else abs(found[2])
    if low > high:
        return None
    shape = Range(low, high, step, unit)
    if settable:
        return Kind.NUMBER, Trait.VALUE, shape, Number(whole=whole)
    return Kind.SENSOR, Trait.READING, shape, Number()


def _integer(form: str, unit: str, settable: bool) -> _Typed | None:  # noqa: FBT001 - one of several
    return _number(form, unit, settable, whole=True)


def _float(form: str, unit: str, settable: bool) -> _Typed | None:  # noqa: FBT001 - one of several
    return _number(form, unit, settable, whole=False)


def _boolean(form: str, unit: str, settable: bool) -> _Typed | None:  # noqa: FBT001 - one of several
    del form, unit
    codec = on_off("true", "false")
    if settable:
        return Kind.SWITCH, Trait.POWER, Flag(), codec
    return Kind.BINARY_SENSOR, Trait.READING, Flag(), codec


def _enum(form: str, unit: str, settable: bool) -> _Typed | None:  # noqa: FBT001 - one of several
    del unit
    words = tuple(dict.fromkeys(word for word in form.split(",")[:200] if 0 < len(word) <= 120))
    if not words:
        return None
    if not settable:
        return Kind.SENSOR, Trait.READING, Choice(words), options(words)
    if len(words) == 1:
        return Kind.BUTTON, Trait.PRESS, Press(), Fixed(words[0])
    return Kind.SELECT, Trait.OPTION, Choice(words), options(words)


def _string(form: str, unit: str, settable: bool) -> _Typed | None:  # noqa: FBT001 - one of several
    del form, unit
    if settable:
        return Kind.TEXT, Trait.TEXT, Words(), Text()
    return Kind.SENSOR, Trait.READING, Words(), Text()


def _color(form: str, unit: str, settable: bool) -> _Typed | None:  # noqa: FBT001 - one of several
    del unit
    spaces = tuple(space for space in form.split(",") if space in ("rgb", "hsv", "xyz"))
    if not spaces:
        return None
    if settable:
        return Kind.LIGHT, Trait.COLOR, Colour(), ColorText(spaces)
    return Kind.SENSOR, Trait.READING, Colour(), ColorText(spaces)


def _duration(form: str, unit: str, settable: bool) -> _Typed | None:  # noqa: FBT001 - one of several
    del form, unit
    shape = Range(0, LARGEST, 1, "s")
    if settable:
        return Kind.NUMBER, Trait.VALUE, shape, Duration()
    return Kind.SENSOR, Trait.READING, shape, Duration()


_DATATYPES: Final[Mapping[str, Callable[[str, str, bool], _Typed | None]]] = {
    "integer": _integer,
    "float": _float,
    "boolean": _boolean,
    "enum": _enum,
    "string": _string,
    "color": _color,
    "duration": _duration,
    "datetime": _string,
}


def single(node: str, name: str, one: Property, *, alone: bool) -> Made:
    """Return a property as a thing of its own; ``alone``: it is all of its node."""
    label = name if alone else f"{name} {one.name}"
    said = f"{node} {one.key}".lower()
    device_class = next((word for word in ("garage", "gate", "valve") if word in said), "")
    return Made(f"{node}/{one.key}", one.kind, label, {one.trait: one}, device_class)


def combined(
    node: str, name: str, what: str, properties: Sequence[Property]
) -> tuple[list[Made], list[Property]]:
    """Return the one thing that properties of a node make together, if any, and the others."""
    said = f"{what} {node}".lower()
    traits: dict[Trait, Property] = {}
    kind = Kind.LIGHT
    if _LOCK.search(said):
        kind, traits = Kind.LOCK, _lock(properties)
    elif _COVER.search(said):
        kind, traits = Kind.COVER, _cover(properties)
    elif _LIGHT.search(said) or any(one.kind is Kind.LIGHT for one in properties):
        traits = _light(properties)
    if not traits:
        return [], list(properties)
    used = {one.key for one in traits.values()}
    device_class = next((word for word in _CLASSES if word in said), "")
    made = Made(node, kind, name, traits, "" if kind is Kind.LIGHT else device_class)
    return [made], [one for one in properties if one.key not in used]


def _percent(one: Property, trait: Trait) -> Property:
    shape = one.shape
    if not isinstance(shape, Range) or shape.minimum >= shape.maximum:
        return one
    codec = Percent(shape.minimum, shape.maximum)
    return replace(one, trait=trait, shape=Range(0, 100, 1, "%"), codec=codec, tolerance=1.0)


def _is_percent(one: Property) -> bool:
    shape = one.shape
    bounded = isinstance(shape, Range) and shape.maximum - shape.minimum <= 65_535
    return one.settable and one.kind is Kind.NUMBER and one.unit in ("%", "") and bounded


def _light(properties: Sequence[Property]) -> dict[Trait, Property]:
    traits: dict[Trait, Property] = {}
    for one in properties:
        if not one.settable:
            continue
        if one.kind is Kind.SWITCH:
            traits.setdefault(Trait.POWER, one)
        elif one.kind is Kind.LIGHT:
            traits.setdefault(Trait.COLOR, one)
        elif _is_percent(one) and re.search(r"bright|dim|level|intensity", one.key):
            traits.setdefault(Trait.BRIGHTNESS, _percent(one, Trait.BRIGHTNESS))
    return traits


def _words(one: Property, trait: Trait, names: Mapping[str, str]) -> Property | None:
    if not isinstance(one.shape, Choice) or not isinstance(one.codec, Table):
        return None
    words = one.shape.options
    pairs = tuple((word, names[word.lower()]) for word in words if word.lower() in names)
    if len(pairs) < 2 or len(pairs) < len(words):
        return None
    values = tuple(dict.fromkeys(value for _, value in pairs))
    choices = tuple(value for value in values if not value.endswith(("ing", "jammed")))
    return replace(
        one, trait=trait, shape=Choice(values), codec=Table(pairs), choices=choices, tolerance=0.0
    )


def _cover(properties: Sequence[Property]) -> dict[Trait, Property]:
    traits: dict[Trait, Property] = {}
    for one in properties:
        if not one.settable:
            continue
        opening = _words(one, Trait.OPENING, _OPENING)
        if opening is not None:
            traits.setdefault(Trait.OPENING, opening)
        elif _is_percent(one) and re.search(r"tilt|slat", one.key):
            traits.setdefault(Trait.TILT, _percent(one, Trait.TILT))
        elif _is_percent(one) and re.search(r"pos|level|open", one.key):
            traits.setdefault(Trait.POSITION, _percent(one, Trait.POSITION))
    return traits


def _lock(properties: Sequence[Property]) -> dict[Trait, Property]:
    for one in properties:
        if not one.settable:
            continue
        locking = _words(one, Trait.LOCK, _LOCKING)
        if locking is not None:
            return {Trait.LOCK: locking}
        if one.kind is Kind.SWITCH and one.key in ("lock", "locked"):
            codec = Table((("true", "locked"), ("false", "unlocked")))
            shape = Choice(("locked", "unlocked"))
            return {Trait.LOCK: replace(one, trait=Trait.LOCK, shape=shape, codec=codec)}
    return {}
