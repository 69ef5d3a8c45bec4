"""The components of Home Assistant's discovery: what kind of thing each is, and who reads it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from appliance.tools.devices.model import Kind
from appliance.tools.discovery.homeassistant.components import (
    alarm,
    climate,
    cover,
    fan,
    humidifier,
    light,
    lock,
    robots,
    sensors,
    siren,
    switch,
    values,
    valve,
    water_heater,
)
from appliance.tools.discovery.homeassistant.entry import Draft

Build = Callable[[Draft], None]

COMPONENTS: Mapping[str, tuple[Kind, Build]] = MappingProxyType(
    {
        "alarm_control_panel": (Kind.ALARM, alarm.build),
        "binary_sensor": (Kind.BINARY_SENSOR, sensors.build_binary_sensor),
        "button": (Kind.BUTTON, values.build_button),
        "climate": (Kind.CLIMATE, climate.build),
        "cover": (Kind.COVER, cover.build),
        "fan": (Kind.FAN, fan.build),
        "humidifier": (Kind.HUMIDIFIER, humidifier.build),
        "lawn_mower": (Kind.MOWER, robots.build_mower),
        "light": (Kind.LIGHT, light.build),
        "lock": (Kind.LOCK, lock.build),
        "number": (Kind.NUMBER, values.build_number),
        "scene": (Kind.SCENE, values.build_scene),
        "select": (Kind.SELECT, values.build_select),
        "sensor": (Kind.SENSOR, sensors.build_sensor),
        "siren": (Kind.SIREN, siren.build),
        "switch": (Kind.SWITCH, switch.build),
        "text": (Kind.TEXT, values.build_text),
        "vacuum": (Kind.VACUUM, robots.build_vacuum),
        "valve": (Kind.VALVE, valve.build),
        "water_heater": (Kind.WATER_HEATER, water_heater.build),
    }
)
"""Those that become things, by their name in topics."""

OTHERS: Mapping[str, str] = MappingProxyType(
    {
        "update": "update",
        **dict.fromkeys(
            (
                "camera",
                "date",
                "datetime",
                "device_automation",
                "device_tracker",
                "event",
                "image",
                "notify",
                "tag",
                "time",
            ),
            "no_thing",
        ),
    }
)
"""Those that do not, and by which rule; every other is left out by ``no_component``."""
