"""What a model and the on-device understanding are told of the tools for devices. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from appliance.catalogue import IntentBinding, Target, ToolSpec
from appliance.tools import schema
from appliance.tools.devices.colors import COLORS, WHITES
from appliance.tools.devices.families import DEVICE, Family, Form, Parameter
from appliance.tools.devices.known import Known
from appliance.tools.devices.model import Colour, Kind, Range, Thing, Words
from appliance.tools.devices.orders import (
    converted,
    has,
    in_fahrenheit,
    options,
    settable,
    verb,
)
from appliance.tools.devices.phrases import Phrases
from appliance.tools.wording import Wording

MOST_OPTIONS = 60
"""Words that a parameter lists; of more it takes any, and the thing is asked."""

_MOST_AREAS = 100
_LONGEST_TEXT = 500
_SCENE = "scene"
_ROOM = "{area}"
_SENSORS = (Kind.SENSOR, Kind.BINARY_SENSOR)
_BY_NAME_ONLY = frozenset({"door", "garage", "garage_door", "gate"})
"""Covers that "open the door" and "close everything" do not mean: one says which."""

Property = dict[str, object]


def sorted_for(area: str | None, known: Iterable[Known]) -> tuple[Known, ...]:
    """Return things in the order in which they are listed: those of a room first."""
    here = (area or "").casefold()

    def place(one: Known) -> tuple[bool, str, str]:
        return not (here and (one.area or "").casefold() == here), one.name.casefold(), one.id

    return tuple(sorted(known, key=place))


@dataclass(frozen=True, slots=True)
class Makes:
    """Makes specs.

    Args:
        words: The phrases of the language.
        phrases: Those of devices.
        listed: The ids that a model is told.
    """

    words: Wording
    phrases: Phrases
    listed: frozenset[str]
    taken: frozenset[str] = frozenset()
    """What somebody has named a thing, in small letters: no other is called so by itself."""

    def control(self, family: Family, ours: Sequence[Known], *, fahrenheit: bool) -> ToolSpec:
        """Describe the tool of a family for the things of it."""
        things = [one.thing for one in ours]
        properties: dict[str, Property] = {}
        for parameter in family.parameters:
            able = [thing for thing in things if has(thing, parameter)]
            if able:
                properties[parameter.name] = self._property(parameter, able, fahrenheit=fahrenheit)
        targets = tuple(self._target(one, listed=one.id in self.listed) for one in ours)
        bindings = (
            IntentBinding(bound.intent, bound.arguments, bound.slots)
            for bound in family.bindings
            if not bound.needs or _takes(properties.get(bound.needs), bound.arguments)
        )
        return self._spec(family.tool, properties, targets, tuple(bindings))

    def reading(
        self,
        tool: str,
        readable: Sequence[Known],
        unlisted: Collection[str],
        *,
        intent: str = "HassGetState",
    ) -> ToolSpec:
        """Describe a tool that only tells."""
        targets = tuple(
            self._target(one, listed=one.id in self.listed and one.id not in unlisted)
            for one in readable
        )
        return self._spec(tool, {}, targets, (IntentBinding(intent),), anything=True)

    def finding(self, tool: str, known: Sequence[Known]) -> ToolSpec:
        """Describe the tool that finds things."""
        areas = sorted({one.area for one in known if one.area})
        kinds = sorted({one.thing.kind.value for one in known})
        properties: dict[str, Property] = {
            "name": {"type": "string", "maxLength": 100, "description": self._about("name")},
            "kind": {"type": "string", "enum": kinds, "description": self._about("kind")},
        }
        if 0 < len(areas) <= _MOST_AREAS:
            properties["area"] = {
                "type": "string", "enum": areas, "description": self._about("area")
            }  # fmt: skip
        return ToolSpec(
            name=tool,
            description=self.words.text(tool, "description"),
            parameters=schema.whole({"properties": properties}),
        )

    def _spec(
        self,
        tool: str,
        properties: Mapping[str, Property],
        targets: tuple[Target, ...],
        intents: tuple[IntentBinding, ...],
        *,
        anything: bool = False,
    ) -> ToolSpec:
        whole = all(target.listed for target in targets)
        key = DEVICE if whole else f"{DEVICE}_any" if anything else f"{DEVICE}_listed"
        device: Property = {"type": "string", "description": self._about(key)}
        if whole:
            device["enum"] = [target.id for target in targets]
        else:
            device["maxLength"] = 64
        taken = {DEVICE: device, **properties}
        return ToolSpec(
            name=tool,
            description=self.words.text(tool, "description"),
            parameters=schema.whole(
                {
                    "properties": taken,
                    "required": [DEVICE],
                    **({"minProperties": 2} if properties else {}),
                }
            ),
            examples=tuple(
                example
                for example in self.words.texts(tool, "examples")
                if all(name in taken for name in _places(example))
            ),
            targets=targets,
            target_parameter=DEVICE,
            intents=intents,
        )

    def _target(self, one: Known, *, listed: bool) -> Target:
        kind = "" if one.thing.device_class in _BY_NAME_ONLY else one.thing.kind.value
        aliases = tuple(dict.fromkeys(self._aliases(one)))
        return Target(one.id, one.name, aliases, one.area, kind, listed=listed)

    def _aliases(self, one: Known) -> Iterator[str]:
        """Yield what else a thing is called: the owner's names, then what people make of it."""
        yield from one.aliases
        for made in self._also(one):
            if made.casefold() not in self.taken:
                yield made

    def _also(self, one: Known) -> Iterator[str]:
        name, device_class = one.name.casefold(), one.thing.device_class
        said = device_class.replace("_", " ")
        if one.thing.kind is Kind.SCENE and name.endswith(f" {_SCENE}"):
            yield one.name[: -len(_SCENE) - 1].strip()
        if one.thing.kind is Kind.COVER and said and said.isascii() and said not in name:
            yield f"{one.name} {said[:20]}"
        if device_class in _BY_NAME_ONLY and one.thing.kind is Kind.COVER:
            return
        yield from self._without_room(one)
        key = device_class if self.phrases.has("also", device_class) else one.thing.kind.value
        texts = self.phrases.table("also").get(key)
        for text in map(str, texts if isinstance(texts, list) else ()):
            if one.area or _ROOM not in text:
                yield text.replace(_ROOM, one.area or "")

    def _without_room(self, one: Known) -> Iterator[str]:
        """Yield "TV" for the living room TV: who is in the room, or has one only, says no more."""
        room = f"{one.area} ".casefold() if one.area else ""
        if room and one.thing.kind not in _SENSORS and one.name.casefold().startswith(room):
            yield one.name[len(room) :].strip()

    def _property(
        self, parameter: Parameter, able: Sequence[Thing], *, fahrenheit: bool
    ) -> Property:
        name = parameter.name
        scale = "Fahrenheit" if fahrenheit else "Celsius"
        made: Property = {"description": self._about(name, unit=scale)}
        match parameter.form:
            case Form.PERCENT:
                made |= {"type": "integer", "minimum": 0, "maximum": 100}
            case Form.NUMBER:
                made |= _range(parameter, able, fahrenheit=fahrenheit)
            case Form.FLAG:
                made |= {"type": "boolean"}
            case Form.TEXT:
                made |= {"type": "string", "maxLength": _longest(able, parameter)}
            case _:
                made |= self._words(name, _values(parameter, able))
        if parameter.unit:
            made["x-unit"] = parameter.unit
        return made

    def _words(self, name: str, values: tuple[str, ...]) -> Property:
        if len(values) > MOST_OPTIONS:
            return {"type": "string", "maxLength": 64}
        spoken = self.phrases.table(f"say_{name}")
        said = {value: spoken[value] for value in values if value in spoken}
        made: Property = {"type": "string", "enum": list(values)}
        return {**made, "x-say": said} if said else made

    def _about(self, name: str, **values: object) -> str:
        return self.phrases.say("about", name, **values)


