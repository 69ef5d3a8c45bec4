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
from appliance.tools.discovery.readers import InJson
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
    topics = (f"{device.stat}RESULT", f"{device.tele}STATE")
    reads = list(told_by(topics, paths, codec))
    reads += [plain(f"{device.stat}{name}", paths, codec) for name in names]
    return both_ways(Flag(), tuple(reads))


def _switches(device: Announced, index: int) -> Says:
    codec = on_off(device.on, device.off)
    return Says(Trait.POWER, f"{device.command}POWER{index + 1}", codec)


def _relay(device: Announced, index: int) -> Thing:
    kind = Kind.LIGHT if device.set_option(30) or device.fan else Kind.SWITCH
    features = {Trait.POWER: _power(device, index)}
    writer = CommandWriter((_switches(device, index),))
    return thing(device, f"relay_{index + 1}", kind, device.relay_name(index), features, writer)


def _light(device: Announced, index: int) -> Thing:
    dimmer, told, kind, suffix = _channels(device, index)
    features = {Trait.POWER: _power(device, index)}
    says: list[Says] = []

    def add(trait: Trait, command: str, codec: Codec, feature: Feature) -> None:
        says.append(Says(trait, f"{device.command}{command}", codec))
        features[trait] = feature

    if kind:
        percent: Codec = Percent(0, 100)
        reads = _told(device, told, percent, dimmer)
        add(Trait.BRIGHTNESS, dimmer, percent, both_ways(_PERCENT, reads, 1.0))
    if kind >= _RGB:
        colour: Codec = HsbColour(suffix)
        reads = _told(device, "HSBColor", colour, "Color2", "Color")
        add(Trait.COLOR, "Color2", colour, both_ways(Colour(), reads))
    if kind in (_COLD_WARM, _RGBCW):
        low, high = (200, 380) if device.set_option(82) else (153, 500)
        mired: Codec = Mired(low, high)
        shape = Range(round(1e6 / high), round(1e6 / low), 1, "K")
        reads = _told(device, "CT", mired)
        add(Trait.COLOR_TEMPERATURE, "CT", mired, both_ways(shape, reads, 60.0))
    # "Dimmer 30" switches on, too, unless SetOption20; "off" must be said, and said last
    says.append(_switches(device, index))
    key, name = f"light_{index + 1}", device.relay_name(index)
    return thing(device, key, Kind.LIGHT, name, features, CommandWriter(tuple(says)))


def _channels(device: Announced, index: int) -> tuple[str, str, int, str]:
    """Return the dimmer's command, the key that tells it, the light's kind, colours' suffix."""
    if device.fan:
        return "Dimmer", "Dimmer", 0, ""  # its light is a relay
    if device.set_option(68):  # every channel a lamp of its own
        channel = f"Channel{index + 1}"
        return channel, channel, 1, ""
    if device.light >= _RGBW and not device.linked:
        place = index - device.relays.index(LIGHT)
        if place == 0:
            return "Dimmer1", "Dimmer1", _RGB, "="
        return "Dimmer2", "Dimmer2", 1 if device.light == _RGBW else _COLD_WARM, ""
    if device.tuya:
        return "Dimmer3", "Dimmer", device.light, ""
    return "Dimmer", "Dimmer", device.light, ""


def _shutters(relays: tuple[int, ...]) -> list[int]:
    """Return the first relay of each pair."""
    found: list[int] = []
    index = 0
    while index + 1 < len(relays) and len(found) < 16:
        if relays[index] == SHUTTER and relays[index + 1] == SHUTTER:
            found.append(index)
            index += 1
        index += 1
    return found


def _shutter(device: Announced, number: int, first: int) -> Thing:
    key = f"Shutter{number + 1}"
    inverted = number < len(device.inverted) and device.inverted[number]
    topics = _shutter_topics(device, key)
    position, word = Position(inverted), ShutterCommand()
    where = _in_each(topics, "Position", position)
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
        reads = _in_each(topics, "Tilt", tilt)
        features[Trait.TILT] = both_ways(_PERCENT, reads, 2.0)
        says.append(Says(Trait.TILT, f"{command}Tilt{number + 1}", tilt))
    writer = CommandWriter(tuple(says), ((Trait.OPENING, Trait.POSITION),))
    name = device.relay_name(first)
    return thing(device, f"shutter_{number + 1}", Kind.COVER, name, features, writer)


def _shutter_topics(device: Announced, key: str) -> list[tuple[str, Path]]:
    topics: list[tuple[str, Path]] = [
        (f"{device.stat}RESULT", (key,)),
        (f"{device.tele}SENSOR", (key,)),
        (f"{device.stat}STATUS10", ("StatusSNS", key)),
    ]
    if device.set_option(4):
        topics.append((f"{device.stat}SHUTTERPOSITION", (key,)))
    return topics


def _in_each(topics: list[tuple[str, Path]], key: str, codec: Codec) -> tuple[Reader, ...]:
    return tuple(InJson(topic, (*path, key), codec) for topic, path in topics)


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
