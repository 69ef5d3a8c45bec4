"""Homie 5: devices that describe themselves, property by property. Pure.

A property becomes a thing of its own, except that a node which says it is a light, a cover or a
lock, or has a colour, becomes one thing of those of its properties that fit.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from appliance.ports import Message
from appliance.tools.devices.model import (
    Availability,
    Feature,
    LeftOut,
    Outgoing,
    Sighting,
    Source,
    Thing,
    Trait,
    Unwritable,
    Value,
)
from appliance.tools.discovery.codecs import Codec, Table, options
from appliance.tools.discovery.homie_values import Made, Property, combined, property_of, single
from appliance.tools.discovery.payloads import (
    LONGEST_ANNOUNCEMENT,
    decoded,
    json_of,
    table,
    text,
    usable_topic,
    word,
)
from appliance.tools.discovery.readers import Plain

MOST_DEVICES: Final = 5_000
MOST_NODES: Final = 200
MOST_PROPERTIES: Final = 200
_ID: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")
_MAC: Final = re.compile(r"[0-9a-f]{12}")
_REACHED: Final = Table(
    (
        ("ready", True),
        ("sleeping", True),
        ("init", False),
        ("disconnected", False),
        ("lost", False),
    )
)
_STATES: Final = options(("init", "ready", "disconnected", "sleeping", "lost"))


@dataclass(frozen=True, slots=True)
class HomieWriter:
    """One message on each property's ``/set``, never retained."""

    says: tuple[tuple[Trait, str, Codec, int], ...]
    """Trait, topic, codec, QoS."""

    def write(
        self, wanted: Mapping[Trait, Value], now: Mapping[Trait, Value]
    ) -> tuple[Outgoing, ...]:
        """Return a message for each trait."""
        del now
        sent = tuple(
            Outgoing(topic, str(codec.write(wanted[trait])).encode(errors="replace"), qos)
            for trait, topic, codec, qos in self.says
            if trait in wanted
        )
        if not sent:
            raise Unwritable("nothing of it can be said")
        return sent


@dataclass
class HomieDialect:
    """Implements ``devices.model.Dialect``."""

    _described: dict[str, Mapping[str, object] | None] = field(default_factory=dict, repr=False)
    _gone: set[str] = field(default_factory=set, repr=False)
    _told: dict[str, Sighting] = field(default_factory=dict, repr=False)

    @property
    def filters(self) -> tuple[str, ...]:
        """States and descriptions in any domain; what Homie 3 and 4 announced themselves by."""
        return ("+/5/+/$state", "+/5/+/$description", "+/+/$homie")

    def take(self, message: Message) -> tuple[Sighting, ...]:
        """Take a state or a description: an empty one of either takes the device away."""
        levels = message.topic.split("/")
        if len(levels) == 3 and levels[2] == "$homie":
            return self._too_old(message, f"{levels[0]}/{levels[1]}", levels[1])
        if len(levels) != 4 or levels[1] != "5" or not usable_topic(message.topic):
            return ()
        device = "/".join(levels[:3])
        if levels[3] == "$description":
            return self._description(device, message)
        if levels[3] != "$state":
            return ()
        if not message.payload:
            self._gone.add(device)
        elif _STATES.read(decoded(message.payload)) is not None:
            self._gone.discard(device)
        if device in self._described:
            return self._changed(device)
        self._gone.discard(device)  # nothing was known of it: nothing is kept
        return ()

    def _too_old(self, message: Message, device: str, name: str) -> tuple[Sighting, ...]:
        if not message.payload or not usable_topic(device):
            sighting = Sighting(device)
        else:
            sighting = Sighting(device, left_out=(LeftOut(name, "homie_too_old"),))
        return self._tell(device, sighting)

    def _description(self, device: str, message: Message) -> tuple[Sighting, ...]:
        if not message.payload:
            self._described.pop(device, None)
            self._gone.discard(device)
            return self._tell(device, Sighting(device))
        if device not in self._described and len(self._described) >= MOST_DEVICES:
            return ()
        said = json_of(message.payload, LONGEST_ANNOUNCEMENT)
        self._described[device] = said if isinstance(said, dict) else None
        return self._changed(device)

    def _changed(self, device: str) -> tuple[Sighting, ...]:
        if device in self._gone:
            return self._tell(device, Sighting(device))
        return self._tell(device, _sighting(device, self._described[device]))

    def _tell(self, device: str, sighting: Sighting) -> tuple[Sighting, ...]:
        if self._told.get(device, Sighting(device)) == sighting:
            return ()
        if sighting.things or sighting.left_out:
            self._told[device] = sighting
        else:
            del self._told[device]
        return (sighting,)


