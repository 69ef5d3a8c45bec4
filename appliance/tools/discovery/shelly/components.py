"""What a Shelly's components are: relays, covers, lights, thermostats. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from appliance.tools.devices.model import (
    Availability,
    Choice,
    Colour,
    Feature,
    Flag,
    Kind,
    LeftOut,
    Range,
    Source,
    Thing,
    Trait,
    Writer,
)
from appliance.tools.discovery.codecs import (
    Codec,
    Fixed,
    Number,
    Percent,
    RgbList,
    Table,
    on_off,
)
from appliance.tools.discovery.payloads import dig, number, table, text
from appliance.tools.discovery.readers import Plain
from appliance.tools.discovery.shelly.readings import Reading, readings
from appliance.tools.discovery.shelly.rpc import Call, Device, RpcWriter, both_ways, reads

MOST_COMPONENTS: Final = 200
_KEY: Final = re.compile(r"([a-z][a-z0-9]{1,30}):(\d{1,3})")
_PERCENT: Final = Range(0, 100, 1, "%")
_FLAG: Final = on_off(on=True, off=False)
_ONLINE: Final = on_off("true", "false")
_COVER: Final = Table(
    (
        ("open", "open"), ("closed", "closed"), ("stopped", "stopped"), ("opening", "opening"),
        ("closing", "closing"),
    )
)  # fmt: skip
_QUIET: Final = frozenset(
    {"script", "schedule", "webhook", "ws", "em1data", "emdata", "bthome", "blutrv", "group"}
)
"""Components that are nothing in a room, and need no mention."""


@dataclass(frozen=True, slots=True)
class Component:
    """One component: ``switch:0``."""

    device: Device
    key: str
    number: int
    label: str
    """How it is called, the device's name included."""

    status: Mapping[str, object]
    config: Mapping[str, object]

    def thing(
        self,
        kind: Kind,
        features: Mapping[Trait, Feature],
        writer: Writer | None,
        *,
        main: bool = True,
    ) -> Thing:
        """Return it as a thing."""
        return thing(self, self.key.replace(":", "_"), self.label, kind, features, writer, main)


def thing(  # noqa: PLR0913, PLR0917 - all that a thing is
    one: Component,
    key: str,
    name: str,
    kind: Kind,
    features: Mapping[Trait, Feature],
    writer: Writer | None,
    main: bool,  # noqa: FBT001 - as above
    device_class: str = "",
) -> Thing:
    """Return a thing of a device."""
    device = one.device
    return Thing(
        f"shelly:{device.mac}:{key}",
        Source.SHELLY,
        kind,
        name,
        device.name,
        frozenset({f"mac:{device.mac}", f"shelly:{device.id}"}),
        features,
        writer,
        Availability((Plain(f"{device.prefix}/online", _ONLINE),)),
        device_class,
        main=main,
    )


def things_of(
    device: Device, status: Mapping[str, object], config: Mapping[str, object]
) -> tuple[tuple[Thing, ...], tuple[LeftOut, ...]]:
    """Return what a device is, and what became nothing."""
    things: list[Thing] = []
    lost: list[LeftOut] = []
    found = [match for key in list(status)[:MOST_COMPONENTS] if (match := _KEY.fullmatch(key))]
    for match in found:
        what, key = match[1], match[0]
        alike = sum(1 for other in found if other[1] == what)
        one = _component(device, match, alike, table(status[key]), table(config.get(key)))
        if what in _QUIET:
            continue
        if what == "input" and one.config.get("type") == "button":
            lost.append(LeftOut(one.label, "event_only"))
            continue
        made = _MAKERS[what](one) if what in _MAKERS else ()
        rest = tuple(_reading(one, told) for told in readings(what, one.status, one.config))
        if not made and not rest:
            lost.append(LeftOut(one.label, "shelly_component"))
        things += [*made, *rest]
    return tuple(things), tuple(lost)


def _component(
    device: Device,
    match: re.Match[str],
    alike: int,
    status: Mapping[str, object],
    config: Mapping[str, object],
) -> Component:
    what, number_, name = match[1], int(match[2]), text(config.get("name"), 120)
    if not name:
        name = device.name
        if alike > 1:
            name += f" {number_ + 1}" if what in _MAKERS else f" {what} {number_ + 1}"
    return Component(device, match[0], number_, name, status, config)


def _reading(one: Component, told: Reading) -> Thing:
    shape = told.shape
    feature = Feature(shape, reads=reads(one.device, one.key, told.path, told.codec))
    key = f"{one.key.replace(':', '_')}_{'_'.join(told.path)}"
    name = one.label if told.alone else f"{one.label} {told.label}"
    kind = Kind.BINARY_SENSOR if isinstance(shape, Flag) else Kind.SENSOR
    features = {Trait.READING: feature}
    return thing(one, key, name, kind, features, None, told.main, told.device_class)


def _both(
    one: Component, *path: str, shape: Range | Flag | Colour, codec: Codec, tolerance: float = 0.0
) -> Feature:
    return both_ways(shape, reads(one.device, one.key, path, codec), tolerance)


