"""From the one knob of the user to a model's own threshold, and the quiet after a hit (pure)."""

import math

from appliance.frames import samples
from appliance.units import SampleIndex, Seconds

STRICTEST = 0.99
"""The threshold at sensitivity 0. The quantized models' highest score is 255/256 = 0.996, so
anything stricter would be deaf."""

SLACK = 2.5
"""How far below the published threshold sensitivity 1 goes, in log-odds (0.97 → 0.73,
0.9 → 0.42, 0.5 → 0.08)."""


def cutoff(sensitivity: float, published: float) -> float:
    """Return the score above which a word counts as heard.

    Sensitivity 0.5 gives the threshold that the model was published with; towards 0 it rises to
    ``STRICTEST``, towards 1 it falls by ``SLACK``. In between it moves evenly in log-odds, for
    scores crowd at both ends of their range: from 0.97 to 0.99 is as far as from 0.5 to 0.75.

    Args:
        sensitivity: 0 to 1.
        published: The model's own threshold, above 0 and below 1.
    """
    middle = _log_odds(published)
    if sensitivity < 0.5:
        top = max(_log_odds(STRICTEST), middle)
        return _probability(top + (middle - top) * sensitivity / 0.5)
    if sensitivity == 0.5:
        return published
    return _probability(middle - SLACK * (sensitivity - 0.5) / 0.5)


def _log_odds(probability: float) -> float:
    return math.log(probability / (1.0 - probability))


def _probability(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds))


class Refractory:
    """The time after a wake word in which no other counts, counted in sound."""

    def __init__(self, length: Seconds) -> None:
        self._length = samples(length)
        self._until = -1

    def passes(self, at: SampleIndex) -> bool:
        """Tell whether a word heard at ``at`` counts; if it does, the time begins anew."""
        if at < self._until:
            return False
        self._until = at + self._length
        return True
