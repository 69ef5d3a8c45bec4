"""What one part of a device can do, before it has a topic."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from appliance.tools.devices.model import (
    Feature,
    Kind,
    Outgoing,
    Reader,
    Shape,
    Trait,
    Unwritable,
    Value,
)
from appliance.tools.discovery.codecs import Codec
from appliance.tools.discovery.payloads import text, whole
from appliance.tools.discovery.readers import Either, InJson

PUBLISHED = 1
SETTABLE = 2
Expose = Mapping[str, object]
Missed = tuple[str, str]
"""What was left out, and by which rule."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One trait, and the property of the device's JSON that carries it."""

    trait: Trait
    prop: str
    shape: Shape
    codec: Codec
    access: int = PUBLISHED
    tolerance: float = 0.0
    choices: tuple[str, ...] = ()
    told_by: tuple[tuple[str, Codec], ...] = ()
    """Other properties that tell the trait, each with its codec; the first that does counts."""

    def feature(self, topic: str) -> Feature:
        """Return the trait, read from a topic."""
        ways = [InJson(topic, (prop,), codec) for prop, codec in self.told_by]
        if self.access & PUBLISHED:
            ways.append(InJson(topic, (self.prop,), self.codec))
        reads: tuple[Reader, ...] = ()
        if ways:
            reads = (ways[0] if len(ways) == 1 else Either(topic, tuple(ways)),)
        settable = bool(self.access & SETTABLE)
        return Feature(self.shape, settable, reads, self.tolerance, self.choices)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a device that becomes one thing."""

    key: str
    """Unique in the device, the same as long as it can do the same."""

    kind: Kind
    pieces: tuple[Piece, ...]
    label: str = ""
    """What is added to the device's name; empty: it bears that itself."""

    device_class: str = ""
    main: bool = True


@dataclass(frozen=True, slots=True)
class JsonWriter:
    """Says everything that is wanted in one JSON object."""

    topic: str
    says: tuple[tuple[Trait, str, Codec], ...] = field(default=())

    def write(
        self, wanted: Mapping[Trait, Value], now: Mapping[Trait, Value]
    ) -> tuple[Outgoing, ...]:
        """Return the one message."""
        del now
        told: dict[str, object] = {}
        for trait, prop, codec in self.says:
            if trait not in wanted:
                continue
            if trait is Trait.OPENING and Trait.POSITION in wanted:
                continue  # where it is to go says which way
            told[prop] = codec.write(wanted[trait])
        if not told:
            raise Unwritable("nothing of it can be said")
        payload = json.dumps(told, ensure_ascii=False).encode(errors="replace")
        return (Outgoing(self.topic, payload),)


def writer_of(part: Part, topic: str) -> JsonWriter | None:
    """Return what writes a part; ``None``: nothing of it can be set."""
    says = tuple(
        (piece.trait, piece.prop, piece.codec) for piece in part.pieces if piece.access & SETTABLE
    )
    return JsonWriter(topic, says) if says else None


def access_of(expose: Expose) -> int:
    """Return the access bits."""
    return whole(expose.get("access"), 0, 7) or 0


def label_of(expose: Expose) -> str:
    """Return how an expose is called among people."""
    label = text(expose.get("label"), 80) or text(expose.get("name"), 80).replace("_", " ")
    endpoint = text(expose.get("endpoint"), 40)
    return f"{label} {endpoint}" if endpoint and endpoint not in label.split() else label
