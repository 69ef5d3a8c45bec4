"""Fans: on and off, a speed in steps, presets, oscillation, direction. Pure."""

import math
from collections.abc import Callable

from appliance.tools.devices.model import Flag, Range, Trait
from appliance.tools.discovery.homeassistant import meanings
from appliance.tools.discovery.homeassistant.entry import Draft, Unfit
from appliance.tools.discovery.homeassistant.writing import Scaled, Word

_DIRECTIONS = ("forward", "reverse")


def build(draft: Draft) -> None:
    """Make the thing.

    Raises:
        Unfit: Its steps are none.
    """
    on, off = draft.text("payload_on", "ON"), draft.text("payload_off", "OFF")
    command = draft.command("command_topic", "command_template")
    meaning = meanings.words({on: True, off: False})
    draft.add(
        Trait.POWER,
        Flag(),
        draft.reads("state_topic", ("state_value_template", "value_template"), meaning),
        None if command is None else Word(command, ((True, on), (False, off))),
    )
    _speed(draft)
    _presets(draft)
    _oscillation(draft)
    command = draft.command("direction_command_topic", "direction_command_template")
    draft.add_words(
        Trait.DIRECTION,
        _DIRECTIONS,
        _DIRECTIONS,
        draft.reads(
            "direction_state_topic", "direction_value_template", meanings.OneOf(_DIRECTIONS)
        ),
        None if command is None else Word(command, tuple((one, one) for one in _DIRECTIONS)),
    )


def _speed(draft: Draft) -> None:
    lowest, highest = draft.number("speed_range_min", 1), draft.number("speed_range_max", 100)
    if not 1 <= lowest < highest:
        raise Unfit
    command = draft.command("percentage_command_topic", "percentage_command_template")
    steps = highest - lowest + 1
    reads = draft.reads(
        "percentage_state_topic",
        "percentage_value_template",
        meanings.Speed(int(lowest), int(highest)),
    )
    draft.add(
        Trait.SPEED,
        Range(0, 100, 1, "%"),
        reads,
        None if command is None else Scaled(command, _step(int(lowest), int(steps))),
        tolerance=max(1.0, math.ceil(100 / steps)),
    )


def _step(lowest: int, steps: int) -> Callable[[float], float]:
    """Return how percent become a step: the next one up, as Home Assistant does; 0 is off."""

    def scale(percent: float) -> float:
        return math.ceil(percent * steps / 100) + lowest - 1 if percent > 0 else 0

    return scale


def _presets(draft: Draft) -> None:
    presets = draft.words("preset_modes")
    if not presets:
        return
    command = draft.command("preset_mode_command_topic", "preset_mode_command_template")
    draft.add_words(
        Trait.PRESET,
        presets,
        presets,
        draft.reads(
            "preset_mode_state_topic", "preset_mode_value_template", meanings.OneOf(presets)
        ),
        None if command is None else Word(command, tuple((one, one) for one in presets)),
    )


def _oscillation(draft: Draft) -> None:
    on = draft.text("payload_oscillation_on", "oscillate_on")
    off = draft.text("payload_oscillation_off", "oscillate_off")
    command = draft.command("oscillation_command_topic", "oscillation_command_template")
    draft.add(
        Trait.OSCILLATION,
        Flag(),
        draft.reads(
            "oscillation_state_topic",
            "oscillation_value_template",
            meanings.words({on: True, off: False}),
        ),
        None if command is None else Word(command, ((True, on), (False, off))),
    )
