"""Whether the canceller has learnt the way from the loudspeaker to the microphone.

Three signs are taken together. *Levels*: by how much the output is softer than the microphone in
the best tenths of a second of playback; a person who talks hides that, but only while they talk.
*Likeness*: how much of the estimated echo is in what the microphone hears, by correlation (as in
the normalised cross-correlation of J. Benesty, D. Morgan and J. Cho, "A New Class of Doubletalk
Detectors Based on Cross-Correlation", IEEE Trans. SAP 8(2), 2000): 1 as long as the estimate is
right, whoever talks over it; far from 1 once the echo comes another way. *Own voice*: how much of
one delayed copy of the reference is in what the canceller left, by cross-correlation of whitened
spectra (after C. Knapp and G. Carter, "The Generalized Correlation Method for Estimation of Time
Delay", IEEE Trans. ASSP 24(4), 1976): next to none if that is a person, much if the echo has begun
to come another way just now. So levels show that the canceller has converged, likeness that it no
longer has, and own voice tells a person from the first moments of a new path, in which the
canceller mends itself faster than likeness falls.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from appliance.enhance.types import Mono
from appliance.frames import FRAME_SAMPLES, FRAME_SECONDS
from appliance.units import Seconds

CONVERGED_DB = 10.0
"""Echo return loss enhancement from which the suppressor behind the canceller can be trusted: the
guard that the research found to be needed in the first second or two of a first playback."""

FIRST_GUARD = Seconds(0.6)
"""Audible playback before it can have converged for the first time."""

CONFIRMED = Seconds(0.3)
"""The same if what was learnt has been restored: the box may have been moved meanwhile."""

MOST_WRONG = 0.5
"""How far from 1 the likeness may be: an estimate of half the strength cancels 6 dB. A person who
is 5 dB louder than the echo moves it by 0.2 (tuning scenes, 2026-11-21)."""

MOST_DOUBTFUL = 0.25
"""Beyond this nothing is believed for the moment. When the reference slips, a stop would come
0.2 s later; the likeness is at 0.7 by then. Without a slip it is between 0.84 and 1.1 in 99 of 100
blocks, also with a bad loudspeaker, in noise and while a person talks."""

DOUBT = Seconds(0.1)
"""How long the likeness must be wrong until the canceller has to prove itself again."""

MOST_OWN = 0.2
"""How much of what is left may be the reference, 0 to 1. In 68 tuning scenes (2026-11-21), each
heard from four begins, there were 94 false stops within 1.1 s after the path had changed. At 93 of
them this was 0.26 or more, at one 0.2; it was 0.17 at most when a person was believed. While the
box plays alone it is at 0.06 to 0.13; with a loudspeaker that distorts badly at 0.21 in 1 of 10
looks."""

_AUDIBLE = 1e-6  # -60 dBFS of the microphone or the echo; softer playback disturbs nobody
_TENTH = 10  # blocks over which levels are taken
_LEAST = 3  # tenths
_REMEMBERED = 15  # tenths
_BEST = 0.75  # the share of tenths that are worse
_SMOOTH = 0.97  # of the likeness: a third of a second
_CURVE = 0.98  # of the curve for people

_HALF = FRAME_SAMPLES // 2  # half the rate is enough to know a voice
_SPAN = 20 * _HALF  # what is correlated: 0.2 s
_TRANSFORM = 2048  # delays of up to 56 ms are seen in whole, longer ones in part
_GROUP = 16  # bins, 125 Hz, that are whitened by their mean
_EVERY = 5  # blocks
_FAINT = np.float32(1e-12)


class Convergence:
    """Follows one microphone's canceller, block by block while the box is to be heard.

    Args:
        restored: What the canceller knows was learnt before the box was started.
    """

    def __init__(self, *, restored: bool = False) -> None:
        self._learnt = False
        self.erle_db: float | None = None
        """Over the latest second of audible playback; a person who talks lowers it."""

        self._guard = CONFIRMED if restored else FIRST_GUARD
        self._played = 0.0
        self._heard_sum = self._left_sum = 0.0
        self._summed = 0
        self._levels: deque[float] = deque(maxlen=_REMEMBERED)
        self._heard_mean = self._left_mean = 0.0
        self._common = self._estimated = 0.0
        self._wrong = 0.0
        self._own_voice = _OwnVoice()

    def process(self, heard: Mono, left: Mono, echo: Mono, reference: Mono) -> None:
        """Take 10 ms of playback.

        Args:
            heard: The microphone.
            left: The canceller's output.
            echo: What it took away.
            reference: What is played, aligned.
        """
        self._own_voice.process(left, reference)
        heard_power, left_power = float(np.mean(heard**2)), float(np.mean(left**2))
        if heard_power < _AUDIBLE:
            return
        self._played += FRAME_SECONDS
        self._measure(heard_power, left_power)
        self._compare(heard, echo)
        if self._learnt:
            self._doubt()
        elif self._played >= self._guard and self._convinced():
            self._learnt, self._wrong = True, 0.0

    @property
    def converged(self) -> bool:
        """Whether what is heard while the box speaks is a person; any thread."""
        right = abs(self.likeness - 1) <= MOST_DOUBTFUL
        return self._learnt and right and self._own_voice.share <= MOST_OWN

    @property
    def own_voice(self) -> float:
        """How much of what was left lately is the reference, 0 to 1."""
        return self._own_voice.share

    @property
    def likeness(self) -> float:
        """How much of the estimated echo was heard lately: 1 if it was right, 0 if not at all."""
        return self._common / (self._estimated + 1e-12)

    def _convinced(self) -> bool:
        if len(self._levels) < _LEAST or abs(self.likeness - 1) > MOST_WRONG:
            return False
        return float(np.quantile(self._levels, _BEST)) >= CONVERGED_DB

    def _doubt(self) -> None:
        wrong = abs(self.likeness - 1) > MOST_WRONG
        self._wrong = self._wrong + FRAME_SECONDS if wrong else 0.0
        if self._wrong >= DOUBT:
            self._learnt = False
            self._levels.clear()

    def _measure(self, heard: float, left: float) -> None:
        self._heard_mean = _CURVE * self._heard_mean + (1 - _CURVE) * heard
        self._left_mean = _CURVE * self._left_mean + (1 - _CURVE) * left
        self.erle_db = _decibels(self._heard_mean, self._left_mean)
        self._heard_sum += heard
        self._left_sum += left
        self._summed += 1
        if self._summed == _TENTH:
            self._levels.append(_decibels(self._heard_sum, self._left_sum))
            self._heard_sum = self._left_sum = 0.0
            self._summed = 0

    def _compare(self, heard: Mono, echo: Mono) -> None:
        # differences, for speech is strongest where it is least telling
        ours, theirs = np.diff(heard), np.diff(echo)
        self._common = _SMOOTH * self._common + (1 - _SMOOTH) * float(ours @ theirs)
        self._estimated = _SMOOTH * self._estimated + (1 - _SMOOTH) * float(theirs @ theirs)


class _OwnVoice:
    """Looks for the reference, at any delay, in what the canceller left."""

    def __init__(self) -> None:
        self.share = 0.0
        """The greatest correlation over all delays, 0 to 1."""

        self._both = np.zeros((2, _SPAN + 1), np.float32)
        self._blocks = 0

    def process(self, left: Mono, reference: Mono) -> None:
        """Take the next 10 ms of both."""
        both = self._both
        both[:, :-_HALF] = both[:, _HALF:]
        np.add(left[::2], left[1::2], out=both[0, -_HALF:])
        np.add(reference[::2], reference[1::2], out=both[1, -_HALF:])
        self._blocks += 1
        if self._blocks % _EVERY == 0:
            self.share = self._correlate()

    def _correlate(self) -> float:
        left, reference = np.fft.rfft(np.diff(self._both), _TRANSFORM)[:, :-1]
        common = left * reference.conj()
        common.reshape(-1, _GROUP)[:] *= _whitening(left) * _whitening(reference)
        # all bins are 1 on average now, and so is the most that they can have in common; numpy
        # fills in nought for the highest frequency
        return float(np.abs(np.fft.irfft(common, _TRANSFORM)).max())


def _whitening(spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Return a factor for each group of bins, shape ``(groups, 1)``."""
    parts = spectrum.view(np.float32).reshape(-1, 2 * _GROUP)
    powers = np.vecdot(parts, parts) / _GROUP
    return np.asarray(1 / np.sqrt(powers + _FAINT), np.float32)[:, np.newaxis]


def _decibels(heard: float, left: float) -> float:
    return 10 * float(np.log10((heard + 1e-12) / (left + 1e-12)))
