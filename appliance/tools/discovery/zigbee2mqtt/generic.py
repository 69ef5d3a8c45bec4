"""Numbers, words, flags and texts: exposes that only say what they look like. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from appliance.tools.devices.model import Choice, Flag, Kind, Press, Range, Shape, Trait, Words
from appliance.tools.discovery.codecs import Codec, Fixed, Number, Scalar, Table, Text
from appliance.tools.discovery.payloads import number, rows, text, word
from appliance.tools.discovery.zigbee2mqtt.hints import Hints
from appliance.tools.discovery.zigbee2mqtt.parts import (
    PUBLISHED,
    SETTABLE,
    Expose,
    Missed,
    Part,
    Piece,
    access_of,
    label_of,
)

MOST_VALUES: Final = 500
LARGEST: Final = 2_147_483_647.0

_MEASURED: Final[Mapping[str, str]] = {
    "temperature": "temperature", "local_temperature": "temperature", "humidity": "humidity",
    "pressure": "pressure", "illuminance": "illuminance", "illuminance_lux": "illuminance",
    "co2": "carbon_dioxide", "co": "carbon_monoxide", "pm1": "pm1", "pm25": "pm25",
    "pm10": "pm10", "voc": "volatile_organic_compounds", "voc_index": "aqi", "aqi": "aqi",
    "formaldehyd": "", "hcho": "", "soil_moisture": "moisture", "power": "power",
    "energy": "energy", "contact": "opening", "occupancy": "occupancy", "presence": "occupancy",
    "motion": "motion", "water_leak": "moisture", "smoke": "smoke", "gas": "gas",
    "carbon_monoxide": "carbon_monoxide", "vibration": "vibration", "noise": "sound_pressure",
    "rain": "moisture", "rain_intensity": "", "wind_speed": "wind_speed", "uv_index": "",
    "garage_door_contact": "garage_door", "flow": "", "water_flow": "",
}  # fmt: skip
"""What people ask a sensor, with Home Assistant's word for it."""

_ASIDE: Final[Mapping[str, str]] = {
    "battery": "battery", "battery_low": "battery", "voltage": "voltage", "current": "current",
    "tamper": "tamper", "device_temperature": "temperature", "linkquality": "",
    "power_factor": "power_factor", "ac_frequency": "frequency",
}  # fmt: skip
"""What is measured besides."""

_DOES: Final = frozenset({
    "state", "alarm", "siren", "valve", "valve_state", "water_valve", "switch", "trigger", "mode",
    "fan_mode", "fan_speed", "position", "percent_state", "feed", "start", "stop", "brightness",
})  # fmt: skip
"""Settable properties that are what a device is for, where it says nothing more exact."""

_VALVE: Final = re.compile(r"(^|_)valve(_state|_status|_switch)?$")
_WHICH: Final = re.compile(r"(_alarm)?(_l?\d+|_[a-z]|_(left|right|center|top|bottom))$")
_EVENTS: Final = frozenset({"action", "action_angle", "action_duration", "click"})


def scalar(value: object) -> str | float | bool | None:
    """Return a raw value that a table may hold; ``None``: it is none."""
    if isinstance(value, str):
        return value if len(value) <= 255 else None
    if isinstance(value, bool):
        return value
    found = number(value)
    return None if found is None else value if isinstance(value, int) else found


def on_and_off(expose: Expose) -> tuple[str | float | bool, str | float | bool] | None:
    """Return how a flag says yes and no; ``None``: it does not say."""
    on, off = scalar(expose.get("value_on")), scalar(expose.get("value_off"))
    if on is None or off is None or (on == off and isinstance(on, bool) is isinstance(off, bool)):
        return None
    return on, off


def as_valve(power: Piece) -> Piece:
    """Return a relay as the valve that it moves: on is open."""
    words: dict[object, str] = {True: "open", False: "closed"}
    pairs = power.codec.pairs if isinstance(power.codec, Table) else ()
    codec = Table(tuple((raw, words[value]) for raw, value in pairs if value in words))
    return Piece(Trait.OPENING, power.prop, Choice(("open", "closed")), codec, power.access)


