"""Follows what one Zigbee2MQTT retains, and tells what has changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from appliance.ports import Message
from appliance.tools.devices.model import LeftOut, Sighting, Thing
from appliance.tools.discovery.payloads import (
    LONGEST_ANNOUNCEMENT,
    dig,
    json_of,
    rows,
    table,
    tables,
)
from appliance.tools.discovery.zigbee2mqtt.bridge import (
    Device,
    Group,
    Reached,
    device_of,
    group_of,
    group_thing,
    scene_thing,
    thing_of,
)
from appliance.tools.discovery.zigbee2mqtt.members import common_parts, device_parts
from appliance.tools.discovery.zigbee2mqtt.parts import Missed, Part

MOST_DEVICES: Final = 5_000
MOST_GROUPS: Final = 2_000

Read = tuple[tuple[Part, ...], tuple[Missed, ...]]


@dataclass
class Zigbee2MqttDialect:
    """Implements ``devices.model.Dialect`` for one bridge.

    Args:
        base: Its base topic.
    """

    base: str
    _devices: tuple[Device | LeftOut, ...] = field(default=(), init=False, repr=False)
    _groups: tuple[Group | LeftOut, ...] = field(default=(), init=False, repr=False)
    _parts: dict[str, tuple[Device, Read]] = field(default_factory=dict, init=False, repr=False)
    _told: dict[str, Sighting] = field(default_factory=dict, init=False, repr=False)
    _reached: Reached = field(init=False, repr=False)
    _silent: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        """Nothing is known yet of who is reached."""
        self._reached = Reached(self.base)

    @property
    def filters(self) -> tuple[str, ...]:
        """Its lists, and its settings."""
        return tuple(f"{self.base}/bridge/{name}" for name in ("devices", "groups", "info"))

    def take(self, message: Message) -> tuple[Sighting, ...]:
        """Take one of them: each replaces all that it said before."""
        said = json_of(message.payload, LONGEST_ANNOUNCEMENT)
        match message.topic.removeprefix(f"{self.base}/bridge/"):
            case "devices" if isinstance(said, list) or not message.payload:
                entries = tables(said, MOST_DEVICES)
                read = (device_of(entry, self.base) for entry in entries)
                self._devices = tuple(one for one in read if one is not None)
                if len(rows(said, MOST_DEVICES + 1)) > MOST_DEVICES:
                    self._devices += (LeftOut(f"{self.base}/bridge/devices", "too_many"),)
            case "groups" if isinstance(said, list) or not message.payload:
                groups = (group_of(entry, self.base) for entry in tables(said, MOST_GROUPS))
                self._groups = tuple(one for one in groups if one is not None)
            case "info" if isinstance(said, dict):
                before = self._reached, self._silent
                self._settings(table(said.get("config")))
                if before == (self._reached, self._silent):
                    return ()  # it says much that is nothing to us, and often
            case _:
                return ()
        return self._changed()

    def _settings(self, config: Mapping[str, object]) -> None:
        said = config.get("availability")
        watched = said is True or (isinstance(said, dict) and said.get("enabled", True) is True)
        unwatched = set()
        for address, options in list(table(config.get("devices")).items())[:MOST_DEVICES]:
            if table(options).get("availability") is False:
                unwatched.add(address)
        self._reached = Reached(self.base, watched, frozenset(unwatched))
        self._silent = dig(config, ("advanced", "output")) == "attribute"

    def _changed(self) -> tuple[Sighting, ...]:
        now = self._sightings()
        gone = [Sighting(origin) for origin in self._told if origin not in now]
        changed = [one for origin, one in now.items() if self._told.get(origin) != one]
        self._told = now
        return (*gone, *changed)

    def _sightings(self) -> dict[str, Sighting]:
        found: dict[str, Sighting] = {}
        left_out: list[LeftOut] = []
        known: dict[str, Device] = {}
        names: set[str] = set()
        for device in self._devices:
            if isinstance(device, LeftOut):
                left_out.append(device)
            elif self._silent:
                left_out.append(LeftOut(device.name, "attribute_output"))
            elif device.ieee in known or device.name in names:
                left_out.append(LeftOut(device.name, "duplicate"))
            else:
                known[device.ieee] = device
                names.add(device.name)
                sighting = self._device(device)
                found[sighting.origin] = sighting
        self._parts = {ieee: read for ieee, read in self._parts.items() if ieee in known}
        for group in self._groups:
            if isinstance(group, LeftOut):
                left_out.append(group)
            elif group.name in names:
                left_out.append(LeftOut(group.name, "duplicate"))
            else:
                names.add(group.name)
                sighting = self._group(group, known)
                found[sighting.origin] = sighting
        origin = f"{self.base}/bridge/devices"
        return {**found, origin: Sighting(origin, left_out=tuple(left_out))}

    def _device(self, device: Device) -> Sighting:
        kept = self._parts.get(device.ieee)
        if kept is None or kept[0] != device:
            kept = (device, device_parts(device.exposes, device.hints))
            self._parts[device.ieee] = kept
        parts, missed = kept[1]
        reached = self._reached.of(device.name, device.ieee)
        things = [thing_of(part, device, self.base, reached) for part in parts]
        things += [
            scene_thing(scene, device, self._reached, opaque=False) for scene in device.scenes
        ]
        lost = tuple(LeftOut(f"{device.name} {label}", rule) for label, rule in missed)
        return Sighting(f"{self.base}/bridge/devices#{device.ieee}", _different(things), lost)

    def _group(self, group: Group, known: Mapping[str, Device]) -> Sighting:
        members = [known[ieee].exposes for ieee in group.members if ieee in known]
        opaque = len(members) < len(group.members)
        parts = () if opaque and not members else common_parts(members)
        things = [group_thing(part, group, self._reached, opaque=opaque) for part in parts]
        things += [scene_thing(one, group, self._reached, opaque=opaque) for one in group.scenes]
        lost: tuple[LeftOut, ...] = ()
        if not parts:
            rule = "nothing_in_common" if members else "empty_group"
            lost = (LeftOut(group.name, rule),)
        return Sighting(f"{self.base}/bridge/groups#{group.number}", _different(things), lost)


def _different(things: list[Thing]) -> tuple[Thing, ...]:
    return tuple({thing.key: thing for thing in reversed(things)}.values())[::-1]
