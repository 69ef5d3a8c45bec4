"""A tool's JSON schema → what to look for in a sentence. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from appliance.backend.local.understand.language import Language
from appliance.backend.local.understand.text import Tokens, phrase
from appliance.catalogue import Target, ToolSpec

AREA = "@area"
"""The slot for a room; it is no parameter, but narrows the targets."""

_SUFFIXES = {
    "percent": ("pct", "percent", "percentage"),
    "degree": ("c", "celsius", "degrees", "temperature", "setpoint"),
    "kelvin": ("k", "kelvin"),
    "second": ("s", "seconds"),
    "minute": ("min", "minutes"),
    "hour": ("h", "hours"),
}
"""Endings of parameter names that tell the unit, where the schema has no ``x-unit``."""

_UNITS = {
    "%": "percent",
    "°c": "degree",
    "°": "degree",
    "c": "degree",
    "k": "kelvin",
    "s": "second",
}
_TIMES = frozenset({"second", "minute", "hour"})


class Kind(StrEnum):
    """What a slot takes."""

    CHOICE = "choice"
    TARGET = "target"
    AREA = "area"
    NUMBER = "number"
    DURATION = "duration"
    COLOUR = "colour"
    TIME = "time"
    """A time of day; see ``moments``."""

    PHRASE = "phrase"
    """Free text that stands at its place in a sentence, and nowhere else."""

    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Form:
    """One way to say one value."""

    words: Tokens
    value: object


@dataclass(frozen=True, slots=True)
class Slot:
    """One parameter."""

    parameter: str
    kind: Kind
    forms: tuple[Form, ...] = ()
    minimum: float = float("-inf")
    maximum: float = float("inf")
    whole: bool = False
    unit: str | None = None
    required: bool = False
    thing: str = ""
    """What a question calls it."""

    about: str = ""
    """Its description."""

    options: tuple[str, ...] = ()
    """How each of its values is said, the usual way."""

    def number(self, value: float, unit: str | None, *, fraction: bool) -> int | float | None:
        """Return what the parameter takes for a quantity, or ``None`` if it does not fit."""
        if fraction and unit is None:
            parts = self.unit == "percent" or (self.minimum, self.maximum) == (0, 100)
            return self._fit(100 * value) if parts else None
        fits = unit in {None, self.unit} or (self.unit is None and unit in {"percent", "degree"})
        return self._fit(value) if fits else None

    def duration(self, seconds: float) -> int | float | None:
        """Return a time in the parameter's unit, or ``None`` if it does not fit."""
        return self._fit(seconds / {"minute": 60, "hour": 3600}.get(self.unit or "", 1))

    def _fit(self, value: float) -> int | float | None:
        if not self.minimum <= value <= self.maximum:
            return None
        if value == int(value):
            return int(value)
        return None if self.whole else value


def slots(spec: ToolSpec, language: Language) -> tuple[Slot, ...]:
    """Return what a tool takes, in the order of its schema, then the rooms of its targets."""
    properties = cast("Mapping[str, Mapping[str, object]]", spec.parameters.get("properties", {}))
    required = cast("Sequence[str]", spec.parameters.get("required", ()))
    found = [
        _target(name, spec, language, required=name in required)
        if name == spec.target_parameter
        else _slot(name, schema, language, required=name in required)
        for name, schema in properties.items()
    ]
    areas = {target.area for target in spec.targets if target.area}
    if areas:
        forms = tuple(Form(phrase(area), area.lower()) for area in sorted(areas))
        found.append(Slot(AREA, Kind.AREA, forms))
    return tuple(found)


def names(target: Target) -> tuple[str, ...]:
    """Return everything that a target is called."""
    return (target.name, *target.aliases)


def _target(name: str, spec: ToolSpec, language: Language, *, required: bool) -> Slot:
    ids: dict[Tokens, list[str]] = {}
    for target in spec.targets:
        for called in names(target):
            ids.setdefault(phrase(called), []).append(target.id)
    forms = tuple(Form(words, tuple(found)) for words, found in ids.items() if words)
    kinds = {target.kind for target in spec.targets if target.kind}
    kind = kinds.pop() if len(kinds) == 1 else name
    thing = language.say.kinds.get(kind, _spoken(kind))
    return Slot(name, Kind.TARGET, forms, required=required, thing=thing)


