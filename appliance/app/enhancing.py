"""A recording through the very chain of the box, and what that made of the echo in it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import soxr
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from appliance.audio.recording import Recording, read
from appliance.config import Config
from appliance.enhance.array.geometry import AUTO, GENERIC, Array, choose, names, read_arrays
from appliance.enhance.chain import Chain
from appliance.enhance.types import FULL_SCALE, Report
from appliance.errors import ConfigError
from appliance.frames import FRAME_SAMPLES, RATE, Frame, Taps, seconds
from appliance.units import SampleIndex, Seconds

Sound = NDArray[np.int16]

QUALITY = "LQ"
"""As ``appliance.audio.capture`` resamples."""

BAND_HZ = (100.0, 7_600.0)
"""In which sound is compared: the high pass of the chain is no merit of its canceller."""

PLAYING_DB = -60.0
"""A reference that is louder than this in a second counts as playback."""

SILENCE_DB = -100.0
REACH = Seconds(0.4)
"""How late an echo may be for the chain to find it (0.5 s, with some spare)."""

AHEAD = Seconds(0.06)
"""Where the echo is put when the far file begins elsewhere: what sound cards do."""

_LOOKED_AT = 120 * RATE
"""Samples of a recording in which the echo is looked for; more would only take memory."""

_DISTINCT = 12.0
"""A peak of the whitened correlation that stands so far above the rest is an echo. That of noise
reaches 6 in two minutes."""


class Engine(Protocol):
    """An enhancer that can tell how it is doing."""

    def process(self, frame: Frame) -> Taps:
        """Take the next 10 ms; see ``appliance.ports.Enhancer``."""
        ...

    def report(self) -> Report:
        """Return what it knows now."""
        ...


@dataclass(frozen=True, slots=True)
class Second:
    """What became of one second of sound; levels in dB relative to full scale."""

    at: Seconds
    """Its end."""

    playing: bool
    """The reference was to be heard in it."""

    microphone_db: float
    """Mean of the array's microphones."""

    wake_db: float
    speech_db: float
    recognition_db: float
    report: Report

    def erle_db(self, tap_db: float) -> float:
        """Return by how much a tap is softer than the microphones."""
        return self.microphone_db - tap_db


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What goes through the chain: everything at ``RATE``."""

    microphones: Sound = field(repr=False)
    """Shape ``(n, channels)``."""

    far: Sound | None = field(repr=False)
    """Shape ``(n,)``: what was played; ``None``: it is not known."""

    shifted: Seconds | None = None
    """By how much the far file was moved to where its echo needs it; ``None``: not at all."""

    notes: tuple[str, ...] = ()
    """What people should know of it."""

    @property
    def length(self) -> Seconds:
        """How long it is."""
        return seconds(len(self.microphones))

    def frames(self) -> Iterator[Frame]:
        """Yield it as frames; the last one is filled up with silence."""
        for start in range(0, len(self.microphones), FRAME_SAMPLES):
            block = self.microphones[start : start + FRAME_SAMPLES]
            known = None if self.far is None else self.far[start : start + FRAME_SAMPLES]
            if (missing := FRAME_SAMPLES - len(block)) > 0:
                block = np.pad(block, ((0, missing), (0, 0)))
                known = None if known is None else np.pad(known, (0, missing))
            yield Frame(block, SampleIndex(start), reference=known)


def make_chain(config: Config, card: str = "") -> Engine:
    """Return a fresh chain as the box would have it with these settings.

    Args:
        config: The settings.
        card: The name of the microphone's card, which may tell the array.
    """
    audio = config.audio
    return Chain(partial(choose, audio.array, card), config.echo, channel=audio.microphone_channel)


def array_of(config: Config, channels: int, card: str = "") -> Array:
    """Return the microphones that these settings use of a card, or of a recording.

    Args:
        config: The settings.
        channels: How many there are.
        card: The name of the card, if it is known.
    """
    array = choose(config.audio.array, card, channels)
    if array.name != GENERIC:
        return array
    return replace(array, microphones=(min(config.audio.microphone_channel, channels - 1),))


def with_array(config: Config, name: str) -> Config:
    """Return the settings with another microphone array.

    Raises:
        ConfigError: There is none of that name.
    """
    known = (AUTO, *names(read_arrays()))
    if name not in known:
        raise ConfigError(
            (f"no microphone array is called {name!r}; there are: {', '.join(known)}",)
        )
    audio = config.audio.model_copy(update={"array": name})
    return config.model_copy(update={"audio": audio})


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """What was heard, and what is known to have been played meanwhile."""

    heard: Recording
    played: Recording | None = None


def read_session(mic: Path) -> Session:
    """Read a recording; one of the box's debug recorder is taken apart by the page beside it.

    Raises:
        RecordingError: It cannot be read.
    """
    page = _page(mic)
    if page is None:
        return Session(read(mic))
    whole = read(mic, most_channels=len(page.channels))
    microphones = [n for n, name in enumerate(page.channels) if name.startswith("microphone")]
    heard = Recording(np.ascontiguousarray(whole.samples[:, microphones]), whole.rate)
    if not page.reference_known or "reference" not in page.channels:
        return Session(heard)
    return Session(heard, whole.channel(page.channels.index("reference")))


class _Page(BaseModel):
    """What ``appliance.audio.recorder`` writes beside its sound; what else it says is not read."""

    model_config = ConfigDict(frozen=True)

    channels: tuple[str, ...]
    reference_known: bool


def _page(mic: Path) -> _Page | None:
    try:
        page = _Page.model_validate_json(mic.with_suffix(".json").read_bytes())
    except (OSError, ValidationError):
        return None
    return page if "microphone 0" in page.channels else None


def prepare(recorded: Recording, far: Recording | None, array: Array) -> Material:
    """Bring a recording and what was played meanwhile to one rate and one beginning.

    A far file that begins so that its echo could not be found is moved; one that is too short is
    followed by silence. Without one, the array's own reference channel serves, if it was
    recorded.

    Args:
        recorded: What the microphones heard.
        far: What the loudspeaker played; several channels are mixed.
        array: Says which channels are what.
    """
    heard = _at_rate(recorded.samples, recorded.rate)
    notes = [_which(array, heard.shape[1])]
    if far is None:
        channel = array.reference_channel
        if channel is None or channel >= heard.shape[1]:
            notes.append("nothing is known of what was played: no echo is cancelled")
            return Material(heard, None, notes=tuple(notes))
        notes.append(f"what was played is channel {channel} of the recording")
        return Material(heard, np.ascontiguousarray(heard[:, channel]), notes=tuple(notes))
    mixed = np.rint(_at_rate(far.samples, far.rate).mean(axis=1)).astype(np.int16)
    if len(mixed) < len(heard):
        seconds_short = seconds(len(heard) - len(mixed))
        notes.append(f"the far file is {seconds_short:.1f} s shorter: silence follows it")
    late = lag(heard[:, array.microphones[0]], mixed)
    shifted = None
    if late is not None and not 0.0 <= late <= REACH:
        shifted = Seconds(late - AHEAD)
        mixed = _moved(mixed, round(shifted * RATE))
        notes.append(f"the far file was moved by {shifted:+.2f} s: its echo was {late:.2f} s late")
    return Material(heard, _fitted(mixed, len(heard)), shifted, tuple(notes))


def _which(array: Array, channels: int) -> str:
    if array.name != GENERIC:
        return f"array: {array.name} ({array.why})"
    if channels == 1:
        return "array: none, one microphone"
    heard = f"channel {array.microphones[0]} of {channels} is heard"
    return f"array: none, {heard} (--array names a board); {array.why}"


def lag(heard: Sound, played: Sound) -> Seconds | None:
    """Return by how much the echo comes later than what was played; ``None``: none is found.

    By the whitened cross-correlation of both (C. Knapp, G. Carter, IEEE Trans. ASSP 24(4), 1976).
    """
    near, far = heard[:_LOOKED_AT], played[:_LOOKED_AT]
    if not (near.any() and far.any()):
        return None
    size = 1 << (len(near) + len(far) - 1).bit_length()
    cross = np.fft.rfft(near, size) * np.conj(np.fft.rfft(far, size))
    magnitude = np.abs(cross)
    correlation = np.fft.irfft(cross / (magnitude + 1e-3 * magnitude.mean()), size)
    top = int(np.argmax(np.abs(correlation)))
    if np.abs(correlation[top]) < _DISTINCT * correlation.std():
        return None
    return seconds(top if top < size // 2 else top - size)


def enhance(
    material: Material,
    chain: Engine,
    array: Array,
    take: Callable[[Taps], object],
    *,
    every: int = 100,
) -> Iterator[Second]:
    """Put it through a chain; yield what became of each second, or each ``every`` frames.

    Args:
        material: From ``prepare``.
        chain: Fresh, or with what it learnt elsewhere.
        array: Whose microphones are compared with the taps.
        take: Gets the taps of each frame.
        every: How many frames make a second.
    """
    meter = _Meter(array)
    for number, frame in enumerate(material.frames(), start=1):
        taps = chain.process(frame)
        take(taps)
        meter.add(frame, taps)
        if number % every == 0:
            yield meter.read(seconds(frame.end), chain.report())
    if not meter.empty:
        yield meter.read(material.length, chain.report())


class _Meter:
    """Gathers sound and tells its levels."""

    def __init__(self, array: Array) -> None:
        self._microphones = list(array.microphones)
        self._clear()

    def _clear(self) -> None:
        self._heard: list[Sound] = []
        self._far: list[Sound] = []
        self._taps: tuple[list[Sound], ...] = ([], [], [])

    @property
    def empty(self) -> bool:
        return not self._heard

    def add(self, frame: Frame, taps: Taps) -> None:
        channels = frame.samples.shape[1]
        there = [number for number in self._microphones if number < channels] or [0]
        self._heard.append(frame.samples[:, there])
        if frame.reference is not None:
            self._far.append(frame.reference)
        for kept, tap in zip(self._taps, (taps.wake, taps.speech, taps.recognition), strict=True):
            kept.append(tap.samples)

    def read(self, at: Seconds, report: Report) -> Second:
        heard = np.concatenate(self._heard)
        far = level_db(np.concatenate(self._far)) if self._far else SILENCE_DB
        wake, speech, recognition = (level_db(np.concatenate(tap)) for tap in self._taps)
        self._clear()
        return Second(at, far > PLAYING_DB, level_db(heard), wake, speech, recognition, report)


def level_db(sound: Sound) -> float:
    """Return the level within ``BAND_HZ`` relative to full scale, the mean of all channels."""
    spectrum = np.abs(np.fft.rfft(sound.reshape(len(sound), -1) / FULL_SCALE, axis=0)) ** 2
    pitch = np.fft.rfftfreq(len(sound), 1 / RATE)
    inside = (pitch >= BAND_HZ[0]) & (pitch <= BAND_HZ[1])
    power = 2 * float(spectrum[inside].sum(axis=0).mean()) / len(sound) ** 2
    return max(SILENCE_DB, float(10 * np.log10(max(power, 1e-12))))


def _at_rate(samples: Sound, rate: int) -> Sound:
    if rate == RATE:
        return samples
    resampler = soxr.ResampleStream(rate, RATE, samples.shape[1], dtype="int16", quality=QUALITY)
    pieces = [
        resampler.resample_chunk(samples[at : at + rate], last=at + rate >= len(samples))
        for at in range(0, len(samples), rate)
    ]
    return np.concatenate(pieces)


def _moved(sound: Sound, later: int) -> Sound:
    return np.pad(sound, (later, 0)) if later > 0 else sound[-later:]


def _fitted(sound: Sound, count: int) -> Sound:
    return sound[:count] if len(sound) >= count else np.pad(sound, (0, count - len(sound)))
