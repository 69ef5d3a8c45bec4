"""Sensors: what is only read. Pure."""

from appliance.tools.devices.model import Choice, Flag, Range, Shape, Trait, Words
from appliance.tools.discovery.homeassistant import meanings
from appliance.tools.discovery.homeassistant.entry import Draft

_LARGEST = 2_147_483_647.0
_TEXTS = ("enum", "timestamp", "date")
"""Device classes of sensors that tell no number."""


def build_sensor(draft: Draft) -> None:
    """Make the thing."""
    options = draft.words("options")
    unit = draft.text("unit_of_measurement")
    device_class = draft.text("device_class")
    meaning: meanings.Meaning = meanings.OneOf(options)
    shape: Shape = Choice(options) if options else Words()
    numeric = unit or draft.has("state_class") or draft.has("suggested_display_precision")
    if not options and device_class not in _TEXTS and (numeric or device_class):
        meaning, shape = meanings.Number(), Range(-_LARGEST, _LARGEST, 0, unit)
    draft.add(Trait.READING, shape, draft.reads("state_topic", "value_template", meaning))


def build_binary_sensor(draft: Draft) -> None:
    """Make the thing."""
    on, off = draft.text("payload_on", "ON"), draft.text("payload_off", "OFF")
    meaning = meanings.words({on: True, off: False})
    draft.add(Trait.READING, Flag(), draft.reads("state_topic", "value_template", meaning))
