"""Colours by name: what people say, and what lamps are told. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

COLORS: Mapping[str, str] = MappingProxyType(
    {
        "white": "#ffffff",
        "warm_white": "#ffd6aa",
        "cool_white": "#d6e4ff",
        "red": "#ff0000",
        "orange": "#ff8000",
        "yellow": "#ffff00",
        "green": "#00ff00",
        "turquoise": "#40e0d0",
        "cyan": "#00ffff",
        "blue": "#0000ff",
        "purple": "#8000ff",
        "magenta": "#ff00ff",
        "pink": "#ff66cc",
    }
)
"""Every name, as a call carries it, with its ``#rrggbb``."""

WHITES: Mapping[str, float] = MappingProxyType(
    {"white": 4000.0, "warm_white": 2700.0, "cool_white": 6000.0}
)
"""Those of them that a lamp without colours may have, in kelvin."""

_NEAR = 60.0
"""How far, in 8-bit steps of red, green and blue together, a lamp's colour may be from a name."""


def name_of(color: str) -> str | None:
    """Return the name of a colour ``#rrggbb``, or of the nearest one if it is near."""
    wanted = _parts(color)
    if wanted is None:
        return None

    def distance(name: str) -> float:
        have = _parts(COLORS[name]) or wanted
        return float(sum((a - b) ** 2 for a, b in zip(wanted, have, strict=True)) ** 0.5)

    nearest = min(COLORS, key=distance)
    return nearest if distance(nearest) <= _NEAR else None


def _parts(color: str) -> tuple[int, int, int] | None:
    digits = color.removeprefix("#")
    try:
        number = int(digits, 16) if len(digits) == 6 and digits.isalnum() else -1
    except ValueError:
        return None
    return None if number < 0 else (number >> 16, number >> 8 & 255, number & 255)
