"""Lights of the template schema: two templates write all of it, one each reads. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.tools.devices.model import (
    Choice,
    Colour,
    Feature,
    Flag,
    Outgoing,
    Reader,
    Trait,
    Value,
)
from appliance.tools.discovery.homeassistant import meanings
from appliance.tools.discovery.homeassistant.components.lamps import (
    PERCENT,
    Warmth,
    named_channels,
    wants_off,
    warmth_of,
)
from appliance.tools.discovery.homeassistant.entry import Draft, Unfit
from appliance.tools.discovery.homeassistant.expressions import TemplateRefused
from appliance.tools.discovery.homeassistant.reading import JoinedReader
from appliance.tools.discovery.homeassistant.writing import Command, number_of


@dataclass(frozen=True, slots=True)
class TemplateLight:
    """Writes such a light: always one message."""

    on: Command
    off: Command
    warmth: Warmth | None = None

    def write(
        self, wanted: Mapping[Trait, Value], now: Mapping[Trait, Value]
    ) -> tuple[Outgoing, ...]:
        """Return the message.

        Raises:
            Unwritable: It cannot be said.
        """
        del now
        if wants_off(dict(wanted)):
            return (self.off.send("off", {"state": "off"}),)
        values: dict[str, object] = {"state": "on"}
        if Trait.BRIGHTNESS in wanted:
            percent = number_of(wanted[Trait.BRIGHTNESS])
            values["brightness"] = max(int(percent > 0), round(percent * 255 / 100))
        if Trait.COLOR_TEMPERATURE in wanted and self.warmth is not None:
            kelvin = number_of(wanted[Trait.COLOR_TEMPERATURE])
            values["color_temp"] = self.warmth.number(kelvin)
        if Trait.COLOR in wanted:
            values |= named_channels(wanted[Trait.COLOR], "rgb")
            values |= named_channels(wanted[Trait.COLOR], "hs")
        if Trait.EFFECT in wanted:
            values["effect"] = wanted[Trait.EFFECT]
        return (self.on.send("on", values),)


def build(draft: Draft) -> None:
    """Make the thing.

    Raises:
        Unfit: It cannot be switched.
    """
    on = draft.command("command_topic", "command_on_template")
    off = draft.command("command_topic", "command_off_template")
    if on is None or off is None or on.template is None or off.template is None:
        raise Unfit(draft.left_out[-1].rule if draft.left_out else "bad_config")
    power: tuple[Reader, ...] = ()
    if draft.has("state_template"):
        power = draft.reads(
            "state_topic", "state_template", meanings.words({"on": True, "off": False})
        )
    draft.features[Trait.POWER] = Feature(Flag(), settable=True, reads=power)
    if draft.has("brightness_template"):
        reads = draft.reads("state_topic", "brightness_template", meanings.Percent(0, 255))
        draft.features[Trait.BRIGHTNESS] = Feature(
            PERCENT, settable=True, reads=reads, tolerance=1.0
        )
    warmth = warmth_of(draft) if draft.has("color_temp_template") else None
    if warmth is not None:
        kelvin = meanings.Kelvin(mired=warmth.mired)
        draft.features[Trait.COLOR_TEMPERATURE] = Feature(
            warmth.shape,
            settable=True,
            reads=draft.reads("state_topic", "color_temp_template", kelvin),
            tolerance=warmth.tolerance,
        )
    if all(draft.has(f"{name}_template") for name in ("red", "green", "blue")):
        draft.features[Trait.COLOR] = Feature(Colour(), settable=True, reads=_colour(draft))
    effects = draft.words("effect_list")
    if effects:
        reads = ()
        if draft.has("effect_template"):
            reads = draft.reads("state_topic", "effect_template", meanings.OneOf(effects))
        draft.features[Trait.EFFECT] = Feature(Choice(effects), settable=True, reads=reads)
    draft.writer = TemplateLight(on, off, warmth)


def _colour(draft: Draft) -> tuple[Reader, ...]:
    topic = draft.topic("state_topic")
    try:
        templates = [draft.template(f"{name}_template") for name in ("red", "green", "blue")]
    except TemplateRefused as refused:
        draft.leave_out("color", refused.rule)
        return ()
    known = tuple(one for one in templates if one is not None)
    return () if topic is None else (JoinedReader(topic, meanings.Rgb(), known),)
