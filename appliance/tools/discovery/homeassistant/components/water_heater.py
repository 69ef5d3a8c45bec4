"""Water heaters. Pure."""

from appliance.tools.devices.model import Range, Trait
from appliance.tools.discovery.homeassistant.components.aims import (
    aim,
    current,
    modes,
    power,
    unit_of,
)
from appliance.tools.discovery.homeassistant.entry import Draft

_MODES = ("off", "eco", "electric", "gas", "heat_pump", "high_demand", "performance")


def build(draft: Draft) -> None:
    """Make the thing."""
    unit = unit_of(draft)
    fahrenheit = unit == "°F"
    modes(draft, Trait.MODE, "mode", draft.words("modes", _MODES))
    power(draft)
    shape = Range(
        draft.number("min_temp", 110 if fahrenheit else 43.3),
        draft.number("max_temp", 140 if fahrenheit else 60),
        draft.number("precision", 0.1),
        unit,
    )
    aim(draft, Trait.TEMPERATURE, "temperature", shape)
    current(draft, Trait.CURRENT_TEMPERATURE, "current_temperature", unit)