def generic(expose: Expose, hints: Hints, *, main: bool) -> tuple[list[Part], list[Missed]]:
    """Return the part that a generic expose is, or why it is none.

    Args:
        expose: Of any type.
        hints: What the device is for.
        main: Whether nothing says more exactly what the device is for.
    """
    label = label_of(expose)
    what, name = text(expose.get("type"), 40), text(expose.get("name"))
    prop, access = word(expose.get("property")), access_of(expose)
    if what in ("composite", "list"):
        return [], [(label, what)]
    if what not in _MAKERS or not prop:
        return [], [(label, "unknown_type")]
    if not access & (PUBLISHED | SETTABLE):
        return [], [(label, "no_access")]
    if name in _EVENTS and not access & SETTABLE:
        return [], [(label, "event_only")]
    made = _MAKERS[what](expose, prop, access)
    if made is None:
        return [], [(label, "no_values")]
    kind, piece = made
    base = _base(name)
    device_class = _MEASURED.get(base) or _ASIDE.get(base, "")
    if not access & SETTABLE:
        shown = not _aside(expose) and base in _MEASURED
        return [Part(prop, kind, (piece,), label, device_class, main=shown)], []
    moves = hints.moves
    valve = _VALVE.search(base) is not None or (hints.valve and base in ("state", "switch"))
    if kind is Kind.SWITCH and valve:
        kind, piece = Kind.VALVE, as_valve(piece)
        moves = moves or ("gas" if "gas" in base else "")
    shown = main and not _aside(expose) and (base in _DOES or kind is Kind.VALVE)
    device_class = ("" if _aside(expose) else moves) or device_class
    return [Part(prop, kind, (piece,), label, device_class, main=shown)], []


def _base(name: str) -> str:
    """Return what a name says without which of several it is."""
    return _WHICH.sub("", name)


def _aside(expose: Expose) -> bool:
    return expose.get("category") in ("config", "diagnostic")


def _binary(expose: Expose, prop: str, access: int) -> tuple[Kind, Piece] | None:
    pair = on_and_off(expose)
    if pair is None:
        return None
    codec = Table(((pair[0], True), (pair[1], False)))
    if access & SETTABLE:
        return Kind.SWITCH, Piece(Trait.POWER, prop, Flag(), codec, access)
    if prop.startswith("contact") or expose.get("name") == "contact":
        codec = Table(((True, False), (False, True)))  # contact: closed
    return Kind.BINARY_SENSOR, Piece(Trait.READING, prop, Flag(), codec, access)


def _numeric(expose: Expose, prop: str, access: int) -> tuple[Kind, Piece] | None:
    unit = text(expose.get("unit"), 20)
    low, high = number(expose.get("value_min")), number(expose.get("value_max"))
    least, most = -LARGEST if low is None else low, LARGEST if high is None else high
    if least > most:
        return None
    step = abs(number(expose.get("value_step")) or 0.0)
    shape = Range(least, most, step, unit)
    if access & SETTABLE:
        return Kind.NUMBER, Piece(Trait.VALUE, prop, shape, Number(), access, step / 2)
    return Kind.SENSOR, Piece(Trait.READING, prop, shape, Number(), access)


def _enum(expose: Expose, prop: str, access: int) -> tuple[Kind, Piece] | None:
    found = [scalar(value) for value in rows(expose.get("values"), MOST_VALUES)]
    pairs = tuple((raw, str(raw)) for raw in dict.fromkeys(found) if raw is not None and raw != "")
    if not pairs:
        return None
    if not access & SETTABLE:
        return Kind.SENSOR, Piece(Trait.READING, prop, Words(), Scalar(), access)
    if len(pairs) == 1 and not access & PUBLISHED:
        return Kind.BUTTON, Piece(Trait.PRESS, prop, Press(), Fixed(pairs[0][0]), access)
    shape = Choice(tuple(dict.fromkeys(word for _, word in pairs)))
    return Kind.SELECT, Piece(Trait.OPTION, prop, shape, Table(pairs), access)


def _text(expose: Expose, prop: str, access: int) -> tuple[Kind, Piece] | None:
    del expose
    shape: Shape = Words()
    codec: Codec = Text()
    if access & SETTABLE:
        return Kind.TEXT, Piece(Trait.TEXT, prop, shape, codec, access)
    return Kind.SENSOR, Piece(Trait.READING, prop, shape, codec, access)


_MAKERS: Final[Mapping[str, Callable[[Expose, str, int], tuple[Kind, Piece] | None]]] = {
    "binary": _binary,
    "numeric": _numeric,
    "enum": _enum,
    "text": _text,
}
