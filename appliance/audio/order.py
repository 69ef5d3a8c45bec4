"""Whether microphones hear a loudspeaker in the order that their places make; pure geometry.

A turned or mirrored board fits as well as a straight one, for nobody knows where the loudspeaker
stands: what is found are channels that were exchanged, and places that are those of another board.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from appliance.frames import RATE

SPEED_OF_SOUND = 343.0

TOLERANCE = 0.6
"""Samples (13 mm) by which arrivals may be off, root mean square: what housings and echoes do."""

_MOST = 6
"""Microphones whose orders are all tried; eight have 40 000."""

Places = NDArray[np.float64]
"""Shape ``(microphones, 3)``, in metres."""


@dataclass(frozen=True, slots=True)
class Order:
    """How well arrivals fit places."""

    off: float
    """Samples, root mean square, for the best place of the loudspeaker."""

    better: tuple[int, ...] | None = None
    """An order of the microphones, counted from 0, that fits where the given one does not."""

    @property
    def fits(self) -> bool:
        """Whether it may well be so."""
        return self.off <= TOLERANCE


def judge_order(late: Sequence[float], places: Sequence[Sequence[float]]) -> Order:
    """Say whether microphones at these places may hear one loudspeaker so.

    Args:
        late: For each microphone, by how many samples it hears later than some moment.
        places: Where each is.
    """
    heard = np.asarray(late, dtype=np.float64)
    expected = _expected(np.asarray(places, dtype=np.float64))
    off = _off(heard, expected)
    if off <= TOLERANCE or len(heard) > _MOST:
        return Order(off)
    tried = [
        (_off(heard[list(order)], expected), order) for order in permutations(range(len(heard)))
    ]
    best, order = min(tried)
    return Order(off, order if best <= TOLERANCE else None)


def _expected(places: Places) -> NDArray[np.float64]:
    """Return when each microphone hears a loudspeaker, for many places of it; mean 0."""
    middle = places.mean(axis=0)
    azimuth = np.deg2rad(np.arange(0, 360, 10))
    height = np.deg2rad(np.arange(-75, 90, 15))
    distance = np.array([0.05, 0.08, 0.12, 0.2, 0.4, 1.0, 3.0])
    a, h, d = (grid.ravel() for grid in np.meshgrid(azimuth, height, distance))
    flat = d * np.cos(h)
    sources = middle + np.stack((flat * np.cos(a), flat * np.sin(a), d * np.sin(h)), axis=1)
    ways = np.linalg.norm(sources[:, np.newaxis] - places, axis=2) * RATE / SPEED_OF_SOUND
    return np.asarray(ways - ways.mean(axis=1, keepdims=True))


def _off(heard: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    difference = expected - (heard - heard.mean())
    return float(np.sqrt((difference**2).mean(axis=1)).min())
