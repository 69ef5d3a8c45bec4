"""The short sounds of the box, made here from sines: soft, without clicks, easy to tell apart.

Rising means "go on", falling means "it is over", two low equal tones mean "that went wrong".
"""

from collections.abc import Mapping
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from appliance.ports import Cue
from appliance.units import SampleRate, Seconds

PEAK_DB = -12.0
"""Peak, relative to full scale: a sound that startles is switched off."""

_ATTACK = Seconds(0.008)
"""Rise of a tone; from about 5 ms on the ear hears no click."""

_OVERTONE = 0.25
"""Share of the octave above: a bare sine is hard to locate and dull on small loudspeakers."""

_Tones = tuple[tuple[float, float, float], ...]
"""Begin in seconds, length in seconds, pitch in Hz."""


class Chime(StrEnum):
    """What a sound says."""

    LISTENING = "listening"
    """Speak now."""

    UNHEARD = "unheard"
    """Back to rest; nothing was understood as a request."""

    FAILED = "failed"
    MUTED = "muted"
    UNMUTED = "unmuted"
    ALARM = "alarm"
    """A timer is over, or it is time to get up; repeated until somebody stops it."""

    REMINDER = "reminder"
    """A word follows."""


FOR_CUE: Mapping[Cue, Chime] = {
    Cue.PROMPT: Chime.LISTENING,
    Cue.UNHEARD: Chime.UNHEARD,
    Cue.FAILED: Chime.FAILED,
    Cue.MUTED: Chime.MUTED,
}
"""Which cue is heard, and how; the others are only seen."""

_TONES: Mapping[Chime, _Tones] = {
    Chime.LISTENING: ((0.0, 0.12, 659.3), (0.07, 0.16, 987.8)),
    Chime.UNHEARD: ((0.0, 0.12, 784.0), (0.08, 0.18, 523.3)),
    Chime.FAILED: ((0.0, 0.14, 311.1), (0.18, 0.22, 311.1)),
    Chime.MUTED: ((0.0, 0.10, 587.3), (0.06, 0.14, 293.7)),
    Chime.UNMUTED: ((0.0, 0.10, 293.7), (0.06, 0.14, 587.3)),
    Chime.ALARM: ((0.0, 0.12, 659.3), (0.13, 0.12, 659.3), (0.26, 0.24, 880.0)),
    Chime.REMINDER: ((0.0, 0.18, 523.3), (0.12, 0.34, 784.0)),
}


def make_chimes(
    rate: SampleRate, *, peak_db: float = PEAK_DB
) -> Mapping[Chime, NDArray[np.int16]]:
    """Make every chime, one channel each; a few milliseconds of work, once at the start.

    Args:
        rate: Of the samples.
        peak_db: Peak of each, relative to full scale; 0 at most.
    """
    peak = 32_767 * 10 ** (min(0.0, peak_db) / 20)
    return {chime: _sound(tones, rate, peak) for chime, tones in _TONES.items()}


def _sound(tones: _Tones, rate: SampleRate, peak: float) -> NDArray[np.int16]:
    whole = np.zeros(round(rate * max(begin + length for begin, length, _ in tones)))
    for begin, length, pitch in tones:
        first = round(rate * begin)
        tone = _tone(round(rate * length), pitch, rate)[: len(whole) - first]
        whole[first : first + len(tone)] += tone
    scaled: NDArray[np.int16] = np.rint(whole * (peak / np.abs(whole).max())).astype(np.int16)
    return scaled


def _tone(count: int, pitch: float, rate: SampleRate) -> NDArray[np.float64]:
    """Return a struck tone: it rises as half a cosine and dies away to nothing."""
    time = np.arange(count) / rate
    rise = 0.5 - 0.5 * np.cos(np.pi * np.minimum(time / _ATTACK, 1.0))
    left = 1.0 - np.arange(count) / max(1, count - 1)
    phase = 2 * np.pi * pitch * time
    struck: NDArray[np.float64] = rise * left**2 * (np.sin(phase) + _OVERTONE * np.sin(2 * phase))
    return struck
