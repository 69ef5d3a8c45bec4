"""Climates: thermostats, radiators' valves, air conditioners. Pure."""

from appliance.tools.devices.model import Range, Trait
from appliance.tools.discovery.homeassistant.components.aims import (
    action,
    aim,
    current,
    modes,
    power,
    unit_of,
)
from appliance.tools.discovery.homeassistant.entry import Draft

_MODES = ("auto", "off", "cool", "heat", "dry", "fan_only")
_FAN_MODES = ("auto", "low", "medium", "high")
_SWING_MODES = ("on", "off")
_ACTIONS = ("off", "preheating", "heating", "cooling", "drying", "idle", "fan", "defrosting")


def build(draft: Draft) -> None:
    """Make the thing."""
    unit = unit_of(draft)
    fahrenheit = unit == "°F"
    modes(draft, Trait.MODE, "mode", draft.words("modes", _MODES))
    power(draft)
    shape = Range(
        draft.number("min_temp", 44.6 if fahrenheit else 7),
        draft.number("max_temp", 95 if fahrenheit else 35),
        draft.number("temp_step", 1),
        unit,
    )
    aim(draft, Trait.TEMPERATURE, "temperature", shape)
    aim(draft, Trait.TEMPERATURE_LOW, "temperature_low", shape)
    aim(draft, Trait.TEMPERATURE_HIGH, "temperature_high", shape)
    current(draft, Trait.CURRENT_TEMPERATURE, "current_temperature", unit)
    humidity = Range(draft.number("min_humidity", 30), draft.number("max_humidity", 99), 1, "%")
    aim(draft, Trait.HUMIDITY, "target_humidity", humidity)
    current(draft, Trait.CURRENT_HUMIDITY, "current_humidity", "%")
    modes(draft, Trait.FAN_MODE, "fan_mode", draft.words("fan_modes", _FAN_MODES))
    modes(draft, Trait.SWING_MODE, "swing_mode", draft.words("swing_modes", _SWING_MODES))
    presets = draft.words("preset_modes")
    if presets:
        modes(draft, Trait.PRESET, "preset_mode", ("none", *presets), "value_template")
    action(draft, _ACTIONS)
