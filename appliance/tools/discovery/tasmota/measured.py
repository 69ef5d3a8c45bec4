"""Sensors and switches of a Tasmota device. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from appliance.tools.devices.model import Feature, Flag, Kind, LeftOut, Range, Thing, Trait
from appliance.tools.discovery.codecs import Number, on_off
from appliance.tools.discovery.payloads import Path, table, text
from appliance.tools.discovery.tasmota.announced import Announced
from appliance.tools.discovery.tasmota.outputs import thing
from appliance.tools.discovery.tasmota.terms import told_by

MOST_SENSORS: Final = 100
LARGEST: Final = 2.0**53
_OTHERS: Final = re.compile(r"(Shutter|Switch|Time|Id$|TempUnit|SpeedUnit|PressureUnit|Epoch)")

_FOLLOWS: Final = frozenset({1, 2, 3, 4, 5, 6, 9, 10, 15, 16})
"""Modes of switches that say whether the contact is closed; in the others they only toggle."""

_QUANTITIES: Final[Mapping[str, tuple[str, str, bool]]] = {
    "Temperature": ("temperature", "°C", True), "Humidity": ("humidity", "%", True),
    "DewPoint": ("temperature", "°C", False), "Pressure": ("pressure", "hPa", True),
    "SeaPressure": ("pressure", "hPa", False), "Illuminance": ("illuminance", "lx", True),
    "CarbonDioxide": ("carbon_dioxide", "ppm", True), "eCO2": ("carbon_dioxide", "ppm", True),
    "TVOC": ("volatile_organic_compounds_parts", "ppb", True), "PM1": ("pm1", "µg/m³", True),
    "PM2.5": ("pm25", "µg/m³", True), "PM10": ("pm10", "µg/m³", True),
    "Power": ("power", "W", True), "ApparentPower": ("apparent_power", "VA", False),
    "ReactivePower": ("reactive_power", "var", False), "Factor": ("power_factor", "", False),
    "Frequency": ("frequency", "Hz", False), "Voltage": ("voltage", "V", False),
    "Current": ("current", "A", False), "Today": ("energy", "kWh", True),
    "Yesterday": ("energy", "kWh", False), "Total": ("energy", "kWh", True),
    "Distance": ("distance", "cm", True), "Moisture": ("moisture", "%", True),
    "Battery": ("battery", "%", False), "Noise": ("sound_pressure", "dB", True),
    "Weight": ("weight", "kg", True), "UvIndex": ("", "", True),
}  # fmt: skip
"""Home Assistant's word, unit, and whether anybody asks."""


def measured(device: Announced, said: object) -> tuple[list[Thing], list[LeftOut]]:
    """Return the sensors of a ``sensors`` payload, and what became none."""
    sensors = table(table(said).get("sn"))
    units = {
        "temperature": "°F" if sensors.get("TempUnit") == "F" else "°C",
        "pressure": text(sensors.get("PressureUnit"), 10) or "hPa",
    }
    things: list[Thing] = []
    lost: list[LeftOut] = []
    for path in _paths(sensors, ()):
        if len(things) >= MOST_SENSORS:
            lost.append(LeftOut(device.name, "too_many"))
            break
        things.append(_sensor(device, path, units))
    return things, lost


def _paths(value: Mapping[str, object], above: Path) -> Iterator[Path]:
    """Yield where the numbers are, at most three levels deep."""
    for key, one in list(value.items())[:200]:
        if len(key) > 60 or _OTHERS.match(key):
            continue
        path = (*above, key)
        if isinstance(one, Mapping) and len(path) < 3:
            yield from _paths(one, path)
        elif isinstance(one, list) and above:
            yield from ((*path, index) for index, _ in enumerate(one[:8]))
        elif one is None or (isinstance(one, int | float) and not isinstance(one, bool)):
            yield path


def _sensor(device: Announced, path: Path, units: Mapping[str, str]) -> Thing:
    words = [str(step + 1) if isinstance(step, int) else step for step in path]
    quantity = next((step for step in reversed(path) if isinstance(step, str)), "")
    device_class, unit, asked = _QUANTITIES.get(quantity, ("", "", False))
    shape = Range(-LARGEST, LARGEST, 0, units.get(device_class, unit))
    topics = (f"{device.tele}SENSOR",)
    reads = told_by(topics, (path,), Number())
    reads += told_by((f"{device.stat}STATUS10",), (("StatusSNS", *path),), Number())
    made = thing(
        device,
        "sensor_" + "_".join(words),
        Kind.SENSOR,
        f"{device.name} {' '.join(words)}",
        {Trait.READING: Feature(shape, reads=reads)},
        None,
    )
    return replace(made, device_class=device_class, main=asked)


def contacts(device: Announced) -> tuple[list[Thing], list[LeftOut]]:
    """Return its switches as what they are: contacts; its buttons only tell events."""
    things: list[Thing] = []
    lost = [LeftOut(f"{device.name} button", "event_only")] if device.buttons else []
    alone = not any(device.relays)
    for index, mode in enumerate(device.switches):
        if mode < 0:
            continue
        key = f"Switch{index + 1}"
        if mode not in _FOLLOWS:
            lost.append(LeftOut(f"{device.name} {key}", "event_only"))
            continue
        codec = on_off(device.on, device.off)
        paths: tuple[Path, ...] = ((key, "Action"), (key, "State"), (key,))
        topics = (f"{device.stat}RESULT", f"{device.tele}SENSOR", f"{device.stat}{key.upper()}")
        reads = told_by(topics, (*paths, ("STATE",)), codec)
        reads += told_by((f"{device.stat}STATUS10",), (("StatusSNS", key),), codec)
        names = device.switch_names
        name = names[index] if index < len(names) and names[index] else f"{device.name} {key}"
        made = thing(
            device,
            f"switch_{index + 1}",
            Kind.BINARY_SENSOR,
            name,
            {Trait.READING: Feature(Flag(), reads=reads)},
            None,
        )
        things.append(replace(made, main=alone))
    return things, lost
