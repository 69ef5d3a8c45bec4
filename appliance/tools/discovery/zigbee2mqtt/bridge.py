"""One entry of the bridge's lists → a device, or the rule by which it is left out. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from re import compile as pattern
from typing import Final

from appliance.tools.devices.model import (
    Availability,
    Feature,
    Kind,
    LeftOut,
    Press,
    Source,
    Thing,
    Trait,
)
from appliance.tools.discovery.codecs import Codec, Fixed, Table
from appliance.tools.discovery.payloads import (
    LONGEST_TEXT,
    table,
    tables,
    text,
    usable_topic,
    whole,
    word,
)
from appliance.tools.discovery.readers import Either, InJson, Plain
from appliance.tools.discovery.zigbee2mqtt.hints import Hints, hints_of
from appliance.tools.discovery.zigbee2mqtt.members import Scene, exposes_of, scenes_of
from appliance.tools.discovery.zigbee2mqtt.parts import Expose, JsonWriter, Part, writer_of

MOST_MEMBERS: Final = 500
_IEEE: Final = pattern(r"0x[0-9a-f]{1,16}")
_ONLINE: Final = Table((("online", True), ("offline", False)))
_RESERVED: Final = ("set", "get", "availability")


@dataclass(frozen=True, slots=True)
class Device:
    """A device of the bridge that may become things."""

    ieee: str
    name: str
    exposes: tuple[Expose, ...]
    hints: Hints
    scenes: tuple[Scene, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """A group of the bridge."""

    number: int
    name: str
    members: tuple[str, ...]
    """Their addresses."""

    scenes: tuple[Scene, ...] = ()


def device_of(entry: Mapping[str, object], base: str) -> Device | LeftOut | None:
    """Read an entry of ``bridge/devices``; ``None``: it is no device at all."""
    ieee, said = word(entry.get("ieee_address")).lower(), entry.get("friendly_name")
    name = said if isinstance(said, str) and said else ieee
    if not name:
        return None
    rule = _rule(entry) or ("" if usable_name(base, name) else "bad_topic")
    if not rule and _IEEE.fullmatch(ieee) is None:
        rule = "bad_id"
    if rule:
        return LeftOut(name[:LONGEST_TEXT], rule)
    definition = table(entry.get("definition"))
    about = f"{text(definition.get('description'))} {text(definition.get('model'))}"
    scenes: tuple[Scene, ...] = ()
    endpoints = table(entry.get("endpoints"))
    for key in list(endpoints)[:32]:
        scenes += scenes_of(table(endpoints[key]).get("scenes"), word(key, 20))
    return Device(ieee, name, exposes_of(definition), hints_of(about), scenes)


def _rule(entry: Mapping[str, object]) -> str:
    if entry.get("type") == "Coordinator":
        return "coordinator"
    if entry.get("disabled") is True:
        return "disabled"
    state = entry.get("interview_state", "SUCCESSFUL")
    if entry.get("interview_completed", True) is not True or state != "SUCCESSFUL":
        return "interview_incomplete"
    definition = table(entry.get("definition"))
    if not definition:
        return "unsupported"
    if entry.get("supported", True) is not True and definition.get("source") != "generated":
        return "unsupported"
    return "" if exposes_of(definition) else "no_exposes"


def group_of(entry: Mapping[str, object], base: str) -> Group | LeftOut | None:
    """Read an entry of ``bridge/groups``; ``None``: it is no group at all."""
    number, name = whole(entry.get("id"), 0, 65_535), entry.get("friendly_name")
    if number is None or not isinstance(name, str) or not name:
        return None
    if not usable_name(base, name):
        return LeftOut(name[:LONGEST_TEXT], "bad_topic")
    addresses = (
        word(member.get("ieee_address")).lower()
        for member in tables(entry.get("members"), MOST_MEMBERS)
    )
    members = tuple(dict.fromkeys(address for address in addresses if address))
    return Group(number, name, members, scenes_of(entry.get("scenes")))


def usable_name(base: str, name: str) -> bool:
    """Whether a name makes topics that are this device's own, and nobody else's."""
    levels = name.split("/")
    return (
        usable_topic(f"{base}/{name}/availability")
        and levels[0] != "bridge"
        and levels[-1] not in _RESERVED
        and all(level and not level.startswith("$") for level in levels)
    )


@dataclass(frozen=True, slots=True)
class Reached:
    """How the bridge tells who can be reached."""

    base: str
    watched: bool = False
    """Whether it watches its devices at all."""

    unwatched: frozenset[str] = frozenset()
    """Addresses or names of those that it does not."""

    def of(self, name: str, ieee: str = "") -> Availability:
        """Return how a device or a group tells it."""
        reads = [_online(f"{self.base}/bridge/state")]
        if self.watched and not self.unwatched & {name, ieee}:
            reads.append(_online(f"{self.base}/{name}/availability"))
        return Availability(tuple(reads), "all")


def _online(topic: str) -> Either:
    return Either(topic, (InJson(topic, ("state",), _ONLINE), Plain(topic, _ONLINE)))


def thing_of(part: Part, device: Device, base: str, reached: Availability) -> Thing:
    """Return the thing that a part of a device is."""
    topic = f"{base}/{device.name}"
    return Thing(
        f"zigbee2mqtt:{device.ieee}:{part.key}",
        Source.ZIGBEE2MQTT,
        part.kind,
        f"{device.name} {part.label}".rstrip(),
        device.name,
        frozenset({f"ieee:{device.ieee}"}),
        {piece.trait: piece.feature(topic) for piece in part.pieces},
        writer_of(part, f"{topic}/set"),
        reached,
        part.device_class,
        main=part.main,
    )


def group_thing(part: Part, group: Group, reached: Reached, *, opaque: bool) -> Thing:
    """Return the thing that a group is."""
    topic, identity = f"{reached.base}/{group.name}", f"{reached.base}/group/{group.number}"
    return Thing(
        f"zigbee2mqtt:{identity}:{part.key}",
        Source.ZIGBEE2MQTT,
        part.kind,
        group.name,
        group.name,
        frozenset({f"zigbee2mqtt:{identity}"}),
        {piece.trait: piece.feature(topic) for piece in part.pieces},
        writer_of(part, f"{topic}/set"),
        reached.of(group.name),
        members=tuple(f"ieee:{member}" for member in group.members),
        opaque=opaque,
    )


def scene_thing(scene: Scene, owner: Device | Group, reached: Reached, *, opaque: bool) -> Thing:
    """Return the thing that a scene is."""
    topic = f"{reached.base}/{owner.name}"
    if isinstance(owner, Group):
        identity = f"zigbee2mqtt:{reached.base}/group/{owner.number}"
        members, key = tuple(f"ieee:{one}" for one in owner.members), identity
    else:
        identity = f"ieee:{owner.ieee}"
        members, key = (identity,), f"zigbee2mqtt:{owner.ieee}"
    codec: Codec = Fixed(scene.number)
    level, suffix = "", f"scene_{scene.number}"
    if scene.endpoint:
        level, suffix = f"/{scene.endpoint}", f"scene_{scene.endpoint}_{scene.number}"
    return Thing(
        f"{key}:{suffix}",
        Source.ZIGBEE2MQTT,
        Kind.SCENE,
        scene.name,
        owner.name,
        frozenset({identity}),
        {Trait.PRESS: Feature(Press(), settable=True)},
        JsonWriter(f"{topic}{level}/set", ((Trait.PRESS, "scene_recall", codec),)),
        reached.of(owner.name, owner.ieee if isinstance(owner, Device) else ""),
        members=members,
        opaque=opaque or not members,
    )
