"""Humidifiers and dehumidifiers. Pure."""

from appliance.tools.devices.model import Flag, Range, Trait
from appliance.tools.discovery.homeassistant import meanings
from appliance.tools.discovery.homeassistant.components.aims import action, aim, current, modes
from appliance.tools.discovery.homeassistant.entry import Draft
from appliance.tools.discovery.homeassistant.writing import Word

_ACTIONS = ("off", "humidifying", "drying", "idle")


def build(draft: Draft) -> None:
    """Make the thing."""
    on, off = draft.text("payload_on", "ON"), draft.text("payload_off", "OFF")
    command = draft.command("command_topic", "command_template")
    meaning = meanings.words({on: True, off: False})
    draft.add(
        Trait.POWER,
        Flag(),
        draft.reads("state_topic", ("state_value_template", "value_template"), meaning),
        None if command is None else Word(command, ((True, on), (False, off))),
    )
    shape = Range(draft.number("min_humidity", 0), draft.number("max_humidity", 100), 1, "%")
    aim(draft, Trait.HUMIDITY, "target_humidity", shape)
    words = draft.words("modes")
    if words:
        modes(draft, Trait.MODE, "mode", words)
    current(draft, Trait.CURRENT_HUMIDITY, "current_humidity", "%")
    action(draft, _ACTIONS)
