"""What devices announce, for tests of the dialects."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from appliance.ports import Message
from appliance.tools.devices.model import Sighting, Thing, Trait, Value

DATA = Path(__file__).parent / "data" / "discovery"


@cache
def _text(path: str) -> str:
    return (DATA / f"{path}.json").read_text(encoding="utf-8")


def announced(path: str) -> Any:  # noqa: ANN401 - JSON
    """Return a payload of ``tests/data/discovery``, written after the public documentation."""
    return json.loads(_text(path))


def said(topic: str, what: object = None, *, text: str | None = None) -> Message:
    """Return a message: JSON, or a text."""
    payload = json.dumps(what) if text is None else text
    return Message(topic, payload.encode(), retained=True)


def things(sightings: Iterable[Sighting]) -> dict[str, Thing]:
    """Return all things, by name."""
    return {thing.name: thing for sighting in sightings for thing in sighting.things}


def rules(sightings: Iterable[Sighting]) -> dict[str, str]:
    """Return what was left out, and by which rule."""
    return {one.name: one.rule for sighting in sightings for one in sighting.left_out}


def told(thing: Thing, message: Message) -> dict[Trait, Value]:
    """Return what a message tells of a thing."""
    found: dict[Trait, Value] = {}
    for trait, feature in thing.features.items():
        for reader in feature.reads:
            if reader.topic == message.topic and (value := reader.read(message)) is not None:
                found[trait] = value
    return found


def reached(thing: Thing, message: Message) -> bool | None:
    """Return whether a message says that a thing can be reached; ``None``: it says nothing."""
    for reader in thing.availability.reads:
        if reader.topic == message.topic:
            value = reader.read(message)
            if isinstance(value, bool):
                return value
    return None


def written(thing: Thing, wanted: Mapping[Trait, Value]) -> list[tuple[str, str]]:
    """Return topic and payload of what is sent."""
    assert thing.writer is not None
    return [(one.topic, one.payload.decode()) for one in thing.writer.write(wanted, {})]
