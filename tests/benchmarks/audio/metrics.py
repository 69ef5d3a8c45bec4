"""What is measured: how much echo went, how soon, and what became of the person.

All sound here is float, full scale -1 to 1, and outputs are aligned first (``aligned``): an
engine that is late is not punished for it, nor one that is later while the box plays. Definitions
are those of the research that chose the canceller; ERLE (echo return loss enhancement) is the
level of the microphone above that of the output, in dB, where only the box is to be heard.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_toeplitz
from scipy.signal import fftconvolve

from appliance.frames import RATE
from tests.benchmarks.audio.scenes import Rendered, span

Sound = NDArray[np.float64]

SEARCH = round(0.12 * RATE)
"""Samples by which an engine may be late."""

WINDOW = round(0.5 * RATE)
HOP = round(0.1 * RATE)
"""Of the curve of ERLE."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """ERLE over time; windows in which the box paused are left out."""

    times: Sound
    """Seconds from the begin of the part to the end of each window."""

    erle_db: Sound

    def median(self, begin: float, end: float) -> float:
        """Return the median of the windows that end in a span of time; nan: there is none."""
        inside = self.erle_db[(self.times >= begin) & (self.times < end)]
        return float(np.median(inside)) if len(inside) else float("nan")

    def time_to(self, level_db: float, hold: float = 1.0) -> float:
        """Return when a level was first reached and, by the median, held; nan: never."""
        for i, (time, value) in enumerate(zip(self.times, self.erle_db, strict=True)):
            held = self.erle_db[i : np.searchsorted(self.times, time + hold)]
            if value >= level_db and np.median(held if len(held) else value) >= level_db:
                return float(time)
        return float("nan")


@dataclass(frozen=True, slots=True)
class Figures:
    """What one output of one engine is worth in one scene."""

    latency_ms: float
    """Of the person, in double talk."""

    erle_first: float
    """Median of the curve in the first 1.5 s of the first playback."""

    erle: float
    """From 10 s of playback on."""

    time_to_10_db: float
    """Seconds; nan: never."""

    erle_moved_first: float
    """Median in the first 1.5 s after the echo path changed."""

    erle_moved: float
    """From 8 s after the change on."""

    sdr: float
    """Of the person against all else, in double talk."""

    sdr_in: float
    """The same of the microphone."""

    person_gain: float
    """Level in dB of what is left of the person in double talk."""


def db(power: float) -> float:
    """Return a power in decibels; nothing is -140."""
    return float(10 * np.log10(max(float(power), 1e-14)))


def erle(microphone: Sound, output: Sound) -> float:
    """Return by how many dB the output is softer than the microphone."""
    return db(np.sum(microphone**2)) - db(np.sum(output**2))


def erle_curve(microphone: Sound, output: Sound) -> Curve:
    """Return ERLE over windows of 0.5 s, every 0.1 s, less those 15 dB below the mean level."""
    times, values = [], []
    pause = 0.03 * np.mean(microphone**2)
    for first in range(0, len(microphone) - WINDOW, HOP):
        window = slice(first, first + WINDOW)
        if np.mean(microphone[window] ** 2) >= pause:
            times.append((first + WINDOW) / RATE)
            values.append(erle(microphone[window], output[window]))
    return Curve(np.array(times), np.array(values))


def latency(output: Sound, clean: Sound) -> int:
    """Return by how many samples the output is later than clean speech (GCC-PHAT, up to 120 ms).

    Only the phase counts, so that an engine's high pass does not pass for a delay.
    """
    size = 2 * len(clean)
    cross = np.fft.rfft(output, size) * np.conj(np.fft.rfft(clean, size))
    correlation = np.fft.irfft(cross / (np.abs(cross) + 1e-9))
    return int(np.argmax(np.abs(correlation[:SEARCH])))


def aligned(output: Sound, late: int) -> Sound:
    """Take the lateness out of an output; the same length."""
    return np.concatenate([output[late:], np.zeros(late)])


def sdr(output: Sound, clean: Sound, taps: int = 128) -> float:
    """Return signal over distortion: what ``taps`` of filter of the clean sound explain, and not.

    As in BSS-eval: equalisation and phase are no distortion. A quarter of the taps looks ahead.
    """
    output, clean = output - output.mean(), clean - clean.mean()
    ahead = taps // 4
    clean = np.concatenate([clean[ahead:], np.zeros(ahead)])
    size = 2 * (len(clean) + taps)
    spectrum = np.fft.rfft(clean, size)
    own = np.fft.irfft(np.abs(spectrum) ** 2)[:taps]
    own[0] *= 1 + 1e-6
    cross = np.fft.irfft(np.fft.rfft(output, size) * np.conj(spectrum))[:taps]
    explained = fftconvolve(clean, solve_toeplitz(own, cross))[: len(output)]
    return db(np.sum(explained**2)) - db(np.sum((output - explained) ** 2))


def person_gain(output: Sound, clean: Sound, window: int = 512) -> float:
    """Return the level in dB of the clean speech that is left in an output.

    In each band (190 Hz to 6.8 kHz) the output is projected on the clean speech over all windows
    with speech; bands count by their power.
    """
    count = (len(clean) - window) // (window // 2)
    windows = np.lib.stride_tricks.sliding_window_view
    shape = np.hanning(window)
    said = np.fft.rfft(windows(clean, window)[:: window // 2][:count] * shape)
    left = np.fft.rfft(windows(output, window)[:: window // 2][:count] * shape)
    powers = np.sum(np.abs(said) ** 2, axis=1)
    spoken = powers > 1e-3 * powers.max()
    said, left = said[spoken][:, 6:220], left[spoken][:, 6:220]
    weight = np.sum(np.abs(said) ** 2, axis=0)
    projected = np.real(np.sum(left * np.conj(said), axis=0)) ** 2 / (weight**2 + 1e-20)
    return db(float(np.sum(projected * weight) / np.sum(weight)))


def figures(rendered: Rendered, output: NDArray[np.int16]) -> Figures:
    """Measure one output, shape ``(n,)``, against the scene's first microphone."""
    length = len(output)
    microphone = rendered.microphones[0][:length] / 32768.0
    person = rendered.person[0][:length].astype(np.float64)
    raw, both = output / 32768.0, span("both", 0.5, 0.5)
    found = {latency(raw[part], person[part]) for part in (span("person", 0.3, 0.5), both)}
    late = max(found, key=lambda late: sdr(aligned(raw, late)[both], person[both]))
    sound = aligned(raw, late)

    def over(part: slice) -> tuple[Sound, Sound]:
        return microphone[part], sound[part]

    first, moved = erle_curve(*over(span("echo"))), erle_curve(*over(span("moved")))
    return Figures(
        latency_ms=1000.0 * late / RATE,
        erle_first=first.median(0.0, 1.5),
        erle=erle(*over(span("echo", 10.0))),
        time_to_10_db=first.time_to(10.0),
        erle_moved_first=moved.median(0.0, 1.5),
        erle_moved=erle(*over(span("moved", 8.0))),
        sdr=sdr(sound[both], person[both]),
        sdr_in=sdr(microphone[both], person[both]),
        person_gain=person_gain(sound[both], person[both]),
    )
