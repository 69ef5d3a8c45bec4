"""Numbers, selections, texts, buttons and scenes. Pure."""

from dataclasses import dataclass

from appliance.tools.devices.model import (
    Outgoing,
    Press,
    Range,
    Trait,
    Unwritable,
    Value,
    Words,
)
from appliance.tools.discovery.homeassistant import meanings
from appliance.tools.discovery.homeassistant.bounds import Run
from appliance.tools.discovery.homeassistant.entry import Draft, Unfit
from appliance.tools.discovery.homeassistant.regex import Pattern, pattern
from appliance.tools.discovery.homeassistant.writing import Command, Scaled, Text, Word
from appliance.tools.templates import TemplateFailed


def _same(number: float) -> float:
    return number


def build_number(draft: Draft) -> None:
    """Make the thing.

    Raises:
        Unfit: Its range is none.
    """
    shape = Range(
        draft.number("min", 1),
        draft.number("max", 100),
        draft.number("step", 1),
        draft.text("unit_of_measurement"),
    )
    if shape.minimum >= shape.maximum or shape.step < 0:
        raise Unfit
    command = draft.command("command_topic", "command_template")
    reads = draft.reads("state_topic", "value_template", meanings.Number())
    write = None if command is None else Scaled(command, _same)
    draft.add(Trait.VALUE, shape, reads, write, tolerance=shape.step / 2)


def build_select(draft: Draft) -> None:
    """Make the thing.

    Raises:
        Unfit: It has no options.
    """
    options = draft.words("options")
    if not options:
        raise Unfit
    command = draft.command("command_topic", "command_template")
    reads = draft.reads("state_topic", "value_template", meanings.OneOf(options))
    draft.add_words(
        Trait.OPTION, options, options, reads, None if command is None else Text(command)
    )


@dataclass(frozen=True, slots=True)
class PatternText:
    """A text that must fit the announcement's own pattern."""

    command: Command
    pattern: Pattern

    def __call__(self, value: Value) -> tuple[Outgoing, ...]:
        """Send it."""
        try:
            fits = self.pattern.match(str(value), Run({})) is not None
        except TemplateFailed:
            fits = False
        if not fits:
            raise Unwritable("the text is not of the form that it takes")
        return (self.command.send(value),)


def build_text(draft: Draft) -> None:
    """Make the thing; of a password nothing is read.

    Raises:
        Unfit: Its lengths or its pattern are none.
    """
    shortest, longest = draft.number("min", 0), draft.number("max", 255)
    if not 0 <= shortest <= longest <= 255:
        raise Unfit
    command = draft.command("command_topic", "command_template")
    source = draft.text("pattern")
    secret = draft.text("mode", "text") == "password"
    reads = draft.reads("state_topic", "value_template", meanings.AnyText())
    write: Text | PatternText | None = None
    if command is not None:
        write = Text(command)
        if source:
            try:
                write = PatternText(command, pattern(source))
            except TemplateFailed:
                raise Unfit from None
    draft.add(Trait.TEXT, Words(int(longest), int(shortest)), () if secret else reads, write)


def build_button(draft: Draft) -> None:
    """Make the thing."""
    _pressed(draft, draft.text("payload_press", "PRESS"))


def build_scene(draft: Draft) -> None:
    """Make the thing."""
    _pressed(draft, draft.text("payload_on", "ON"))


def _pressed(draft: Draft, payload: str) -> None:
    command = draft.command("command_topic", "command_template")
    write = None if command is None else Word(command, ((True, payload),))
    draft.add(Trait.PRESS, Press(), (), write)