def _slot(name: str, schema: Mapping[str, object], language: Language, *, required: bool) -> Slot:
    thing = _spoken(str(schema.get("title", name)))
    about = str(schema.get("description", ""))
    options = _options(schema)
    kind = schema.get("type")
    if options:
        return Slot(
            name,
            Kind.CHOICE,
            tuple(_forms(options, schema, language)),
            required=required,
            thing=thing,
            about=about,
            options=tuple(_usual(options, schema, language)),
        )
    if "colo" in str(schema.get("format", schema.get("x-type", ""))):
        forms = tuple(_colours(schema, language))
        return Slot(name, Kind.COLOUR, forms, required=required, thing=thing, about=about)
    if kind in {"integer", "number"}:
        unit = _unit(name, schema)
        return Slot(
            name,
            Kind.DURATION if unit in _TIMES else Kind.NUMBER,
            minimum=_limit(schema, "minimum", float("-inf")),
            maximum=_limit(schema, "maximum", float("inf")),
            whole=kind == "integer",
            unit=unit,
            required=required,
            thing=thing,
            about=about,
        )
    free = {"time": Kind.TIME, "phrase": Kind.PHRASE}.get(str(schema.get("x-type")), Kind.TEXT)
    return Slot(name, free, required=required, thing=thing, about=about)


def _options(schema: Mapping[str, object]) -> Sequence[object]:
    if schema.get("type") == "boolean":
        return (True, False)
    if "const" in schema:
        return (schema["const"],)
    return cast("Sequence[object]", schema.get("enum", ()))


def _limit(schema: Mapping[str, object], key: str, default: float) -> float:
    value = schema.get(key, default)
    return float(value) if isinstance(value, int | float) else default


def _unit(name: str, schema: Mapping[str, object]) -> str | None:
    unit = schema.get("x-unit")
    if schema.get("x-type") == "duration" or schema.get("format") == "duration":
        unit = unit or "second"
    if isinstance(unit, str):
        return _UNITS.get(unit.lower(), unit.lower().rstrip("s") or None)
    parts = name.lower().split("_")
    if len(parts) == 1 and len(parts[0]) == 1:
        return None
    return next((unit for unit, ends in _SUFFIXES.items() if parts[-1] in ends), None)


def _flag(value: object) -> str:
    """Return the key of a value among a language's flags, or what it is as text."""
    key = str(value).lower() if isinstance(value, bool) else str(value)
    return {"on": "true", "off": "false"}.get(key.lower(), key)


def _usual(
    options: Sequence[object], schema: Mapping[str, object], language: Language
) -> Iterator[str]:
    """Yield the usual way to say each value: the language's, the first of ``x-say``, its own."""
    said = cast("Mapping[str, Sequence[str]]", schema.get("x-say", {}))
    for value in options:
        own = said.get(str(value), ())
        ways = [*language.flags.get(_flag(value), ()), *([own] if isinstance(own, str) else own)]
        yield ways[0] if ways else _spoken(str(value))


def _forms(
    options: Sequence[object], schema: Mapping[str, object], language: Language
) -> Iterator[Form]:
    """Yield the spoken forms of every value, those of ``x-say`` and of the language included."""
    said = cast("Mapping[str, Sequence[str]]", schema.get("x-say", {}))
    seen: set[Tokens] = set()
    for value in options:
        key = str(value).lower() if isinstance(value, bool) else str(value)
        colour = language.colours.get(key.lower())
        own = said.get(key, ())
        spoken = [
            *([] if isinstance(value, bool) else [_spoken(key)]),
            *([own] if isinstance(own, str) else own),
            *language.flags.get(_flag(value), ()),
            *(colour.say if colour else ()),
        ]
        for text in spoken:
            words = phrase(text)
            if words and words not in seen:
                seen.add(words)
                yield Form(words, value)


def _colours(schema: Mapping[str, object], language: Language) -> Iterator[Form]:
    for name, colour in language.colours.items():
        value: object = colour.hex
        if schema.get("type") == "array":
            value = [int(colour.hex[at : at + 2], 16) for at in (1, 3, 5)]
        for said in (name, *colour.say):
            yield Form(phrase(said), value)


def _spoken(name: str) -> str:
    """Take a name of a program apart: ``milkAmount``, ``milk_amount``."""
    return (
        re.sub(r"(?<=[a-zäöüß])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ").strip()
    )
