"""Microphone boards: which channels carry what and where the microphones are.

The boards are those of ``hardware/microphones.toml``; a board is chosen by its name there, or by
the card's name. Choosing never fails: what does not fit falls back to single microphones, and
says why.
"""

import re
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.errors import ConfigError

Position = tuple[float, float, float]
"""In metres: x to the front, y to the left, z up."""

Channel = Annotated[int, Field(ge=0, le=63)]
Metres = Annotated[float, Field(ge=-2.0, le=2.0)]

AUTO = "auto"
GENERIC = "generic"

_CHECKOUT = Path(__file__).parents[3] / "hardware" / "microphones.toml"
_INSTALLED = Path(sys.prefix) / "share" / "voice-appliance" / "hardware" / "microphones.toml"


@dataclass(frozen=True, slots=True)
class Array:
    """One board with one firmware."""

    name: str
    title: str
    microphones: tuple[int, ...]
    """Channels of the card that carry microphones, counted from 0."""

    positions: tuple[Position, ...] | None = None
    """Of ``microphones``; ``None``: not known, so there is no bearing."""

    beam: bool = False
    """Whether the microphones belong together closely enough for a beam."""

    reference_channel: int | None = None
    """Carries what the board itself plays."""

    cancels: bool = False
    """Whether the board takes what is played through it out of ``processed_channel`` itself."""

    processed_channel: int | None = None
    """Carries the sound as the board has processed it."""

    channels: int = 1
    """How many channels the card must be opened with, at least."""

    why: str = ""
    """Why this one, in a sentence for people."""


class _Entry(BaseModel):
    """One table of the file, as its head describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    channels: Annotated[int, Field(ge=1, le=64)]
    microphones: tuple[Channel, ...]
    source: str
    match: tuple[str, ...] = ()
    exactly: bool = False
    positions: tuple[tuple[Metres, Metres, Metres], ...] | None = None
    beam: bool = False
    reference: Channel | None = None
    cancels: bool = False
    processed: Channel | None = None

    def problems(self) -> list[str]:
        """Say what no type says."""
        found = []
        if self.positions is not None and len(self.positions) != len(self.microphones):
            found.append("as many positions as microphones are needed")
        if len(set(self.microphones)) != len(self.microphones):
            found.append("a channel is named twice")
        used = (*self.microphones, self.reference or 0, self.processed or 0)
        # the ASR channel of a board that is opened with fewer channels is simply not used
        if self.exactly and max(used) >= self.channels:
            found.append(f"channel {max(used)} is not among {self.channels}")
        for pattern in self.match:
            try:
                re.compile(pattern)
            except re.error as error:
                found.append(f"match {pattern!r}: {error}")
        return found


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    arrays: dict[str, _Entry]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The boards of a file, in its order."""

    entries: tuple[tuple[str, _Entry], ...]

    def arrays(self) -> tuple[Array, ...]:
        """Return the boards as they would be with just the channels that they need."""
        return tuple(_array(name, entry, entry.channels, "") for name, entry in self.entries)

    def choose(self, name: str, card: str, channels: int) -> Array:
        """Return the board of that name, or for ``auto`` of that card, opened with ``channels``.

        Never fails; ``Array.why`` says how it came to be.
        """
        if name != AUTO:
            return self._named(name, channels)
        fitting = [
            (key, entry)
            for key, entry in self.entries
            if _matches(entry, card) and _fits(entry, channels)
        ]
        if not fitting:
            return generic(channels, f"nothing is known of {card!r} with {channels} channels")
        key, entry = max(fitting, key=lambda pair: _closeness(pair[1], card))
        return _array(key, entry, channels, f"by the card's name, {card!r}")

    def _named(self, name: str, channels: int) -> Array:
        entry = dict(self.entries).get(name)
        if entry is None:
            known = ", ".join(key for key, _ in self.entries)
            return generic(channels, f"there is no array {name!r}; there are {known}")
        if not _fits(entry, channels):
            words = f"{name} needs {entry.channels} channels, the card has given {channels}"
            return generic(channels, words)
        return _array(name, entry, channels, "as configured")

    def wanted(self, name: str, card: str, most: int) -> int:
        """Return how many of at most ``most`` channels to open of a card for all that it can do.

        0: nothing is known of it, so any number will do.
        """
        entries = dict(self.entries)
        if name != AUTO:
            entry = entries.get(name)
            if entry is None or entry.channels > most:
                return 0
            return most if not entry.microphones and entry.beam else entry.channels
        numbers = [
            entry.channels
            for entry in entries.values()
            if _matches(entry, card) and entry.channels <= most
        ]
        return max(numbers, default=0)


def parse(text: str, *, where: str) -> Catalogue:
    """Read a list of boards.

    Raises:
        ConfigError: It is wrong; all problems at once.
    """
    try:
        file = _File.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError((f"{where}: {error}",)) from error
    except ValidationError as error:
        raise ConfigError(
            [
                f"{where}: {'.'.join(str(part) for part in e['loc'])}: {e['msg']}"
                for e in error.errors(include_url=False, include_input=False)
            ]
        ) from error
    entries = tuple(file.arrays.items())
    problems = [f"{where}: arrays.{k}: {words}" for k, e in entries for words in e.problems()]
    if problems:
        raise ConfigError(problems)
    return Catalogue(entries)


@cache
def shipped() -> Catalogue:
    """Read the list that came with this program.

    Raises:
        ConfigError: It is not there, or wrong.
    """
    path = _CHECKOUT if _CHECKOUT.is_file() else _INSTALLED
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        words = f"{path}: {error.strerror}; install the appliance again"
        raise ConfigError((words,)) from error
    return parse(text, where=path.name)


def read_arrays() -> tuple[Array, ...]:
    """Return the boards that came with this program.

    Raises:
        ConfigError: The list is not there, or wrong.
    """
    return shipped().arrays()


def choose(name: str, card_name: str, channels: int) -> Array:
    """Return the board of that name, or for ``auto`` that of the card; see ``Catalogue.choose``.

    Raises:
        ConfigError: The list of boards is not there, or wrong.
    """
    return shipped().choose(name, card_name, channels)


def generic(channels: int, why: str = "") -> Array:
    """Return a card with so many single microphones."""
    everyone = tuple(range(max(1, channels)))
    return Array(GENERIC, "any sound card: one microphone", everyone, channels=1, why=why)


def _matches(entry: _Entry, card: str) -> bool:
    return any(re.search(pattern, card, re.IGNORECASE) for pattern in entry.match)


def _fits(entry: _Entry, channels: int) -> bool:
    return channels == entry.channels if entry.exactly else channels >= entry.channels


def _closeness(entry: _Entry, card: str) -> tuple[int, int]:
    """Prefer what needs more channels, then what names more of the card."""
    spans = (re.search(pattern, card, re.IGNORECASE) for pattern in entry.match)
    return entry.channels, max(len(found.group()) for found in spans if found is not None)


def _array(name: str, entry: _Entry, channels: int, why: str) -> Array:
    array = Array(
        name=name,
        title=entry.title,
        microphones=entry.microphones or tuple(range(channels)),
        positions=entry.positions,
        beam=entry.beam,
        reference_channel=entry.reference,
        cancels=entry.cancels,
        processed_channel=entry.processed,
        channels=entry.channels,
        why=why,
    )
    processed = array.processed_channel
    if processed is not None and processed >= channels:
        return replace(array, processed_channel=array.microphones[0])
    return array


def names(arrays: Sequence[Array]) -> tuple[str, ...]:
    """Return what ``[audio] array`` may say besides ``auto``."""
    return tuple(array.name for array in arrays)
