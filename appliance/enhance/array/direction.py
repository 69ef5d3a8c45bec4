"""From where somebody talks: steered response power with phase transform (SRP-PHAT).

Only moments and frequencies with talk count (``presence``), and of these only those in which it
grows louder: what comes first has come straight, what rings on has come from the walls. For each
pair of microphones the phase between them is averaged over 0.6 s of talk; a few times a second the
direction is looked up that explains these phases best (J. H. DiBiase, 2000). Between talks the
bearing stays what it was.

With the microphones in one line front and back cannot be told apart: then only bearings in the
half that the line looks at are given.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from appliance.enhance.array.geometry import Position
from appliance.enhance.array.learner import Learner
from appliance.enhance.array.presence import Bins
from appliance.frames import RATE

SPEED_OF_SOUND = 343.0
"""In metres a second, at 20 degrees Celsius."""

_LOWEST, _HIGHEST = 300.0, 5000.0
_STEP_DEGREES = 5.0
_MEMORY = 1 / 60
"""Of a block of talk in what is remembered."""

_ONSET = 2.0
"""By so much a frequency must be louder than it was (with 50 ms of memory) to count."""

_FALL = 0.8
_EVERY = 8
"""Blocks of talk between two looks."""

_FEWEST = 24
"""Blocks of talk before the first look."""

_EXPLAINED = 0.35
"""Of all phases, the best direction must explain so much."""

_TURN = 0.5
"""How far the bearing goes towards what was found last, if that is near; else it jumps there."""

_NEAR_DEGREES = 20.0
_TINY = np.float32(1e-20)


class Direction:
    """Follows the bearing of whoever talks.

    Args:
        positions: Of the microphones, at least two, in the order of the learner's.
    """

    def __init__(self, positions: Sequence[Position]) -> None:
        places = np.asarray(positions, np.float64)[:, :2]
        self.bearing: float | None = None
        """In degrees from the front, 0 to 360, anticlockwise seen from above."""

        self._axes = _axes(places)
        self._steering: NDArray[np.float32] | None = None
        self._places = places
        self._before: Bins | None = None
        self._phases: NDArray[np.complex64] | None = None
        self._weight = 0.0
        self._band = slice(0)
        self._blocks = 0

    def process(self, learner: Learner) -> None:
        """Look at the block that the learner has just taken."""
        m = learner.packing.size
        pairs = len(learner.packing.rows)
        if self._steering is None:
            self._begin(learner)
        band = self._band
        power = learner.outer[:m, band].sum(axis=0)
        before = power if self._before is None else self._before
        self._before = before + np.float32(1.0 - _FALL) * (power - before)
        if learner.talk <= 0.0 or self._phases is None or self._steering is None:
            return
        cross = learner.outer[m : m + pairs, band] + 1j * learner.outer[m + pairs :, band]
        weight = learner.speech[band] * np.float32(learner.talk) * (power > _ONSET * before)
        cross *= weight / (np.abs(cross) + _TINY)
        self._phases += np.float32(_MEMORY) * (cross - self._phases)
        self._weight += _MEMORY * (pairs * float(weight.sum()) - self._weight)
        self._blocks += 1
        if self._blocks >= _FEWEST and self._blocks % _EVERY == 0:
            phases = self._phases.ravel()
            self._found(self._steering @ np.concatenate((phases.real, phases.imag)))

    def _begin(self, learner: Learner) -> None:
        frequencies = np.fft.rfftfreq(2 * (learner.frequencies - 1), 1 / RATE)
        low, high = np.searchsorted(frequencies, (_LOWEST, _HIGHEST))
        self._band = slice(int(low), int(high))
        packing = learner.packing
        shape = (len(packing.rows), int(high - low))
        self._phases = np.zeros(shape, np.complex64)
        radians = np.radians(self._axes)
        toward = np.stack((np.cos(radians), np.sin(radians)), axis=1)
        lead = toward @ self._places.T / SPEED_OF_SOUND  # how much sooner it is there
        ahead = lead[:, packing.rows] - lead[:, packing.columns]
        expected = 2 * np.pi * ahead[:, :, None] * frequencies[self._band]
        flat = expected.reshape(len(self._axes), -1)
        self._steering = np.concatenate((np.cos(flat), np.sin(flat)), axis=1).astype(np.float32)

    def _found(self, powers: NDArray[np.float32]) -> None:
        """Take how well each direction explains what was heard."""
        best = int(np.argmax(powers))
        self.explained = float(powers[best]) / (self._weight + 1e-9)
        if not self.explained > _EXPLAINED:
            return
        degrees = float(self._axes[best]) + _STEP_DEGREES * _between(powers, best)
        if self.bearing is None:
            self.bearing = degrees % 360.0
            return
        turn = (degrees - self.bearing + 180.0) % 360.0 - 180.0
        share = _TURN if abs(turn) < _NEAR_DEGREES else 1.0
        self.bearing = (self.bearing + share * turn) % 360.0


def _between(powers: NDArray[np.float32], best: int) -> float:
    """Return where between the neighbours of the best its peak is, in steps (a parabola's)."""
    left, middle, right = (float(powers[(best + k) % len(powers)]) for k in (-1, 0, 1))
    bend = left - 2.0 * middle + right
    return min(max(0.5 * (left - right) / bend, -0.5), 0.5) if bend < 0.0 else 0.0


def _axes(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the directions to look at: all around, or those in front of a line."""
    centred = places - places.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=True)
    spread = sizes[1] if len(sizes) > 1 else 0.0
    if spread > 0.05 * sizes[0]:
        return np.arange(0.0, 360.0, _STEP_DEGREES)
    along = math.degrees(math.atan2(axes[0][1], axes[0][0]))
    ahead = along + 90.0 if math.cos(math.radians(along + 90.0)) >= -1e-9 else along - 90.0
    return ahead + np.arange(-90.0, 90.0 + _STEP_DEGREES, _STEP_DEGREES)
