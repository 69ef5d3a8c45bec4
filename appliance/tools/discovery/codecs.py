"""How one value is written in the house, both ways. Pure; each codec equals its like.

``read`` takes what lies in a payload (of JSON, or a whole payload as text) and never raises;
``write`` takes a value that fits the trait's shape and gives what JSON, or a payload, is made of.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from appliance.tools.devices.model import Unwritable, Value
from appliance.tools.discovery.colours import from_hex, from_hue, from_xy, to_hex, to_hue, to_xy
from appliance.tools.discovery.payloads import LONGEST_TEXT, dig, number, text


class Codec(Protocol):
    """Reads and writes one value."""

    def read(self, raw: object) -> Value | None:
        """Return the value; ``None``: it is none. Never raises."""
        ...

    def write(self, value: Value) -> object:
        """Return what is sent.

        Raises:
            Unwritable: It cannot be said.
        """
        ...


def same(raw: object, other: object) -> bool:
    """Whether two scalars are the same; ``True`` is not 1."""
    return isinstance(raw, bool) is isinstance(other, bool) and raw == other


@dataclass(frozen=True, slots=True)
class Table:
    """A few raw scalars, each with its value; of several with the same value the first is sent."""

    pairs: tuple[tuple[str | float | bool | None, Value], ...]

    def read(self, raw: object) -> Value | None:
        """Look it up."""
        if not isinstance(raw, str | int | float | bool):
            return None
        return next((value for key, value in self.pairs if same(raw, key)), None)

    def write(self, value: Value) -> object:
        """Look it up the other way."""
        for key, known in self.pairs:
            if same(value, known):
                return key
        raise Unwritable(f"there is no word for {value!r}")


def on_off(on: str | float | bool, off: str | float | bool) -> Table:  # noqa: FBT001 - values
    """Return the codec of a flag."""
    return Table(((on, True), (off, False)))


def options(words: Sequence[str]) -> Table:
    """Return the codec of words that stand for themselves."""
    return Table(tuple((word, word) for word in words))


@dataclass(frozen=True, slots=True)
class Number:
    """A number; ``raw = value * scale + offset``."""

    scale: float = 1.0
    offset: float = 0.0
    whole: bool = False
    """Whether the raw number has no fraction."""

    def read(self, raw: object) -> Value | None:
        """Return it in the trait's unit."""
        found = number(raw)
        if found is None:
            return None
        value = (found - self.offset) / self.scale
        return tidy(value) if math.isfinite(value) else None

    def write(self, value: Value) -> object:
        """Return it in the house's unit."""
        found = number(value)
        if found is None:
            raise Unwritable("not a number")
        raw = found * self.scale + self.offset
        return round(raw) if self.whole else tidy(raw)


def tidy(value: float) -> float:
    """Return a number without noise of the last digits; whole numbers as such."""
    rounded = round(value, 6)
    return int(rounded) if rounded == int(rounded) and abs(rounded) < 1e15 else rounded


@dataclass(frozen=True, slots=True)
class Percent:
    """A share of a raw range, told in whole percent; more than nothing is at least one."""

    low: float
    high: float

    def read(self, raw: object) -> Value | None:
        """Return percent."""
        found = number(raw)
        if found is None:
            return None
        share = 100 * (min(self.high, max(self.low, found)) - self.low) / (self.high - self.low)
        return 1 if 0 < share < 1 else round(share)

    def write(self, value: Value) -> object:
        """Return the raw number, whole."""
        found = number(value)
        if found is None:
            raise Unwritable("not a number")
        raw = self.low + (self.high - self.low) * min(100.0, max(0.0, found)) / 100
        return tidy(raw) if self.high - self.low <= 1 else round(raw)


@dataclass(frozen=True, slots=True)
class Text:
    """A text; one that is read is cut to length."""

    longest: int = LONGEST_TEXT

    def read(self, raw: object) -> Value | None:
        """Return it."""
        return text(raw, self.longest) if isinstance(raw, str) else None

    def write(self, value: Value) -> object:
        """Return it."""
        if not isinstance(value, str):
            raise Unwritable("not a text")
        return value


@dataclass(frozen=True, slots=True)
class Scalar:
    """Whatever a sensor says: a number, a text, yes or no. Only read."""

    def read(self, raw: object) -> Value | None:
        """Return it."""
        if isinstance(raw, bool):
            return raw
        if isinstance(raw, int | float):
            found = number(raw)
            return None if found is None else tidy(found)
        return text(raw) if isinstance(raw, str) else None

    def write(self, value: Value) -> object:
        """Refuse."""
        raise Unwritable(f"cannot be set to {value!r}")


@dataclass(frozen=True, slots=True)
class Fixed:
    """A press: always the same is sent, and nothing is read."""

    raw: str | float | bool

    def read(self, raw: object) -> Value | None:
        """Return nothing."""
        del raw
        return None

    def write(self, value: Value) -> object:
        """Return what is always sent."""
        del value
        return self.raw


@dataclass(frozen=True, slots=True)
class Mired:
    """Colour temperatures: mired there, kelvin here."""

    low: float
    high: float

    def read(self, raw: object) -> Value | None:
        """Return kelvin."""
        found = number(raw)
        return None if found is None or not 1 <= found <= 10_000 else round(1e6 / found)

    def write(self, value: Value) -> object:
        """Return mired, within what the lamp can."""
        found = number(value)
        if found is None or found <= 0:
            raise Unwritable("not a colour temperature")
        return round(min(self.high, max(self.low, 1e6 / found)))


@dataclass(frozen=True, slots=True)
class HueColour:
    """``{"hue": 0 to 360, "saturation": 0 to 100}``."""

    def read(self, raw: object) -> Value | None:
        """Return ``#rrggbb``."""
        hue, saturation = number(dig(raw, ("hue",))), number(dig(raw, ("saturation",)))
        if hue is None or saturation is None:
            return None
        return to_hex(from_hue(hue, saturation))

    def write(self, value: Value) -> object:
        """Return the object."""
        hue, saturation = to_hue(_rgb(value))
        return {"hue": hue, "saturation": saturation}


@dataclass(frozen=True, slots=True)
class XyColour:
    """``{"x": …, "y": …}``; hue and saturation are read, too, where they are told."""

    def read(self, raw: object) -> Value | None:
        """Return ``#rrggbb``."""
        x, y = number(dig(raw, ("x",))), number(dig(raw, ("y",)))
        if x is None or y is None:
            return HueColour().read(raw)
        rgb = from_xy(x, y)
        return None if rgb is None else to_hex(rgb)

    def write(self, value: Value) -> object:
        """Return the object."""
        x, y = to_xy(_rgb(value))
        return {"x": x, "y": y}


@dataclass(frozen=True, slots=True)
class RgbList:
    """``[0 to 255, 0 to 255, 0 to 255]``."""

    def read(self, raw: object) -> Value | None:
        """Return ``#rrggbb``."""
        parts = [number(dig(raw, (index,))) for index in range(3)]
        known = [part / 255 for part in parts if part is not None]
        return to_hex((known[0], known[1], known[2])) if len(known) == 3 else None

    def write(self, value: Value) -> object:
        """Return the list."""
        return [round(255 * part) for part in _rgb(value)]


def _rgb(value: Value) -> tuple[float, float, float]:
    rgb = from_hex(value)
    if rgb is None:
        raise Unwritable("not a colour")
    return rgb