def _switch(one: Component) -> tuple[Thing, ...]:
    features = {Trait.POWER: _both(one, "output", shape=Flag(), codec=_FLAG)}
    calls = (Call(Trait.POWER, "Switch.Set", ("on",), _FLAG),)
    return (one.thing(Kind.SWITCH, features, RpcWriter(one.device, one.number, calls)),)


def _lamp(method: str) -> Callable[[Component], tuple[Thing, ...]]:
    def make(one: Component) -> tuple[Thing, ...]:
        percent: Codec = Percent(0, 100)
        features = {Trait.POWER: _both(one, "output", shape=Flag(), codec=_FLAG)}
        calls = [Call(Trait.POWER, method, ("on",), _FLAG)]
        if "brightness" in one.status:
            feature = _both(one, "brightness", shape=_PERCENT, codec=percent, tolerance=1.0)
            features[Trait.BRIGHTNESS] = feature
            calls.append(Call(Trait.BRIGHTNESS, method, ("brightness",), percent))
        if "rgb" in one.status:
            colour: Codec = RgbList()
            features[Trait.COLOR] = _both(one, "rgb", shape=Colour(), codec=colour)
            calls.append(Call(Trait.COLOR, method, ("rgb",), colour))
        if "ct" in one.status:
            kelvin: Codec = Number(whole=True)
            shape = _kelvin(one.config)
            feature = _both(one, "ct", shape=shape, codec=kelvin, tolerance=50.0)
            features[Trait.COLOR_TEMPERATURE] = feature
            calls.append(Call(Trait.COLOR_TEMPERATURE, method, ("ct",), kelvin))
        writer = RpcWriter(one.device, one.number, tuple(calls))
        return (one.thing(Kind.LIGHT, features, writer),)

    return make


def _kelvin(config: Mapping[str, object]) -> Range:
    low = number(dig(config, ("ct_range", 0)))
    high = number(dig(config, ("ct_range", 1)))
    if low is None or high is None or not 500 <= low < high <= 20_000:
        low, high = 2700, 6500
    return Range(low, high, 1, "K")


def _cover(one: Component) -> tuple[Thing, ...]:
    percent: Codec = Percent(0, 100)
    shape = Choice(("open", "closed", "stopped", "opening", "closing"))
    told = reads(one.device, one.key, ("state",), _COVER)
    choices = ("open", "closed", "stopped")
    features = {Trait.OPENING: Feature(shape, settable=True, reads=told, choices=choices)}
    go = "Cover.GoToPosition"
    calls = [
        Call(Trait.OPENING, "Cover.Open", (), Fixed(""), "open"),
        Call(Trait.OPENING, "Cover.Close", (), Fixed(""), "closed"),
        Call(Trait.OPENING, "Cover.Stop", (), Fixed(""), "stopped"),
    ]
    if one.status.get("pos_control") is True:
        feature = _both(one, "current_pos", shape=_PERCENT, codec=percent, tolerance=2.0)
        features[Trait.POSITION] = feature
        calls.append(Call(Trait.POSITION, go, ("pos",), percent))
        if dig(one.config, ("slat", "enable")) is True:
            feature = _both(one, "slat_pos", shape=_PERCENT, codec=percent, tolerance=2.0)
            features[Trait.TILT] = feature
            calls.append(Call(Trait.TILT, go, ("slat_pos",), percent))
    implied = ((Trait.OPENING, Trait.POSITION),)
    writer = RpcWriter(one.device, one.number, tuple(calls), implied)
    return (one.thing(Kind.COVER, features, writer),)


def _thermostat(one: Component) -> tuple[Thing, ...]:
    degrees: Codec = Number()
    mode = Table(((True, "heat"), (False, "off")))
    if one.config.get("type") == "cooling":
        mode = Table(((True, "cool"), (False, "off")))
    modes = Choice(tuple(str(value) for _, value in mode.pairs))
    shape = Range(5, 35, 0.5, "°C")
    current = reads(one.device, one.key, ("current_C",), degrees)
    features = {
        Trait.TEMPERATURE: _both(one, "target_C", shape=shape, codec=degrees, tolerance=0.25),
        Trait.CURRENT_TEMPERATURE: Feature(Range(-50, 100, 0, "°C"), reads=current),
        Trait.MODE: both_ways(modes, reads(one.device, one.key, ("enable",), mode)),
    }
    calls = (
        Call(Trait.TEMPERATURE, "Thermostat.SetConfig", ("config", "target_C"), degrees),
        Call(Trait.MODE, "Thermostat.SetConfig", ("config", "enable"), mode),
    )
    return (one.thing(Kind.CLIMATE, features, RpcWriter(one.device, one.number, calls)),)


_MAKERS: Final[Mapping[str, Callable[[Component], tuple[Thing, ...]]]] = {
    "switch": _switch,
    "cover": _cover,
    "light": _lamp("Light.Set"),
    "rgb": _lamp("RGB.Set"),
    "rgbw": _lamp("RGBW.Set"),
    "cct": _lamp("CCT.Set"),
    "rgbcct": _lamp("RGBCCT.Set"),
    "thermostat": _thermostat,
}
