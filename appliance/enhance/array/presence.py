"""Whether somebody talks, told from several microphones, per moment and per frequency.

What is heard is compared with what is heard when nobody talks: its covariance, which is learnt in
just those moments. The squared length of the whitened sound, y'R⁻¹y over the number of
microphones, is 1 on average for noise of the usual level and direction, more for a louder noise,
and much more for sound from where no noise comes from (M. Souden et al., IEEE Trans. ASLP 18(2),
2010). Averaged over the frequencies of speech, log(1 + q) told talk from diffuse noise, music and
a second voice with an area under the curve of 0.94 to 1.0 on simulated rooms; its usual value and
spread without talk are followed, and talk is what lies beyond.

Of the frequencies, those have speech that fit the covariance of talk better than that of noise.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.frames import RATE

Bins = NDArray[np.float32]
"""One number per frequency."""

_LOWEST, _HIGHEST = 150.0, 4000.0
_BEGIN, _CERTAIN = 1.0, 2.5
"""Talk begins so many times the usual spread above the usual value, and is certain there."""

_USUAL = 0.66
"""Of log(1 + q) for Gaussian noise and four microphones, where the walk begins."""

_STEP = 0.02
_SPREAD = (0.03, 0.25)
_UNLIKELY, _LIKELY = 0.05, 0.5
"""Of speech at one frequency, before it is looked at, without and with talk."""

_CLIP = np.float32(15.0)
_SMOOTHING = np.full(5, 0.2, np.float32)
"""Over neighbouring frequencies."""

_LONG = 1.0 / 1000
"""Talk is averaged over 10 s, to notice that it never ends."""

ENDLESS = 0.75
"""Who talks for more of the time than this is noise: a television, a fan switched on."""


@dataclass(slots=True)
class Talk:
    """Decides for one moment after the other whether somebody talks."""

    usual: float = _USUAL
    spread: float = 0.05
    latest: float = _USUAL
    share: float = 0.0
    """Of the latest 10 s, how much had talk in it."""

    def process(self, surprise: float) -> float:
        """Take the next 10 ms' average of log(1 + q); give 0 (nobody talks) to 1."""
        self.latest += 0.5 * (surprise - self.latest)
        beyond = self.latest - self.usual
        talk = (beyond / self.spread - _BEGIN) / (_CERTAIN - _BEGIN)
        talk = min(max(talk, 0.0), 1.0)
        if talk < 1.0:
            step = _STEP * (1.0 - talk)
            self.usual += step * min(max(beyond, -3.0 * self.spread), 2.0 * self.spread)
            # of a normal distribution the mean distance is 0.8 of the standard deviation
            self.spread += step * (1.25 * min(abs(beyond), 3.0 * self.spread) - self.spread)
        else:
            self.usual += 0.0005 * min(beyond, 1.0)
        self.usual = min(max(self.usual, 0.3), 1.0)
        self.spread = min(max(self.spread, _SPREAD[0]), _SPREAD[1])
        self.share += _LONG * (talk - self.share)
        return talk


def speech_band(frequencies: int) -> slice:
    """Return the frequencies of speech, of so many from 0 to half the rate."""
    step = RATE / 2 / (frequencies - 1)
    return slice(int(_LOWEST / step) + 1, int(_HIGHEST / step) + 1)


def speech_in(evidence: Bins, talk: float) -> Bins:
    """Return the probability of speech for each frequency.

    Args:
        evidence: The logarithm of the likelihoods' ratio, talk over noise.
        talk: 0 to 1, of the moment.
    """
    prior = _UNLIKELY + (_LIKELY - _UNLIKELY) * talk
    bounded = np.minimum(np.maximum(evidence, -_CLIP), _CLIP)
    smooth = np.convolve(bounded, _SMOOTHING, "same")
    smooth += np.float32(math.log(prior / (1.0 - prior)))
    # the same as 1 / (1 + exp(-x)), without exceeding anything
    probability: Bins = np.tanh(np.float32(0.5) * smooth.astype(np.float32))
    return (probability + np.float32(1.0)) * np.float32(0.5)
