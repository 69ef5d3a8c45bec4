"""A high pass: takes away what no voice has, before anything is learnt from it.

A small loudspeaker gives nothing below 100 Hz, but hum, traffic and a microphone's offset are
there, and a canceller would take them for what disturbs it.
"""

import math

import numpy as np

from appliance.enhance.types import Block
from appliance.frames import FRAME_SAMPLES, RATE

CORNER = 60.0
"""Hz, -3 dB: an octave below the lowest voice."""

_Q = math.sqrt(0.5)  # Butterworth
_Coefficients = tuple[float, float, float, float, float]


class HighPass:
    """A Butterworth filter of second order (R. Bristow-Johnson's cookbook); a ``Stage``.

    A loop over samples is slow in Python, but 10 ms of such a filter are one matrix: what comes
    out depends linearly on the 160 samples and on the two numbers that it remembers.

    Args:
        microphones: How many channels the blocks have.
        corner: In Hz, where it takes 3 dB.
    """

    def __init__(self, microphones: int, corner: float = CORNER) -> None:
        self._through = _matrix(_coefficients(corner))
        self._held = np.zeros((microphones, FRAME_SAMPLES + 2), np.float32)

    def process(self, block: Block) -> Block:
        """Take the next 10 ms, give the next 10 ms of the same shape."""
        self._held[:, 2:] = block
        out: Block = self._held @ self._through
        self._held[:, :2] = out[:, FRAME_SAMPLES:]
        return np.ascontiguousarray(out[:, :FRAME_SAMPLES])


def _coefficients(corner: float) -> _Coefficients:
    angle = 2 * math.pi * corner / RATE
    alpha, cosine = math.sin(angle) / (2 * _Q), math.cos(angle)
    b = (1 + cosine) / 2 / (1 + alpha)
    return b, -2 * b, b, -2 * cosine / (1 + alpha), (1 - alpha) / (1 + alpha)


def _matrix(coefficients: _Coefficients) -> Block:
    """Return what takes two remembered numbers and 160 samples to 160 samples and two numbers."""
    b0, b1, b2, a1, a2 = coefficients
    size = FRAME_SAMPLES + 2
    columns = np.zeros((size, size))
    for column, given in enumerate(np.eye(size)):
        first, second = given[:2]
        for at, sample in enumerate(given[2:]):  # transposed direct form II
            out = b0 * sample + first
            first = b1 * sample - a1 * out + second
            second = b2 * sample - a2 * out
            columns[column, at] = out
        columns[column, FRAME_SAMPLES:] = first, second
    return columns.astype(np.float32)