def _values(parameter: Parameter, able: Sequence[Thing]) -> tuple[str, ...]:
    """Return the words that a parameter takes, some thing of the family at least knows each."""
    match parameter.form:
        case Form.STATE:
            return ("on", "off", "toggle")
        case Form.COLOR:
            colours = any(_is_colour(thing, parameter) for thing in able)
            return tuple(COLORS if colours else WHITES)
        case Form.STEP:
            return tuple(parameter.steps)
        case Form.VERB:
            return tuple(
                word
                for word, does in parameter.verbs.items()
                if any(verb(thing, *does) for thing in able)
            )
        case _:
            return tuple(
                sorted({word for thing in able for word in options(thing, parameter.trait)})
            )


def _takes(prop: Property | None, arguments: Mapping[str, object]) -> bool:
    """Tell whether a parameter is there and knows the words that a binding gives it."""
    if prop is None:
        return False
    words = cast("Sequence[object] | None", prop.get("enum"))
    return words is None or all(value in words for value in arguments.values())


def _places(example: str) -> Iterator[str]:
    for part in example.split("{")[1:]:
        yield part.partition("}")[0]


def _range(parameter: Parameter, able: Sequence[Thing], *, fahrenheit: bool) -> Property:
    """Return the widest range that some thing has, temperatures on the tool's scale."""
    low, high = float("inf"), float("-inf")
    for thing in able:
        feature = settable(thing, parameter.trait)
        if feature is None or not isinstance(feature.shape, Range):
            continue
        shape = feature.shape
        ends = [shape.minimum, shape.maximum]
        if parameter.unit == "degrees":
            here = in_fahrenheit(shape.unit) if shape.unit else fahrenheit
            ends = [
                round(converted(end, fahrenheit=here, to_fahrenheit=fahrenheit), 1) for end in ends
            ]
        low, high = min(low, ends[0]), max(high, ends[1])
    return {"type": "number", "minimum": low, "maximum": high}


def _is_colour(thing: Thing, parameter: Parameter) -> bool:
    feature = settable(thing, parameter.trait)
    return feature is not None and isinstance(feature.shape, Colour)


def _longest(able: Sequence[Thing], parameter: Parameter) -> int:
    shapes = (
        feature.shape
        for thing in able
        if (feature := settable(thing, parameter.trait)) is not None
    )
    longest = max((s.longest for s in shapes if isinstance(s, Words)), default=_LONGEST_TEXT)
    return min(longest, _LONGEST_TEXT)
