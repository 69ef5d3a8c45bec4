"""What climates, water heaters and humidifiers share: aims, measurements, modes. Pure."""

from appliance.tools.devices.model import Flag, Range, Trait, Value
from appliance.tools.discovery.homeassistant import meanings
from appliance.tools.discovery.homeassistant.entry import Draft, Unfit
from appliance.tools.discovery.homeassistant.writing import Scaled, Text, Word

_ANY = 1e6
"""Bounds of a number that is only read."""


def aim(draft: Draft, trait: Trait, prefix: str, shape: Range) -> None:
    """Add a number with the fields ``<prefix>_command_topic``, ``<prefix>_state_topic``.

    Raises:
        Unfit: Its range is none.
    """
    if shape.minimum >= shape.maximum or shape.step < 0:
        raise Unfit
    command = draft.command(f"{prefix}_command_topic", f"{prefix}_command_template")
    draft.add(
        trait,
        shape,
        draft.reads(f"{prefix}_state_topic", f"{prefix}_state_template", meanings.Number()),
        None if command is None else Scaled(command, _same),
        tolerance=shape.step / 2,
    )


def _same(number: float) -> float:
    return number


def current(draft: Draft, trait: Trait, prefix: str, unit: str) -> None:
    """Add what is measured, with the fields ``<prefix>_topic`` and ``<prefix>_template``."""
    reads = draft.reads(f"{prefix}_topic", f"{prefix}_template", meanings.Number())
    draft.add(trait, Range(-_ANY, _ANY, 0, unit), reads)


def modes(
    draft: Draft,
    trait: Trait,
    prefix: str,
    words: tuple[str, ...],
    template: str = "state_template",
) -> None:
    """Add a choice with the fields ``<prefix>_command_topic``, ``<prefix>_state_topic``."""
    command = draft.command(f"{prefix}_command_topic", f"{prefix}_command_template")
    reads = draft.reads(f"{prefix}_state_topic", f"{prefix}_{template}", meanings.OneOf(words))
    draft.add_words(trait, words, words, reads, None if command is None else Text(command))


def power(draft: Draft) -> None:
    """Add a switch that only commands; whether it is on, its mode tells."""
    command = draft.command("power_command_topic", "power_command_template")
    if command is None:
        return
    on, off = draft.text("payload_on", "ON"), draft.text("payload_off", "OFF")
    words = draft.words("modes")
    meaning: dict[str, Value] = {word: word != "off" for word in (*words, "off")}
    reads = draft.reads("mode_state_topic", "mode_state_template", meanings.words(meaning))
    draft.add(Trait.POWER, Flag(), reads, Word(command, ((True, on), (False, off))))


def unit_of(draft: Draft) -> str:
    """Return the unit of a device's temperatures; where it says none: degrees Celsius."""
    return "°F" if draft.text("temperature_unit", "C").upper().endswith("F") else "°C"


def action(draft: Draft, words: tuple[str, ...]) -> None:
    """Add what it does now."""
    reads = draft.reads("action_topic", "action_template", meanings.OneOf(words))
    draft.add_words(Trait.ACTION, words, (), reads, None)
