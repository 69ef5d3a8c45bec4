"""Lights of the default schema: a topic for each of their properties. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from appliance.tools.devices.model import (
    Choice,
    Colour,
    Feature,
    Flag,
    Outgoing,
    Reader,
    Trait,
    Unwritable,
    Value,
)
from appliance.tools.discovery.homeassistant import meanings
from appliance.tools.discovery.homeassistant.components.lamps import (
    COLOUR_MODES,
    PERCENT,
    RGB_MODES,
    Warmth,
    brightness_tolerance,
    named_channels,
    scale_of,
    wants_off,
    warmth_of,
)
from appliance.tools.discovery.homeassistant.entry import Draft, Unfit
from appliance.tools.discovery.homeassistant.writing import Command, number_of


@dataclass(frozen=True, slots=True)
class BasicLight:
    """Writes such a light: its properties, and on, in the order that it wants."""

    power: Command
    on: str
    off: str
    order: str
    """``first``, ``last`` or ``brightness``: when it is switched on."""

    brightness: Command | None = None
    scale: float = 255
    colour: tuple[Command, str] | None = None
    """And the mode: ``rgb``, ``hs`` …"""

    warmth: tuple[Command, Warmth] | None = None
    effect: Command | None = None

    def write(
        self, wanted: Mapping[Trait, Value], now: Mapping[Trait, Value]
    ) -> tuple[Outgoing, ...]:
        """Return the messages.

        Raises:
            Unwritable: It cannot be said.
        """
        if wants_off(dict(wanted)):
            return (self.power.send(self.off),)
        styles = self._styles(wanted, now)
        if self.order == "brightness" and self.brightness is not None:
            if Trait.BRIGHTNESS not in wanted:
                known = now.get(Trait.BRIGHTNESS, 100)
                styles.append(self._bright(self.brightness, number_of(known) or 100))
            return tuple(styles)
        if Trait.POWER not in wanted and styles and now.get(Trait.POWER) is True:
            return tuple(styles)
        on = self.power.send(self.on)
        return (on, *styles) if self.order == "first" else (*styles, on)

    def _styles(self, wanted: Mapping[Trait, Value], now: Mapping[Trait, Value]) -> list[Outgoing]:
        made: list[Outgoing] = []
        if Trait.COLOR in wanted or (Trait.BRIGHTNESS in wanted and self.brightness is None):
            made.append(self._coloured(wanted, now))
        if Trait.COLOR_TEMPERATURE in wanted:
            command, warmth = _there(self.warmth)
            made.append(command.send(warmth.number(number_of(wanted[Trait.COLOR_TEMPERATURE]))))
        if Trait.EFFECT in wanted:
            made.append(_there(self.effect).send(wanted[Trait.EFFECT]))
        if Trait.BRIGHTNESS in wanted and self.brightness is not None:
            made.append(self._bright(self.brightness, number_of(wanted[Trait.BRIGHTNESS])))
        return made

    def _bright(self, command: Command, percent: float) -> Outgoing:
        least = 1 if percent > 0 else 0
        return command.send(max(least, round(percent * self.scale / 100)))

    def _coloured(self, wanted: Mapping[Trait, Value], now: Mapping[Trait, Value]) -> Outgoing:
        command, mode = _there(self.colour)
        colour = wanted.get(Trait.COLOR, now.get(Trait.COLOR, "#ffffff"))
        parts = named_channels(colour, mode)
        if mode in RGB_MODES and self.brightness is None:
            bright = number_of(wanted.get(Trait.BRIGHTNESS, now.get(Trait.BRIGHTNESS, 100)))
            for name in ("red", "green", "blue"):
                parts[name] = round(number_of(parts[name]) * (bright or 100) / 100)  # type: ignore[arg-type]
        return command.send(",".join(str(part) for part in parts.values()), parts)


_T = TypeVar("_T")


def _there(what: _T | None) -> _T:
    if what is None:
        raise Unwritable("it cannot do that")
    return what


def build(draft: Draft) -> None:
    """Make the thing.

    Raises:
        Unfit: It cannot be switched.
    """
    power = draft.command("command_topic")
    order = draft.text("on_command_type", "last")
    if power is None or order not in ("first", "last", "brightness"):
        raise Unfit
    on, off = draft.text("payload_on", "ON"), draft.text("payload_off", "OFF")
    scale = scale_of(draft, "brightness_scale")
    brightness = draft.command("brightness_command_topic", "brightness_command_template")
    colour, colour_reads = _colour(draft)
    warmth = _warmth(draft)
    effect = draft.command("effect_command_topic", "effect_command_template")
    effects = draft.words("effect_list")
    power_reads = draft.reads(
        "state_topic",
        ("state_value_template", "value_template"),
        meanings.words({on: True, off: False}),
    )
    draft.features[Trait.POWER] = Feature(Flag(), settable=True, reads=power_reads)
    if brightness is not None:
        reads = draft.reads(
            "brightness_state_topic", "brightness_value_template", meanings.Percent(0, scale)
        )
        draft.features[Trait.BRIGHTNESS] = Feature(
            PERCENT, settable=True, reads=reads, tolerance=brightness_tolerance(scale)
        )
    if colour is not None:
        draft.features[Trait.COLOR] = Feature(Colour(), settable=True, reads=colour_reads)
        if brightness is None and colour[1] in RGB_MODES:
            draft.features[Trait.BRIGHTNESS] = Feature(
                PERCENT, settable=True, reads=_bright_colour(draft, colour[1]), tolerance=1.0
            )
    if effect is not None and effects:
        reads = draft.reads("effect_state_topic", "effect_value_template", meanings.OneOf(effects))
        draft.features[Trait.EFFECT] = Feature(Choice(effects), settable=True, reads=reads)
    draft.writer = BasicLight(power, on, off, order, brightness, scale, colour, warmth, effect)


def _colour(draft: Draft) -> tuple[tuple[Command, str] | None, tuple[Reader, ...]]:
    for mode in COLOUR_MODES:
        command = draft.command(f"{mode}_command_topic", f"{mode}_command_template")
        if command is None:
            continue
        meaning: meanings.Meaning = meanings.Rgb()
        if mode not in RGB_MODES:
            meaning = meanings.HueSaturation() if mode == "hs" else meanings.Chromaticity()
        reads = draft.reads(f"{mode}_state_topic", f"{mode}_value_template", meaning)
        return (command, mode), reads
    return None, ()


def _bright_colour(draft: Draft, mode: str) -> tuple[Reader, ...]:
    return draft.reads(f"{mode}_state_topic", f"{mode}_value_template", meanings.Brightest())


def _warmth(draft: Draft) -> tuple[Command, Warmth] | None:
    command = draft.command("color_temp_command_topic", "color_temp_command_template")
    if command is None:
        return None
    warmth = warmth_of(draft)
    reads = draft.reads(
        "color_temp_state_topic", "color_temp_value_template", meanings.Kelvin(mired=warmth.mired)
    )
    draft.features[Trait.COLOR_TEMPERATURE] = Feature(
        warmth.shape, settable=True, reads=reads, tolerance=warmth.tolerance
    )
    return command, warmth
