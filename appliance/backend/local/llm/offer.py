"""Which tools a small language model is offered, and how much of each. Pure.

What is not ``free`` is never offered, nor what ends the conversation, nor what a small grammar
cannot hold: nested values, patterns, references. A large house is cut to what has room: the things
of the box's own room come first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from appliance.backend.local.understand.heard import Heard
from appliance.catalogue import Risk, Target, ToolSpec

LONGEST = 4_000
"""Characters of all lines together: about 1,300 tokens, read once."""

MOST_TARGETS = (40, 20, 10, 5)
"""Things of one tool: the largest of these for which all tools have room."""

MOST_VALUES = 40
"""Words that a parameter may have which must be there; a tool with more is left out."""

MOST_CHOICES = 12
"""Words that a parameter may have which can be left out; one with more is."""

LONGEST_TEXT = 120
"""Characters of a description, and of a free text that the model may write."""

_GUARDED = frozenset({"lock", "alarm_control_panel", "valve", "water_heater"})
"""Kinds of things that the gate guards in one direction or the other; a person names them."""

_WORDS = (
    "type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "multipleOf", "minLength", "maxLength", "x-say", "x-unit",
)  # fmt: skip
_TYPES = ("string", "number", "integer", "boolean")
_NUMBERS = ("number", "integer")
_SCALARS = (str, int, float, bool)

Property = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Offered:
    """One tool, as far as the model may use it."""

    name: str
    description: str = field(repr=False)
    properties: Mapping[str, Property] = field(repr=False)
    """Its parameters; words of JSON Schema that both the grammar and the check understand."""

    required: tuple[str, ...]
    least: int
    """How many arguments a call has at least."""

    target_parameter: str | None = None
    targets: tuple[Target, ...] = field(default=(), repr=False)
    said: frozenset[str] = frozenset()
    """Parameters of which a value was said; see ``within``."""

    def line(self) -> str:
        """Return what the model is told of it."""
        told = ", ".join(self._told(name, prop) for name, prop in self.properties.items())
        return f"{self.name}({told}): {_short(self.description)}"

    def _told(self, name: str, prop: Property) -> str:
        mark = "" if name in self.required else "?"
        if name == self.target_parameter:
            return f"{name}{mark}: {'|'.join(map(_named, self.targets))}"
        return f"{name}{mark}: {_values(prop)}"


def offered(
    catalogue: Sequence[ToolSpec], *, area: str | None = None, longest: int = LONGEST
) -> tuple[Offered, ...]:
    """Return what the model is offered, in the order of the catalogue.

    Args:
        catalogue: The tools that can be called now.
        area: The room of the box; its things are kept when there is no room for all.
        longest: Characters of all lines together.
    """
    tools: tuple[Offered, ...] = ()
    for most in MOST_TARGETS:
        tools = tuple(_tools(catalogue, area, most))
        if _length(tools) <= longest:
            return tools
    while _length(tools) > longest:
        tools = tools[:-1]
    return tools


def within(tools: Sequence[Offered], heard: Heard) -> tuple[Offered, ...]:
    """Return what can be called for one request: a model makes up no number.

    A parameter that is a number takes the numbers that were said, or is left out; a tool that
    needs one that was not said is left out with it.
    """
    return tuple(filter(None, (_within(tool, heard.get(tool.name, {})) for tool in tools)))


def _within(tool: Offered, heard: Mapping[str, Sequence[object]]) -> Offered | None:
    properties: dict[str, Property] = {}
    for name, prop in tool.properties.items():
        if "enum" in prop or prop.get("type") not in _NUMBERS:
            properties[name] = prop
        elif heard.get(name):
            properties[name] = {**prop, "enum": list(heard[name])}
    if not set(tool.required) <= properties.keys() or tool.least > len(properties):
        return None
    return replace(tool, properties=properties, said=frozenset(heard) & properties.keys())


def _length(tools: Sequence[Offered]) -> int:
    return sum(len(tool.line()) + 1 for tool in tools)


def _tools(catalogue: Sequence[ToolSpec], area: str | None, most: int) -> Iterator[Offered]:
    for spec in catalogue:
        if spec.risk is Risk.FREE and not spec.closes and not spec.sees:
            tool = _tool(spec, area, most)
            if tool is not None:
                yield tool


def _tool(spec: ToolSpec, area: str | None, most: int) -> Offered | None:
    given = spec.parameters.get("properties", {})
    required = spec.parameters.get("required", [])
    if not isinstance(given, Mapping) or not isinstance(required, list | tuple):
        return None
    targets = _targets(spec, area, most)
    properties: dict[str, Property] = {}
    for name, prop in given.items():
        if name == spec.target_parameter:
            if targets:
                properties[name] = {"enum": [target.id for target in targets]}
        elif isinstance(prop, Mapping) and _is_plain(
            prop, MOST_VALUES if name in required else MOST_CHOICES
        ):
            properties[name] = {word: prop[word] for word in _WORDS if word in prop}
    least = spec.parameters.get("minProperties", 0)
    if not set(required) <= properties.keys() or not isinstance(least, int):
        return None
    if least > len(properties) or (spec.targets and not targets):
        return None
    return Offered(
        name=spec.name,
        description=spec.description,
        properties=properties,
        required=tuple(map(str, required)),
        least=least,
        target_parameter=spec.target_parameter,
        targets=targets,
    )


def _targets(spec: ToolSpec, area: str | None, most: int) -> tuple[Target, ...]:
    """Return the things that are listed and harmless, cut to those of the room first."""
    told = [each for each in spec.targets if each.listed and each.kind not in _GUARDED]
    if len(told) <= most:
        return tuple(told)
    here = (area or "").casefold()
    near = sorted(told, key=lambda each: (each.area or "").casefold() != here)[:most]
    kept = {each.id for each in near}
    return tuple(each for each in told if each.id in kept)


def _is_plain(prop: Mapping[str, object], most: int) -> bool:
    values = prop.get("enum")
    if values is not None:
        return (
            isinstance(values, list | tuple)
            and 0 < len(values) <= most
            and all(isinstance(value, _SCALARS) for value in values)
        )
    if "const" in prop:
        return isinstance(prop["const"], _SCALARS)
    return prop.get("type") in _TYPES and not {"pattern", "$ref", "format"} & prop.keys()


def _named(target: Target) -> str:
    """Return a thing's id, with its name and its room where the id does not say them."""
    said = target.id.replace("_", " ").casefold()
    more = [] if target.name.casefold() == said else [target.name]
    area = (target.area or "").casefold()
    if area and area not in said and area not in target.name.casefold():
        more.append(f"in {target.area}")
    return f"{target.id} ({_short(' '.join(more))})" if more else target.id


def _values(prop: Property) -> str:
    values = prop.get("enum")
    if isinstance(values, list | tuple):
        return "|".join(str(value) for value in values)
    if "const" in prop:
        return str(prop["const"])
    low, high = prop.get("minimum"), prop.get("maximum")
    span = "" if low is None or high is None else f"{low}-{high}"
    unit = prop.get("x-unit", "")
    return " ".join(filter(None, (str(span), str(unit)))) or str(prop.get("type"))


def _short(text: str) -> str:
    """Return a text in one line, cut."""
    return " ".join(text.split())[:LONGEST_TEXT]
