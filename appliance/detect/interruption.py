"""When speech interrupts the box while it speaks itself (pure).

The strong suppressor of ``appliance.enhance`` takes most of the box's own voice away, and with it
the beginning of what somebody says over it; what is left of the echo looks like speech now and
then, but not for long. So what counts is neither one threshold nor a length, but evidence: that
of each window, as log-odds, is added up, what speaks against speech is taken off again, and
nothing falls below nought (E. S. Page, "Continuous Inspection Schemes", Biometrika 41, 1954).
Three windows of clear speech are enough; unclear speech takes longer; a syllable does not do.
"""

import math

from appliance.units import SampleIndex

MOST_FOR, MOST_AGAINST = 3.0, -2.0
"""What one window of 32 ms can say: odds of 20 to 1 for speech, 7 to 1 against. Silero's 0.999
are not worth more; and a word has soft sounds in it."""

DOUBT = 1.0
"""What the log-odds of each window are lowered by: what is left of an echo makes Silero waver
between 0.5 and 0.7. Of 8 tuning scenes (28 interruptions, 2026-11-21) the one whose loudspeaker
distorts most had 10 false stops without it and none with it; 93 % within 0.3 s both times."""

ENOUGH = 5.0
"""Evidence that is enough at a sensitivity of 0.5: two clear windows, and never less than
``Tuning.shortest``. In 68 tuning scenes (49 minutes of playback, 2026-11-21) that of the echo came
to 3.0 at most while it was believed; without an echo, claps, doors and coughs come to 0.6."""

REACH = 3.0
"""By how much more or less that is at a sensitivity of 0 or 1."""

BIAS = 2.0
"""By how much the log-odds are lowered or raised then."""

_LEAST = 1e-4


class Evidence:
    """Adds up what speaks for an interruption.

    Args:
        sensitivity: 0 to 1: how readily speech interrupts (``turn.barge_in_sensitivity``).
    """

    def __init__(self, sensitivity: float) -> None:
        away = 2 * sensitivity - 1
        self._enough = ENOUGH - REACH * away
        self._raised = BIAS * away - DOUBT
        self.forget()

    def forget(self) -> None:
        """Begin with none."""
        self._sum = 0.0
        self.since = SampleIndex(0)
        """Where the speech began for which there is evidence."""

    def weigh(self, probability: float, begin: SampleIndex) -> bool:
        """Take the probability of the next window, which began there; return if it is enough.

        What is not a number speaks against speech.
        """
        if self._sum == 0.0:
            self.since = begin
        likely = probability if math.isfinite(probability) else 0.0
        likely = min(max(likely, _LEAST), 1 - _LEAST)
        odds = math.log(likely / (1 - likely)) + self._raised
        self._sum = max(0.0, self._sum + min(max(odds, MOST_AGAINST), MOST_FOR))
        return self._sum >= self._enough
