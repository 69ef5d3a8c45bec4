"""Whether the canceller has learnt the way from the loudspeaker to the microphone.

Two signs are taken together. *Levels*: by how much the output is softer than the microphone in
the best tenths of a second of playback; a person who talks hides that, but only while they talk.
*Likeness*: how much of the estimated echo is in what the microphone hears, by correlation (as in
the normalised cross-correlation of J. Benesty, D. Morgan and J. Cho, "A New Class of Doubletalk
Detectors Based on Cross-Correlation", IEEE Trans. SAP 8(2), 2000): 1 as long as the estimate is
right, whoever talks over it; far from 1 once the echo comes another way. So levels show that the
canceller has converged, and likeness that it no longer has.
"""

from collections import deque

import numpy as np

from appliance.enhance.types import Mono
from appliance.frames import FRAME_SECONDS
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

_AUDIBLE = 1e-6  # -60 dBFS of the microphone or the echo; softer playback disturbs nobody
_TENTH = 10  # blocks over which levels are taken
_LEAST = 3  # tenths
_REMEMBERED = 15  # tenths
_BEST = 0.75  # the share of tenths that are worse
_SMOOTH = 0.97  # of the likeness: a third of a second
_CURVE = 0.98  # of the curve for people


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

    def process(self, heard: Mono, left: Mono, echo: Mono) -> None:
        """Take 10 ms of playback: the microphone, the canceller's output and what it took away."""
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
        return self._learnt and abs(self.likeness - 1) <= MOST_DOUBTFUL

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


def _decibels(heard: float, left: float) -> float:
    return 10 * float(np.log10((heard + 1e-12) / (left + 1e-12)))
