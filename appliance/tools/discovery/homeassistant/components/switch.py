"""Switches. Pure."""

from appliance.tools.devices.model import Flag, Trait
from appliance.tools.discovery.homeassistant import meanings
from appliance.tools.discovery.homeassistant.entry import Draft
from appliance.tools.discovery.homeassistant.writing import Word


def build(draft: Draft) -> None:
    """Make the thing."""
    on, off = draft.text("payload_on", "ON"), draft.text("payload_off", "OFF")
    command = draft.command("command_topic", "command_template")
    meaning = meanings.words(
        {draft.text("state_on", on): True, draft.text("state_off", off): False}
    )
    draft.add(
        Trait.POWER,
        Flag(),
        draft.reads("state_topic", "value_template", meaning),
        None if command is None else Word(command, ((True, on), (False, off))),
    )
