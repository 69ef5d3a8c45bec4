"""Relays, lights, shutters and fans of a Tasmota device. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from appliance.tools.devices.model import (
    Choice,
    Colour,
    Feature,
    Flag,
    Kind,
    LeftOut,
    Range,
    Reader,
    Source,
    Thing,
    Trait,
    Writer,
)
from appliance.tools.discovery.codecs import Codec, Mired, Number, Percent, on_off
from appliance.tools.discovery.payloads import Path
from appliance.tools.discovery.tasmota.announced import Announced
from appliance.tools.discovery.tasmota.terms import (
    CommandWriter,
    FanPower,
    FanSpeed,
    HsbColour,
    Position,
    Says,
    ShutterCommand,
    ShutterState,
    both_ways,
    plain,
    told_by,
)

RELAY: Final = 1
LIGHT: Final = 2
SHUTTER: Final = 3
_PERCENT: Final = Range(0, 100, 1, "%")
_RGB: Final = 3
_RGBW: Final = 4
_RGBCW: Final = 5
_COLD_WARM: Final = 2


def outputs(device: Announced) -> tuple[list[Thing], list[LeftOut]]:
    """Return what can be switched, and what cannot be."""
    things = [*_fan(device)]
    lost: list[LeftOut] = []
    shutters = _shutters(device.relays)
    for number, first in enumerate(shutters):
        things.append(_shutter(device, number, first))
    moved = {index for first in shutters for index in (first, first + 1)}
    for index, what in enumerate(device.relays):
        if index in moved:
            continue
        if what == SHUTTER:
            lost.append(LeftOut(device.relay_name(index), "half_a_shutter"))
        elif device.fan and index > 0:
            continue  # the relays of the fan's speeds
        elif what == LIGHT:
            things.append(_light(device, index))
        elif what == RELAY:
            things.append(_relay(device, index))
    return things, lost


def thing(
    device: Announced,
    key: str,
    kind: Kind,
    name: str,
    features: Mapping[Trait, Feature],
    writer: Writer | None,
) -> Thing:
    """Return a thing of a device."""
    return Thing(
        f"tasmota:{device.mac.lower()}:{key}",
        Source.TASMOTA,
        kind,
        name,
        device.name,
        frozenset({f"mac:{device.mac.lower()}"}),
        features,
        writer,
        device.availability(),
    )


def _told(device: Announced, key: str, codec: Codec, *others: str) -> tuple[Reader, ...]:
    """Return how a key of its state is told: by answers, and from time to time."""
    topics = [f"{device.stat}RESULT", f"{device.tele}STATE"]
    if device.set_option(4):  # answers bear the command's name instead
        topics += [f"{device.stat}{name.upper()}" for name in (key, *others)]
    return told_by(tuple(dict.fromkeys(topics)), ((key,),), codec)


def _power(device: Announced, index: int) -> Feature:
    codec = on_off(device.on, device.off)
    names = [f"POWER{index + 1}"]
    if index == 0:
        names.append("POWER")  # a single relay, unless SetOption26
    paths = tuple((name,) for name in names)
    topics: list[tuple[str, Path]] = [
        (f"{device.stat}RESULT", (key,)),
        (f"{device.tele}SENSOR", (key,)),
        (f"{device.stat}STATUS10", ("StatusSNS", key)),
    ]
    if device.set_option(4):
        topics.append((f"{device.stat}SHUTTERPOSITION", (key,)))
    position, word = Position(inverted), ShutterCommand()
    where = tuple(
        r for topic, path in topics for r in told_by((topic,), ((*path, "Position"),), position)
    )
    states = tuple(ShutterState(topic, path, inverted) for topic, path in topics)
    shape = Choice(("open", "closed", "stopped", "opening", "closing"))
    choices = ("open", "closed", "stopped")
    features = {
        Trait.OPENING: Feature(shape, settable=True, reads=states, choices=choices),
        Trait.POSITION: both_ways(_PERCENT, where, 2.0),
    }
    command = f"{device.command}Shutter"
    says = [
        Says(Trait.POSITION, f"{command}Position{number + 1}", position),
        Says(Trait.OPENING, f"{command}Open{number + 1}", word, "open"),
        Says(Trait.OPENING, f"{command}Close{number + 1}", word, "closed"),
        Says(Trait.OPENING, f"{command}Stop{number + 1}", word, "stopped"),
    ]
    low, high = device.tilts[number] if number < len(device.tilts) else (0, 0)
    if low < high:
        tilt = Number(scale=(high - low) / 100, offset=low, whole=True)
        reads = tuple(
            r for topic, path in topics for r in told_by((topic,), ((*path, "Tilt"),), tilt)
        )
        features[Trait.TILT] = both_ways(_PERCENT, reads, 2.0)
        says.append(Says(Trait.TILT, f"{command}Tilt{number + 1}", tilt))
    writer = CommandWriter(tuple(says), ((Trait.OPENING, Trait.POSITION),))
    name = device.relay_name(first)
    return thing(device, f"shutter_{number + 1}", Kind.COVER, name, features, writer)


def _fan(device: Announced) -> Iterator[Thing]:
    if not device.fan:
        return
    topic, speed, power = f"{device.command}FanSpeed", FanSpeed(), FanPower()
    features = {
        Trait.POWER: both_ways(Flag(), _told(device, "FanSpeed", power)),
        Trait.SPEED: both_ways(_PERCENT, _told(device, "FanSpeed", speed), 17.0),
    }
    says = (Says(Trait.POWER, topic, power), Says(Trait.SPEED, topic, speed))
    writer = CommandWriter(says, ((Trait.POWER, Trait.SPEED),))
    yield thing(device, "fan", Kind.FAN, f"{device.name} fan", features, writer)
