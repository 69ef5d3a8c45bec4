"""Valves: of water, of gas; open and closed, or by position. Pure."""

from appliance.tools.devices.model import Trait
from appliance.tools.discovery.homeassistant import meanings
from appliance.tools.discovery.homeassistant.components.cover import (
    OPENINGS,
    PERCENT,
    commands,
    ends_of,
    state_words,
)
from appliance.tools.discovery.homeassistant.entry import Draft
from appliance.tools.discovery.homeassistant.writing import Scaled, Word, between


def build(draft: Draft) -> None:
    """Make the thing."""
    if draft.flag("reports_position", default=False):
        _by_position(draft)
        return
    command = draft.command("command_topic", "command_template")
    pairs = commands(draft, None)
    reads = draft.reads(
        "state_topic", "value_template", meanings.Part("state", state_words(draft))
    )
    settable = tuple(str(value) for value, _ in pairs)
    write = None if command is None else Word(command, pairs)
    draft.add_words(Trait.OPENING, OPENINGS, settable, reads, write)


def _by_position(draft: Draft) -> None:
    closed, opened = ends_of(draft)
    command = draft.command("command_topic", "command_template")
    move = None if command is None else Scaled(command, between(closed, opened))
    position = draft.reads(
        "state_topic",
        "value_template",
        meanings.Part("position", meanings.Percent(closed, opened)),
    )
    draft.add(Trait.POSITION, PERCENT, position, move, tolerance=1.0)
    pairs = [("open", f"{opened:g}"), ("closed", f"{closed:g}")]
    stop = draft.nullable("payload_stop", None)
    if stop is not None:
        pairs.append(("stopped", stop))
    reads = draft.reads(
        "state_topic", "value_template", meanings.Part("position", meanings.ZeroIs(closed))
    )
    reads += draft.reads(
        "state_topic", "value_template", meanings.Part("state", state_words(draft))
    )
    settable = tuple(value for value, _ in pairs)
    write = None if command is None else Word(command, tuple(pairs))
    draft.add_words(Trait.OPENING, OPENINGS, settable, reads, write)
