"""Lights of the JSON schema: one object tells all, and sets all. Pure."""

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
from appliance.tools.discovery.homeassistant.reading import JsonReader
from appliance.tools.discovery.homeassistant.writing import Command, number_of

_SHORT = {
    "red": "r", "green": "g", "blue": "b", "white": "w", "cold_white": "c", "warm_white": "w",
    "hue": "h", "sat": "s", "x": "x", "y": "y",
}  # fmt: skip
_READ: Mapping[str, tuple[tuple[str, ...], meanings.Meaning]] = {
    **dict.fromkeys(RGB_MODES, (("r", "g", "b"), meanings.Rgb())),
    "hs": (("h", "s"), meanings.HueSaturation()),
    "xy": (("x", "y"), meanings.Chromaticity()),
}


@dataclass(frozen=True, slots=True)
class JsonLight:
    """Writes such a light: always one message."""

    command: Command
    scale: float
    mode: str = ""
    """How a colour is put; empty: it has none."""

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
            return (self.command.send({"state": "OFF"}),)
        said: dict[str, object] = {"state": "ON"}
        for trait, value in wanted.items():
            if trait is Trait.BRIGHTNESS:
                percent = number_of(value)
                said["brightness"] = max(int(percent > 0), round(percent * self.scale / 100))
            elif trait is Trait.COLOR and self.mode:
                parts = named_channels(value, self.mode)
                said["color"] = {_SHORT[name]: part for name, part in parts.items()}
            elif trait is Trait.COLOR_TEMPERATURE and self.warmth is not None:
                said["color_temp"] = self.warmth.number(number_of(value))
            elif trait is Trait.EFFECT:
                said["effect"] = value
            elif trait is not Trait.POWER:
                raise Unwritable(f"`{trait}` cannot be set")
        return (self.command.send(said),)


def build(draft: Draft) -> None:
    """Make the thing.

    Raises:
        Unfit: It cannot be switched.
    """
    command = draft.command("command_topic")
    if command is None:
        raise Unfit
    topic = draft.topic("state_topic")
    modes = draft.words("supported_color_modes") or tuple(
        mode for mode in (*COLOUR_MODES, "color_temp") if draft.flag(mode, default=False)
    )
    scale = scale_of(draft, "brightness_scale")

    def reads(
        keys: tuple[tuple[str, ...], ...], meaning: meanings.Meaning, *mode: str
    ) -> tuple[Reader, ...]:
        return () if topic is None else (JsonReader(topic, keys, meaning, mode),)

    power = meanings.words({"ON": True, "OFF": False})
    draft.features[Trait.POWER] = Feature(Flag(), settable=True, reads=reads((("state",),), power))
    if draft.flag("brightness", default=False) or set(modes) - {"onoff"}:
        draft.features[Trait.BRIGHTNESS] = Feature(
            PERCENT,
            settable=True,
            reads=reads((("brightness",),), meanings.Percent(0, scale)),
            tolerance=brightness_tolerance(scale),
        )
    colours = tuple(mode for mode in COLOUR_MODES if mode in modes)
    if colours:
        found: list[Reader] = []
        for mode in colours:
            keys, meaning = _READ[mode]
            found += reads(tuple(("color", key) for key in keys), meaning, mode)
        draft.features[Trait.COLOR] = Feature(Colour(), settable=True, reads=tuple(found))
    warmth = warmth_of(draft) if "color_temp" in modes else None
    if warmth is not None:
        kelvin = meanings.Kelvin(mired=warmth.mired)
        draft.features[Trait.COLOR_TEMPERATURE] = Feature(
            warmth.shape,
            settable=True,
            reads=reads((("color_temp",),), kelvin, "color_temp"),
            tolerance=warmth.tolerance,
        )
    _effects(draft, reads((("effect",),), meanings.OneOf(draft.words("effect_list"))))
    draft.writer = JsonLight(command, scale, colours[0] if colours else "", warmth)


def _effects(draft: Draft, reads: tuple[Reader, ...]) -> None:
    effects = draft.words("effect_list")
    if effects and draft.flag("effect", default=False):
        draft.features[Trait.EFFECT] = Feature(Choice(effects), settable=True, reads=reads)
