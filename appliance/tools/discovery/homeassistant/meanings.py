"""What a text that a device sends means: on or off, a number, a word, a colour. Pure.

Each meaning is a small frozen value that can be called; two that mean the same are equal.
``None``: it says nothing that can be used.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from appliance.tools.devices.model import Value
from appliance.tools.discovery.colours import from_hue, from_xy, to_hex

SILENT = frozenset({"", "none", "null", "nan", "unknown", "unavailable"})
"""Texts that say that nothing is known."""

LONGEST_TEXT = 1_024

_DECODER = json.JSONDecoder(parse_constant=lambda _: None)


class Meaning(Protocol):
    """From a text to a value."""

    def __call__(self, text: str) -> Value | None:
        """Return what it means; ``None``: nothing. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Words:
    """Some words mean something, all others nothing."""

    pairs: tuple[tuple[str, Value], ...]

    def __call__(self, text: str) -> Value | None:
        """Look the word up."""
        for word, value in self.pairs:
            if word == text:
                return value
        return None


def words(meaning: Mapping[str, Value]) -> Words:
    """Return it, from a mapping."""
    return Words(tuple(meaning.items()))


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of the options, as it stands; no options: any short text."""

    options: tuple[str, ...] = ()

    def __call__(self, text: str) -> Value | None:
        """Return the option."""
        if self.options:
            return text if text in self.options else None
        return None if text.lower() in SILENT else cleaned(text)


@dataclass(frozen=True, slots=True)
class AnyText:
    """A text, also an empty one."""

    def __call__(self, text: str) -> Value | None:
        """Return the text."""
        return cleaned(text)


def cleaned(text: str) -> str:
    """Return a text of bounded length that can be encoded."""
    short = text[:LONGEST_TEXT]
    return short if short.isascii() else short.encode(errors="replace").decode()


def finite(text: str) -> float | None:
    """Return a finite number that is written so; ``None``: it is none."""
    try:
        number = float(text) if len(text) <= 64 else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


@dataclass(frozen=True, slots=True)
class Number:
    """A number; whole ones stay whole."""

    def __call__(self, text: str) -> Value | None:
        """Return the number."""
        number = finite(text)
        if number is None:
            return None
        return int(number) if number.is_integer() and abs(number) < 1e15 else number


@dataclass(frozen=True, slots=True)
class Percent:
    """A number between two ends, as percent of the way; ends may be the wrong way round."""

    zero: float = 0.0
    hundred: float = 100.0

    def __call__(self, text: str) -> Value | None:
        """Return whole percent, 0 to 100."""
        number = finite(text)
        if number is None or self.zero == self.hundred:
            return None
        share = (number - self.zero) / (self.hundred - self.zero)
        return round(100 * min(max(share, 0.0), 1.0))


@dataclass(frozen=True, slots=True)
class Speed:
    """A fan's step as percent: steps are ``lowest`` to ``highest``, 0 is off."""

    lowest: int = 1
    highest: int = 100

    def __call__(self, text: str) -> Value | None:
        """Return whole percent."""
        number = finite(text)
        if number is None:
            return None
        percent = (number - self.lowest + 1) * 100 / (self.highest - self.lowest + 1)
        return round(min(max(percent, 0.0), 100.0))


@dataclass(frozen=True, slots=True)
class Kelvin:
    """A colour temperature."""

    mired: bool = True

    def __call__(self, text: str) -> Value | None:
        """Return whole kelvin."""
        number = finite(text)
        if number is None or not 1 <= number <= 100_000:
            return None
        return round(1_000_000 / number) if self.mired else round(number)


@dataclass(frozen=True, slots=True)
class Part:
    """What one key of a JSON object means, where the text is one; else what the text means."""

    key: str
    inner: Meaning

    def __call__(self, text: str) -> Value | None:
        """Return what the part means."""
        if text[:1] != "{":
            return self.inner(text)
        try:
            found = _DECODER.decode(text)
        except (ValueError, RecursionError):
            return None
        part = found.get(self.key)
        return None if part is None or isinstance(part, dict | list) else self.inner(str(part))


@dataclass(frozen=True, slots=True)
class ZeroIs:
    """Two words by whether a position is at its end: closed, or open."""

    end: float

    def __call__(self, text: str) -> Value | None:
        """Return ``open`` or ``closed``."""
        number = finite(text)
        return None if number is None else "closed" if number == self.end else "open"


def _channels(text: str, count: int) -> list[float] | None:
    pieces = text.split(",", 6)
    if not count <= len(pieces) <= 5:
        return None
    numbers = [finite(piece) for piece in pieces[:count]]
    return [one for one in numbers if one is not None] if None not in numbers else None


@dataclass(frozen=True, slots=True)
class Rgb:
    """``red,green,blue`` of 0 to 255; what follows (white) is left out."""

    def __call__(self, text: str) -> Value | None:
        """Return ``#rrggbb`` at full brightness."""
        found = _channels(text, 3)
        if found is None:
            return None
        return to_hex((found[0] / 255, found[1] / 255, found[2] / 255))


@dataclass(frozen=True, slots=True)
class Brightest:
    """The brightness that lies in ``red,green,blue``."""

    def __call__(self, text: str) -> Value | None:
        """Return whole percent."""
        found = _channels(text, 3)
        return None if found is None else round(min(max(*found, 0.0), 255.0) * 100 / 255)


@dataclass(frozen=True, slots=True)
class HueSaturation:
    """``hue,saturation`` of 0 to 360 and 0 to 100."""

    def __call__(self, text: str) -> Value | None:
        """Return ``#rrggbb`` at full brightness."""
        found = _channels(text, 2)
        return None if found is None else to_hex(from_hue(found[0], found[1]))


@dataclass(frozen=True, slots=True)
class Chromaticity:
    """``x,y`` of the CIE 1931 diagram."""

    def __call__(self, text: str) -> Value | None:
        """Return ``#rrggbb`` at full brightness."""
        found = _channels(text, 2)
        rgb = None if found is None else from_xy(found[0], found[1])
        return None if rgb is None else to_hex(rgb)
