"""Sirens: on with a tone, a loudness and a time. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.tools.devices.model import (
    Choice,
    Feature,
    Flag,
    Outgoing,
    Range,
    Trait,
    Unwritable,
    Value,
)
from appliance.tools.discovery.homeassistant import meanings
from appliance.tools.discovery.homeassistant.entry import Draft, Unfit
from appliance.tools.discovery.homeassistant.writing import Command, number_of

_LONGEST = 3_600


@dataclass(frozen=True, slots=True)
class SirenWriter:
    """Writes a siren: always one message."""

    on_command: Command
    off_command: Command
    on: str
    off: str

    def write(
        self, wanted: Mapping[Trait, Value], now: Mapping[Trait, Value]
    ) -> tuple[Outgoing, ...]:
        """Return the message.

        Raises:
            Unwritable: It cannot be said.
        """
        del now
        if wanted.get(Trait.POWER) is False:
            if len(wanted) > 1:
                raise Unwritable("it cannot be off and sound")
            return (_sent(self.off_command, self.off, {}),)
        more: dict[str, object] = {}
        if Trait.TONE in wanted:
            more["tone"] = wanted[Trait.TONE]
        if Trait.DURATION in wanted:
            more["duration"] = round(number_of(wanted[Trait.DURATION]))
        if Trait.VOLUME in wanted:
            more["volume_level"] = number_of(wanted[Trait.VOLUME]) / 100
        return (_sent(self.on_command, self.on, more),)


def _sent(command: Command, state: str, more: dict[str, object]) -> Outgoing:
    said = {"state": state, **more}
    return command.send(said) if command.template is None else command.send(state, said)


def build(draft: Draft) -> None:
    """Make the thing.

    Raises:
        Unfit: It cannot be commanded.
    """
    on, off = draft.text("payload_on", "ON"), draft.text("payload_off", "OFF")
    command = draft.command("command_topic", "command_template")
    off_key = "command_off_template" if draft.has("command_off_template") else "command_template"
    off_command = draft.command("command_topic", off_key)
    if command is None or off_command is None:
        raise Unfit(draft.left_out[-1].rule if draft.left_out else "bad_config")
    meaning = meanings.Part(
        "state",
        meanings.words({draft.text("state_on", on): True, draft.text("state_off", off): False}),
    )
    reads = draft.reads("state_topic", "state_value_template", meaning)
    draft.features[Trait.POWER] = Feature(Flag(), settable=True, reads=reads)
    tones = draft.words("available_tones")
    if tones:
        draft.features[Trait.TONE] = Feature(Choice(tones), settable=True)
    if draft.flag("support_duration", default=True):
        draft.features[Trait.DURATION] = Feature(Range(1, _LONGEST, 1, "s"), settable=True)
    if draft.flag("support_volume_set", default=True):
        draft.features[Trait.VOLUME] = Feature(Range(0, 100, 1, "%"), settable=True)
    draft.writer = SirenWriter(command, off_command, on, off)
