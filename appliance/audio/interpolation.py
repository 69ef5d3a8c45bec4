"""A sound's value between its samples, at any pace.

soxr can change its ratio as it goes, too, but must have 15 ms of sound ahead (measured with 1.1.0,
2026-11-21), which may be more than passes between a sound and its echo. This needs 1 ms.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

ZEROS = 16
"""Of the sinc on either side."""

PASSED = 0.92
"""Share of the band that is passed; what lies above fades, so that little of it is folded."""

BETA = 8.0
"""Of the Kaiser window: what is folded lies 80 dB below (scipy.signal.kaiser_beta's formula)."""

PHASES = 256
"""Between two samples; in between the table is read linearly (error below -90 dB)."""


class Interpolator:
    """A windowed sinc, read from a table.

    Args:
        ratio: Samples of the sound per sample wanted, nearly; above 1 the band is cut to fit.
    """

    def __init__(self, ratio: float) -> None:
        cutoff = PASSED / max(1.0, ratio)
        self.reach = math.ceil(ZEROS / cutoff)
        """Samples that must be known before and after a place."""

        places = np.arange(1 - self.reach, self.reach + 1)
        phases = np.arange(PHASES + 2)[:, np.newaxis] / PHASES
        away = places - phases
        window = np.i0(BETA * np.sqrt(np.maximum(0.0, 1 - (away / self.reach) ** 2)))
        weights = cutoff * np.sinc(cutoff * away) * window
        weights /= weights.sum(axis=1, keepdims=True)  # a level that stays is kept exactly
        self._weights = weights.astype(np.float32)
        self._steps = np.diff(self._weights, axis=0)

    def read(
        self, sound: NDArray[np.int16], first: float, step: float, count: int
    ) -> NDArray[np.float32]:
        """Return ``count`` values, the first at index ``first``, each ``step`` after the last.

        ``reach`` samples must be there on either side of all of them.
        """
        places = first + step * np.arange(count)
        before = np.floor(places).astype(np.int64)
        fine = (places - before) * PHASES
        phase = fine.astype(np.int64)
        begin = int(before[0]) + 1 - self.reach
        needed = sound[begin : int(before[-1]) + self.reach + 1].astype(np.float32)
        around = sliding_window_view(needed, 2 * self.reach)[before - before[0]]
        rest = (fine - phase).astype(np.float32)[:, np.newaxis]
        weights = self._weights[phase] + rest * self._steps[phase]
        values: NDArray[np.float32] = np.einsum("ij,ij->i", around, weights)
        return values