def _sighting(device: str, said: Mapping[str, object] | None) -> Sighting:
    domain, _, identifier = device.split("/")
    if said is None:
        return Sighting(device, left_out=(LeftOut(identifier, "bad_payload"),))
    if not text(said.get("homie")).startswith("5"):
        return Sighting(device, left_out=(LeftOut(identifier, "homie_version"),))
    if _ID.fullmatch(identifier) is None:
        return Sighting(device, left_out=(LeftOut(identifier, "bad_topic"),))
    name = text(said.get("name")) or identifier
    root = word(said.get("root"))
    asked = [device]
    if root and root != identifier and _ID.fullmatch(root):
        asked.append(f"{domain}/5/{root}")
    reached = Availability(tuple(Plain(f"{one}/$state", _REACHED) for one in asked), "all")
    things: dict[str, Thing] = {}
    lost: list[LeftOut] = []
    for node in list(table(said.get("nodes")).items())[:MOST_NODES]:
        made, missed = _node(device, node[0], table(node[1]))
        lost += [LeftOut(f"{name} {label}", rule) for label, rule in missed]
        for one in made:
            thing = _thing(device, name, one, reached)
            things[thing.key] = thing
    return Sighting(device, tuple(things.values()), tuple(lost))


def _node(
    device: str, identifier: str, said: Mapping[str, object]
) -> tuple[list[Made], list[tuple[str, str]]]:
    name = text(said.get("name")) or identifier
    if _ID.fullmatch(identifier) is None:
        return [], [(name, "bad_topic")]
    properties: list[Property] = []
    missed: list[tuple[str, str]] = []
    for key, value in list(table(said.get("properties")).items())[:MOST_PROPERTIES]:
        topic = f"{device}/{identifier}/{key}"
        if _ID.fullmatch(key) is None or not usable_topic(f"{topic}/set"):
            missed.append((f"{name} {key[:60]}", "bad_topic"))
            continue
        found = property_of(topic, key, table(value))
        if isinstance(found, str):
            missed.append((f"{name} {key}", found))
        else:
            properties.append(found)
    made, rest = combined(identifier, name, text(said.get("type")), properties)
    alone = len(properties) == 1
    return [*made, *(single(identifier, name, one, alone=alone) for one in rest)], missed


def _thing(device: str, name: str, made: Made, reached: Availability) -> Thing:
    domain, _, identifier = device.split("/")
    identity = {f"homie:{domain}/{identifier}"}
    if _MAC.fullmatch(identifier):
        identity.add(f"mac:{identifier}")
    says = []
    features = {}
    for trait, one in made.traits.items():
        settable = one.settable
        reads = (Plain(one.topic, one.codec),) if one.read else ()
        features[trait] = Feature(one.shape, settable, reads, one.tolerance, one.choices)
        if settable:  # what is not kept must not come late, or twice
            says.append((trait, f"{one.topic}/set", one.codec, 1 if one.retained else 0))
    return Thing(
        f"homie:{domain}/{identifier}/{made.key}",
        Source.HOMIE,
        made.kind,
        f"{name} {made.label}".rstrip(),
        name,
        frozenset(identity),
        features,
        HomieWriter(tuple(says)) if says else None,
        reached,
        made.device_class,
        main=made.main,
    )
