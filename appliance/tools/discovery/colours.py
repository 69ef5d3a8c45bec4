"""Colours as dialects write them, and ``#rrggbb``. Pure.

A colour here has no brightness: the brightest of its three parts is 255.
"""

import colorsys
import re

RGB = tuple[float, float, float]
"""Red, green, blue, 0 to 1."""

_HEX = re.compile(r"#[0-9a-f]{6}")


def to_hex(rgb: RGB) -> str:
    """Return a colour, made as bright as it can be."""
    top = max(rgb)
    if top <= 0:
        return "#000000"
    return "#" + "".join(f"{round(255 * min(1.0, max(0.0, part / top))):02x}" for part in rgb)


def from_hex(value: object) -> RGB | None:
    """Return the parts of ``#rrggbb``; ``None``: it is none."""
    if not isinstance(value, str) or _HEX.fullmatch(value) is None:
        return None
    return int(value[1:3], 16) / 255, int(value[3:5], 16) / 255, int(value[5:7], 16) / 255


def from_hue(hue: float, saturation: float) -> RGB:
    """Return a colour of a hue (degrees) and a saturation (percent)."""
    return colorsys.hsv_to_rgb((hue % 360) / 360, min(1.0, max(0.0, saturation / 100)), 1.0)


def to_hue(rgb: RGB) -> tuple[int, int]:
    """Return hue (0 to 359 degrees) and saturation (percent), rounded."""
    hue, saturation, _ = colorsys.rgb_to_hsv(*rgb)
    return round(hue * 360) % 360, round(saturation * 100)


def _linear(part: float) -> float:
    return float(((part + 0.055) / 1.055) ** 2.4) if part > 0.04045 else part / 12.92


def _curved(part: float) -> float:
    return float(1.055 * part ** (1 / 2.4) - 0.055) if part > 0.0031308 else 12.92 * part


def to_xy(rgb: RGB) -> tuple[float, float]:
    """Return CIE 1931 x and y, four digits; black is white."""
    red, green, blue = (_linear(part) for part in rgb)
    x = 0.4124 * red + 0.3576 * green + 0.1805 * blue
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = 0.0193 * red + 0.1192 * green + 0.9505 * blue
    total = x + y + z
    if total <= 0:
        return 0.3127, 0.329
    return round(x / total, 4), round(y / total, 4)


def from_xy(x: float, y: float) -> RGB | None:
    """Return a colour of CIE 1931 x and y; ``None``: there is none."""
    if not (0 <= x <= 1 and 0.0001 <= y <= 1):
        return None
    z = 1 - x - y
    big_x, big_z = x / y, z / y
    red = 3.2406 * big_x - 1.5372 - 0.4986 * big_z
    green = -0.9689 * big_x + 1.8758 + 0.0415 * big_z
    blue = 0.0557 * big_x - 0.2040 + 1.0570 * big_z
    parts = [max(0.0, red), max(0.0, green), max(0.0, blue)]
    top = max(parts)
    if top <= 0:
        return None
    return _curved(parts[0] / top), _curved(parts[1] / top), _curved(parts[2] / top)
