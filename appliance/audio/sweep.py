"""What is played to measure a loudspeaker, a room and microphones: sweeps, and noise like speech.

An exponential sine sweep tells the linear response from the harmonics that the loudspeaker adds:
after deconvolution harmonic n stands alone, ``advance(n)`` before the response (A. Farina,
"Simultaneous measurement of impulse response and distortion with a swept-sine technique", 108th
AES Convention, 2000). Three of them, seconds apart, tell two clocks from one. The noise between
them is for the canceller, which learns slowly from a sine. All of it at ``appliance.frames.RATE``.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from appliance.frames import RATE
from appliance.units import Seconds

Sound = NDArray[np.float64]
"""Full scale is -1 to 1."""

LOW_HZ = 100.0
HIGH_HZ = 7_600.0
SWEEP = Seconds(1.5)
FADE = Seconds(0.02)
"""A sweep that begins or ends at once clicks, and rings in what is deconvolved."""

QUIET = Seconds(1.2)
"""Before the first sweep, for the noise of the room."""

GAP = Seconds(1.0)
"""Behind each sweep, for the room to fade and for the harmonics of the next one."""

NOISE = Seconds(4.0)
TAIL = Seconds(1.0)
"""Silence at the end: what is late must still be heard."""

_GROWTH = SWEEP / np.log(HIGH_HZ / LOW_HZ)
"""Seconds in which the pitch grows e-fold."""

_FLOOR = 1e-4
"""Of the sweep's greatest power, added before it is divided by: beyond its band it has zeros."""

_EDGE_HZ = (40.0, 400.0)
"""Over so much the answer fades at the lower and upper end of the band: harmonics go on where the
sweep has ended, and would be divided by next to nothing."""

_SYLLABLES = 4.0
"""A second, as of talkers (the peak of the modulation spectrum of speech)."""


@dataclass(frozen=True, slots=True, eq=False)
class Programme:
    """All that is played, and where what begins in it."""

    samples: NDArray[np.int16] = field(repr=False)
    sweep: Sound = field(repr=False)
    """One sweep as it is in ``samples``."""

    sweeps: tuple[int, ...]
    """Where each begins."""

    noise: tuple[int, int]
    """Where the noise begins and ends."""

    level_db: float
    """Peak, relative to full scale."""

    @property
    def length(self) -> Seconds:
        """How long it plays."""
        return Seconds(len(self.samples) / RATE)


def programme(level_db: float) -> Programme:
    """Make what is played: quiet, two sweeps, noise, a third sweep.

    Args:
        level_db: Peak, relative to full scale; 0 at most.
    """
    peak = 10 ** (min(level_db, 0.0) / 20)
    sweep = peak * _sweep()
    noise = _noise()
    noise *= peak / np.abs(noise).max()
    gap = np.zeros(round(GAP * RATE))
    parts = (np.zeros(round(QUIET * RATE)), sweep, gap, sweep, gap, noise, gap, sweep)
    edges = np.cumsum([len(part) for part in parts])
    tail = np.zeros(round(TAIL * RATE))
    samples = np.rint(32_767 * np.concatenate((*parts, tail))).astype(np.int16)
    return Programme(
        samples,
        sweep,
        sweeps=(int(edges[0]), int(edges[2]), int(edges[6])),
        noise=(int(edges[4]), int(edges[5])),
        level_db=min(level_db, 0.0),
    )


def advance(harmonic: int) -> Seconds:
    """Return by how much a harmonic stands before the linear response."""
    return Seconds(float(_GROWTH * np.log(harmonic)))


def deconvolve(recorded: Sound, sweep: Sound) -> Sound:
    """Return what turns the sweep into the recording, shape ``(n,)`` as it or ``(channels, n)``.

    Sample k is the answer to a sweep that begins at sample k of the recording; a sweep that was
    played at full level and comes back whole gives a peak of nearly 1 there.
    """
    count = recorded.shape[-1]
    size = 1 << int(np.ceil(np.log2(count + len(sweep))))
    spectrum = np.fft.rfft(sweep, size)
    power = np.abs(spectrum) ** 2
    inverse = _within_band(size) * np.conj(spectrum) / (power + _FLOOR * power.max())
    answer: Sound = np.fft.irfft(np.fft.rfft(recorded, size) * inverse, size)[..., :count]
    return answer


def _within_band(size: int) -> Sound:
    pitch = np.fft.rfftfreq(size, 1 / RATE)
    low, high = _EDGE_HZ
    inside = np.minimum((pitch - LOW_HZ) / low, (HIGH_HZ - pitch) / high)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.clip(inside, 0.0, 1.0)))


def _sweep() -> Sound:
    time = np.arange(round(SWEEP * RATE)) / RATE
    swept = np.sin(2 * np.pi * LOW_HZ * _GROWTH * (np.exp(time / _GROWTH) - 1.0))
    edge = round(FADE * RATE)
    fade = 0.5 - 0.5 * np.cos(np.pi * np.arange(edge) / edge)
    swept[:edge] *= fade
    swept[-edge:] *= fade[::-1]
    return np.asarray(swept)


def _noise() -> Sound:
    """Return noise that falls by 3 dB an octave and swells as syllables do; always the same."""
    count = round(NOISE * RATE)
    rng = np.random.default_rng(1)
    pitch = np.fft.rfftfreq(count, 1 / RATE)
    spectrum = np.fft.rfft(rng.standard_normal(count))
    spectrum *= np.where(pitch < LOW_HZ, 0.0, np.sqrt(LOW_HZ / np.maximum(pitch, LOW_HZ)))
    steady = np.fft.irfft(spectrum, count)
    time = np.arange(count) / RATE
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * _SYLLABLES * time)
    # far peaks would make the rest faint
    return np.asarray(np.tanh(steady / (1.5 * steady.std())) * swell)
