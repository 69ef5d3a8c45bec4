"""How Tasmota writes values: codecs, readers and the writer of its own. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from appliance.ports import Message
from appliance.tools.devices.model import (
    Feature,
    Outgoing,
    Reader,
    Shape,
    Trait,
    Unwritable,
    Value,
)
from appliance.tools.discovery.codecs import Codec, tidy
from appliance.tools.discovery.colours import from_hex, from_hue, to_hex
from appliance.tools.discovery.payloads import Path, dig, json_of, number
from appliance.tools.discovery.readers import Either, InJson, Plain

_SPEEDS: Final = (0, 33, 67, 100)


@dataclass(frozen=True, slots=True)
class HsbColour:
    """``HSBColor`` ("hue,saturation,brightness") is read, ``Color2`` ("r,g,b") is sent.

    Neither depends on ``SetOption17``, and ``Color2`` leaves the brightness as it is.
    """

    suffix: str = ""
    """``=``: the white channels of a lamp in two parts stay as they are."""

    def read(self, raw: object) -> Value | None:
        """Return ``#rrggbb``."""
        parts = raw.split(",") if isinstance(raw, str) and len(raw) < 40 else []
        found = [number(part) for part in parts]
        if len(found) != 3 or found[0] is None or found[1] is None:
            return None
        return to_hex(from_hue(found[0], found[1]))

    def write(self, value: Value) -> object:
        """Return the text."""
        rgb = from_hex(value)
        if rgb is None:
            raise Unwritable("not a colour")
        return ",".join(str(round(255 * part)) for part in rgb) + self.suffix


@dataclass(frozen=True, slots=True)
class FanSpeed:
    """0 to 3."""

    def read(self, raw: object) -> Value | None:
        """Return percent."""
        found = number(raw)
        return _SPEEDS[int(found)] if found in (0, 1, 2, 3) else None

    def write(self, value: Value) -> object:
        """Return the nearest step; anything but nothing is at least the first."""
        percent = number(value)
        if percent is None:
            raise Unwritable("not a speed")
        step = min(range(4), key=lambda index: abs(_SPEEDS[index] - percent))
        return max(1, step) if percent > 0 else 0


@dataclass(frozen=True, slots=True)
class FanPower:
    """Runs or does not; switched on, it runs at the middle of its speeds."""

    def read(self, raw: object) -> Value | None:
        """Return whether it runs."""
        found = number(raw)
        return None if found is None else found > 0

    def write(self, value: Value) -> object:
        """Return a speed."""
        return 2 if value else 0


@dataclass(frozen=True, slots=True)
class Position:
    """Percent; upside down if the shutter is."""

    inverted: bool

    def read(self, raw: object) -> Value | None:
        """Return percent, 100 is open."""
        found = number(raw)
        if found is None or not 0 <= found <= 100:
            return None
        return tidy(100 - found if self.inverted else found)

    def write(self, value: Value) -> object:
        """Return percent as the shutter counts."""
        percent = number(value)
        if percent is None:
            raise Unwritable("not a position")
        return round(100 - percent if self.inverted else percent)


@dataclass(frozen=True, slots=True)
class ShutterState:
    """Whether a shutter is open, closed, or on its way: from its direction and position."""

    topic: str
    path: Path
    inverted: bool

    def read(self, message: Message) -> Value | None:
        """Look at both."""
        said = dig(json_of(message.payload), self.path)
        direction = number(dig(said, ("Direction",)))
        position = Position(self.inverted).read(dig(said, ("Position",)))
        if direction:
            return "closing" if (direction < 0) is not self.inverted else "opening"
        if not isinstance(position, int | float):
            return None
        return "closed" if position == 0 else "open"


@dataclass(frozen=True, slots=True)
class ShutterCommand:
    """Nothing is said with ``ShutterOpen``; the command is the word."""

    def read(self, raw: object) -> Value | None:
        """Return nothing: ``ShutterState`` reads."""
        del raw
        return None

    def write(self, value: Value) -> object:
        """Return the empty payload."""
        del value
        return ""


@dataclass(frozen=True, slots=True)
class Says:
    """The command that sets one trait, to one value or to any."""

    trait: Trait
    command: str
    """Topic."""

    codec: Codec
    value: Value | None = None
    """Only for this value; ``None``: for all."""


@dataclass(frozen=True, slots=True)
class CommandWriter:
    """One message for each trait, in the order of ``says``; never retained."""

    says: tuple[Says, ...]
    implied: tuple[tuple[Trait, Trait], ...] = ()
    """The first needs not be said where the second is."""

    def write(
        self, wanted: Mapping[Trait, Value], now: Mapping[Trait, Value]
    ) -> tuple[Outgoing, ...]:
        """Return the messages."""
        del now
        spared = {one for one, other in self.implied if one in wanted and other in wanted}
        sent = tuple(
            Outgoing(one.command, str(one.codec.write(wanted[one.trait])).encode(errors="replace"))
            for one in self.says
            if one.trait in wanted
            and one.trait not in spared
            and one.value in (None, wanted[one.trait])
        )
        if not sent:
            raise Unwritable("nothing of it can be said")
        return sent


def told_by(topics: tuple[str, ...], paths: tuple[Path, ...], codec: Codec) -> tuple[Reader, ...]:
    """Return readers of several topics, each of which may say it in several places."""
    return tuple(
        Either(topic, tuple(InJson(topic, path, codec) for path in paths)) for topic in topics
    )


def plain(topic: str, paths: tuple[Path, ...], codec: Codec) -> Reader:
    """Return a reader of a topic that may say it in JSON or be it."""
    return Either(
        topic, (*(InJson(topic, path, codec) for path in paths), Plain(topic, codec))
    )  # fmt: skip


def both_ways(shape: Shape, reads: tuple[Reader, ...], tolerance: float = 0.0) -> Feature:
    """Return a feature that is set and read."""
    return Feature(shape, settable=True, reads=reads, tolerance=tolerance)
