"""What the three kinds of light have in common: shapes, and how colours are put. Pure."""

from dataclasses import dataclass

from appliance.tools.devices.model import Range, Trait, Unwritable, Value
from appliance.tools.discovery.colours import from_hex, to_hue, to_xy
from appliance.tools.discovery.homeassistant.entry import Draft, Unfit

PERCENT = Range(0, 100, 1, "%")

RGB_MODES = ("rgb", "rgbw", "rgbww")
COLOUR_MODES = (*RGB_MODES, "hs", "xy")
"""In the order in which one is chosen to set a colour."""


def brightness_tolerance(scale: float) -> float:
    """Return how far a brightness may be off: a device's own step, at least one percent."""
    return max(1.0, 100 / scale)


def scale_of(draft: Draft, key: str, default: float = 255) -> float:
    """Return what full brightness is.

    Raises:
        Unfit: It is no such number.
    """
    scale = draft.number(key, default)
    if scale < 1:
        raise Unfit
    return scale


@dataclass(frozen=True, slots=True)
class Warmth:
    """The colour temperatures of a lamp, and whether it counts in mired."""

    low: float
    high: float
    mired: bool

    @property
    def shape(self) -> Range:
        """The range, in kelvin."""
        return Range(self.low, self.high, 1, "K")

    @property
    def tolerance(self) -> float:
        """How far a lamp may be off: one mired at the cold end, where it is most kelvin."""
        return max(50.0, self.high**2 / 1e6)

    def number(self, kelvin: float) -> int:
        """Return a colour temperature as the lamp counts it."""
        return round(1e6 / kelvin) if self.mired else round(kelvin)


def warmth_of(draft: Draft) -> Warmth:
    """Read the range of colour temperatures.

    Raises:
        Unfit: It is none.
    """
    mired = not draft.flag("color_temp_kelvin", default=False)
    coldest, warmest = draft.number("min_mireds", 153), draft.number("max_mireds", 500)
    if coldest < 1 or warmest < 1:
        raise Unfit
    low = draft.number("min_kelvin", round(1e6 / warmest))
    high = draft.number("max_kelvin", round(1e6 / coldest))
    if not 100 <= low <= high <= 100_000:
        raise Unfit
    return Warmth(low, high, mired)


def rgb_of(colour: Value) -> tuple[int, int, int]:
    """Return a colour's channels, 0 to 255.

    Raises:
        Unwritable: It is no colour.
    """
    parts = from_hex(colour)
    if parts is None:
        raise Unwritable("not a colour")
    return round(parts[0] * 255), round(parts[1] * 255), round(parts[2] * 255)


def named_channels(colour: Value, mode: str) -> dict[str, object]:
    """Return a colour in one of ``COLOUR_MODES``, by Home Assistant's names of its parts.

    Raises:
        Unwritable: It is no colour.
    """
    rgb = rgb_of(colour)
    unit = (rgb[0] / 255, rgb[1] / 255, rgb[2] / 255)
    if mode == "hs":
        return dict(zip(("hue", "sat"), to_hue(unit), strict=True))
    if mode == "xy":
        return dict(zip(("x", "y"), to_xy(unit), strict=True))
    made: dict[str, object] = dict(zip(("red", "green", "blue"), rgb, strict=True))
    if mode == "rgbw":
        made["white"] = 0
    elif mode == "rgbww":
        made |= {"cold_white": 0, "warm_white": 0}
    return made


def wants_off(wanted: "dict[Trait, Value]") -> bool:
    """Whether the lamp shall be off.

    Raises:
        Unwritable: It shall be off, and something that only a lamp that is on can be.
    """
    off = wanted.get(Trait.POWER) is False
    if off and any(trait is not Trait.POWER for trait in wanted):
        raise Unwritable("it cannot be off and shine")
    return off or (wanted.get(Trait.BRIGHTNESS) == 0 and Trait.POWER not in wanted)
