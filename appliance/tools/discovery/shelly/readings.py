"""What a Shelly's components only tell. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from appliance.tools.devices.model import Flag, Range, Shape
from appliance.tools.discovery.codecs import Codec, Number, on_off
from appliance.tools.discovery.payloads import dig

LARGEST: Final = 2.0**53


@dataclass(frozen=True, slots=True)
class Reading:
    """One field that is told."""

    path: tuple[str, ...]
    label: str
    shape: Shape
    codec: Codec
    device_class: str = ""
    main: bool = True
    alone: bool = False
    """It is what the component is there for: it bears its name."""


def _number(
    path: str, label: str, unit: str, device_class: str, *, main: bool = True, alone: bool = False
) -> Reading:
    shape = Range(-LARGEST, LARGEST, 0, unit)
    return Reading(tuple(path.split(".")), label, shape, Number(), device_class, main, alone)


def _flag(path: str, label: str, device_class: str, *, alone: bool = False) -> Reading:
    codec = on_off(on=True, off=False)
    return Reading((path,), label, Flag(), codec, device_class, alone=alone)


_POWER: Final = _number("apower", "power", "W", "power")
_METERED: Final = (
    _POWER,
    _number("aenergy.total", "energy", "Wh", "energy"),
    _number("voltage", "voltage", "V", "voltage", main=False),
    _number("current", "current", "A", "current", main=False),
    _number("temperature.tC", "device temperature", "°C", "temperature", main=False),
)
_READINGS: Final[Mapping[str, tuple[Reading, ...]]] = {
    **dict.fromkeys(("switch", "light", "cover", "rgb", "rgbw", "cct", "rgbcct"), _METERED),
    "pm1": _METERED,
    "em1": (
        _number("act_power", "power", "W", "power"),
        _number("voltage", "voltage", "V", "voltage", main=False),
        _number("current", "current", "A", "current", main=False),
    ),
    "em": (
        _number("total_act_power", "power", "W", "power"),
        *(
            _number(f"{phase}_act_power", f"power {phase}", "W", "power", main=False)
            for phase in ("a", "b", "c")
        ),
    ),
    "temperature": (_number("tC", "temperature", "°C", "temperature"),),
    "humidity": (_number("rh", "humidity", "%", "humidity"),),
    "illuminance": (_number("lux", "illuminance", "lx", "illuminance"),),
    "voltmeter": (_number("voltage", "voltage", "V", "voltage"),),
    "devicepower": (_number("battery.percent", "battery", "%", "battery", main=False),),
    "smoke": (_flag("alarm", "smoke", "smoke"),),
    "flood": (_flag("alarm", "flood", "moisture"),),
    "presence": (_flag("presence", "presence", "occupancy"),),
    "input": (
        _flag("state", "input", "", alone=True),
        _number("percent", "input", "%", "", alone=True),
        _number("counts.total", "count", "", "", main=False),
    ),
}


def readings(
    what: str, status: Mapping[str, object], config: Mapping[str, object]
) -> Iterator[Reading]:
    """Yield what a component tells.

    Args:
        what: ``switch``, ``temperature`` …
        status: Its status: what it does not have is not told.
        config: Its settings.
    """
    kind = config.get("type")
    for reading in _READINGS.get(what, ()):
        if what == "input" and not _fits(reading, kind):
            continue
        below = dig(status, reading.path[:-1])
        if isinstance(below, Mapping) and reading.path[-1] in below:
            yield reading


def _fits(reading: Reading, kind: object) -> bool:
    wanted = {"state": "switch", "percent": "analog", "counts": "count"}[reading.path[0]]
    return kind in (wanted, None)
