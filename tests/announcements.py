"""What discovery made of an announcement, as plain data that a file can hold and a person read."""

from collections.abc import Iterable, Mapping
from typing import assert_never

from appliance.ports import Message
from appliance.tools.devices.model import (
    Choice,
    Colour,
    Feature,
    Flag,
    LeftOut,
    Press,
    Range,
    Thing,
    Trait,
    Unwritable,
    Value,
    Words,
)

Plain = dict[str, object]


def shape(feature: Feature) -> str:
    """Describe a trait in one line: its shape, then r if it can be read, w if it can be set."""
    match feature.shape:
        case Flag():
            text = "flag"
        case Range(minimum, maximum, step, unit):
            text = f"{minimum:g}..{maximum:g} by {step:g} {unit}".rstrip()
        case Choice(options):
            text = "|".join(options)
        case Words(longest, shortest):
            text = f"text {shortest}..{longest}"
        case Colour():
            text = "colour"
        case Press():
            text = "press"
        case unknown:
            assert_never(unknown)
    if feature.choices:
        text += " (set: " + "|".join(feature.choices) + ")"
    return f"{text}; {'r' * bool(feature.reads)}{'w' * feature.settable}"


def plain(thing: Thing) -> Plain:
    """Describe a thing; what is empty is left out."""
    made: Plain = {
        "key": thing.key,
        "kind": thing.kind.value,
        "name": thing.name,
        "device": thing.device,
        "identity": sorted(thing.identity),
        "traits": {trait.value: shape(feature) for trait, feature in thing.features.items()},
    }
    optional: Plain = {
        "class": thing.device_class,
        "area": thing.area,
        "reached": [reader.topic for reader in thing.availability.reads],
        "reached_mode": thing.availability.mode if len(thing.availability.reads) > 1 else "",
        "aside": not thing.main,
        "opaque": thing.opaque,
    }
    return made | {key: value for key, value in optional.items() if value}


def left_out(found: Iterable[LeftOut]) -> list[list[str]]:
    """Describe what was left out."""
    return [[one.name, one.rule] for one in found]


def said(thing: Thing, topic: str, payload: str) -> Plain:
    """Return what a message says of a thing; ``reached`` if it can be reached."""
    message = Message(topic, payload.encode())
    found: Plain = {}
    for trait, feature in thing.features.items():
        for reader in feature.reads:
            value = reader.read(message) if reader.topic == topic else None
            if value is not None:
                found[trait.value] = value
    for reader in thing.availability.reads:
        value = reader.read(message) if reader.topic == topic else None
        if value is not None:
            found["reached"] = value
    return found


def sent(thing: Thing, wanted: Mapping[str, Value], now: Mapping[str, Value]) -> list[list[str]]:
    """Return the messages that an order becomes; one of them empty: it cannot be said."""
    if thing.writer is None:
        return [[]]
    try:
        made = thing.writer.write(
            {Trait(name): value for name, value in wanted.items()},
            {Trait(name): value for name, value in now.items()},
        )
    except Unwritable:
        return [[]]
    return [[one.topic, one.payload.decode()] for one in made]
