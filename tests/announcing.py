"""A convention of our own, as small as can be, for tests and benchmarks of what all share.

``plain/<id>/config`` is a JSON object (``name``, ``kind``, and what else ``thing_of`` looks at);
``plain/<id>`` is the state, a JSON object with traits; ``plain/<id>/set`` takes the same.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from appliance.ports import Message
from appliance.tools.devices.model import (
    Availability,
    Choice,
    Colour,
    Feature,
    Flag,
    Kind,
    LeftOut,
    Outgoing,
    Press,
    Range,
    Shape,
    Sighting,
    Source,
    Thing,
    Trait,
    Value,
)

SHAPES: Mapping[Trait, Shape] = {
    Trait.POWER: Flag(),
    Trait.BRIGHTNESS: Range(0, 100, unit="%"),
    Trait.POSITION: Range(0, 100, unit="%"),
    Trait.COLOR: Colour(),
    Trait.OPENING: Choice(("open", "closed", "stopped", "opening", "closing")),
    Trait.LOCK: Choice(("locked", "unlocked", "locking", "unlocking")),
    Trait.PRESS: Press(),
    Trait.READING: Range(-100, 100, unit="°C"),
}


@lru_cache(maxsize=4)
def _parsed(payload: bytes) -> object:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True, slots=True)
class JsonReader:
    """One field of a JSON object."""

    topic: str
    field: str

    def read(self, message: Message) -> Value | None:
        said = _parsed(message.payload)
        value = said.get(self.field) if isinstance(said, dict) else None
        return value if isinstance(value, bool | int | float | str) else None


@dataclass(frozen=True, slots=True)
class OnlineReader:
    """``online`` or not."""

    topic: str

    def read(self, message: Message) -> Value | None:
        return message.payload == b"online"


@dataclass(frozen=True, slots=True)
class JsonWriter:
    """All that is wanted, in one object."""

    topic: str

    def write(
        self,
        wanted: Mapping[Trait, Value],
        now: Mapping[Trait, Value],  # noqa: ARG002 - the protocol's
    ) -> tuple[Outgoing, ...]:
        return (Outgoing(self.topic, json.dumps(dict(wanted)).encode()),)


def thing_of(
    name: str, *traits: Trait, kind: Kind = Kind.LIGHT, source: Source = Source.HOMEASSISTANT
) -> Thing:
    """Make a thing that reads ``plain/<name>`` and is written to at ``plain/<name>/set``."""
    topic = f"plain/{name}"
    return Thing(
        key=f"{source}:{name}",
        source=source,
        kind=kind,
        name=name,
        device=name,
        identity=frozenset({f"plain:{name}"}),
        features={
            trait: Feature(
                SHAPES[trait],
                settable=trait is not Trait.READING,
                reads=() if trait is Trait.PRESS else (JsonReader(topic, trait),),
                tolerance=1.0 if isinstance(SHAPES[trait], Range) else 0.0,
            )
            for trait in traits or (Trait.POWER, Trait.BRIGHTNESS)
        },
        writer=JsonWriter(f"{topic}/set"),
        availability=Availability((OnlineReader(f"{topic}/online"),)),
    )


@dataclass
class PlainDialect:
    """Implements ``devices.model.Dialect``."""

    filters: tuple[str, ...] = ("plain/+/config",)
    taken: list[Message] = field(default_factory=list)

    def take(self, message: Message) -> tuple[Sighting, ...]:
        self.taken.append(message)
        name = message.topic.split("/")[1]
        if not message.payload:
            return (Sighting(message.topic),)
        said = json.loads(message.payload)
        if not isinstance(said, dict) or "asks" in said:
            asks = tuple(Outgoing(topic, b"?") for topic in said["asks"])
            return (Sighting(message.topic, asks=asks),)
        if "kind" not in said:
            return (Sighting(message.topic, left_out=(LeftOut(name, "no_kind"),)),)
        thing = thing_of(name, *map(Trait, said.get("traits", ())), kind=Kind(said["kind"]))
        thing = replace(
            thing,
            name=str(said.get("name", name)),
            area=str(said.get("area", "")),
            identity=frozenset(said.get("identity", thing.identity)),
        )
        return (Sighting(message.topic, (thing,)),)
