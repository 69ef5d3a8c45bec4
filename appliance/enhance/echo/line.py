"""The reference's delay line, read at a position between samples that may move.

The sound between samples is what a band-limited signal has there: J. O. Smith, "Digital Audio
Resampling Home Page" (CCRMA): a sinc under a Kaiser window, from a table. Over the 10 ms of one
block at most 0.08 samples are gained or lost (500 ppm), so the block is filtered with the
kernels of its two ends and faded from one to the other.
"""

import numpy as np
from numpy.typing import NDArray

from appliance.enhance.types import Mono
from appliance.frames import FRAME_SAMPLES, RATE

LEAD = 16
"""From this delay on (1 ms) a position may lie between samples: half the kernel's length."""

_LONGEST = RATE * 3 // 4  # 0.5 s of the card and the servers, and room for slips
_PHASES = 512  # with a straight line between two: error under (pi / 512)^2 / 8, -106 dB
_KAISER = 8.0  # stop band -80 dB; within 0.1 dB up to 6.4 kHz with 32 taps
_STEEPEST = 500e-6  # of |step - 1|: crystals have 100 ppm at worst, two of them 200


def _table() -> NDArray[np.float32]:
    """Give the kernels for positions from 0 to 1 after a sample, shape ``(_PHASES + 1, 32)``."""
    fraction = np.arange(_PHASES + 1)[:, None] / _PHASES
    at = np.arange(1 - LEAD, LEAD + 1)[None, :] - fraction
    window = np.i0(_KAISER * np.sqrt(np.maximum(1 - (at / LEAD) ** 2, 0))) / np.i0(_KAISER)
    kernels = np.sinc(at) * window
    kernels /= kernels.sum(axis=1, keepdims=True)  # a constant stays what it is
    return kernels[:, ::-1].astype(np.float32)  # as np.convolve wants them


_KERNELS = _table()
_FADE_IN = (np.arange(FRAME_SAMPLES, dtype=np.float32) / FRAME_SAMPLES).astype(np.float32)


class Line:
    """The latest 0.75 s of one signal."""

    def __init__(self) -> None:
        self._held = np.zeros(_LONGEST + 2 * FRAME_SAMPLES + 2 * LEAD, np.float32)

    @property
    def longest(self) -> float:
        """The longest delay that can be read, in samples."""
        return float(_LONGEST)

    def write(self, block: Mono) -> None:
        """Take the next 10 ms."""
        self._held[:-FRAME_SAMPLES] = self._held[FRAME_SAMPLES:]
        self._held[-FRAME_SAMPLES:] = block

    def read(self, delay: float, step: float = 1.0) -> Mono:
        """Give 160 samples, the first of which lies ``delay`` before the first one written last.

        The next block follows without a seam if it is read ``160 * (step - 1)`` less far back.

        Args:
            delay: In samples, from 0 to ``longest`` (else the nearest of these). Below ``LEAD``
                what comes after is not known yet: such a delay is rounded, and does not move.
            step: From one sample to the next, within 500 ppm of 1.
        """
        delay = min(max(delay, 0.0), float(_LONGEST))
        stretch = FRAME_SAMPLES * min(max(step - 1.0, -_STEEPEST), _STEEPEST)
        end = len(self._held) - FRAME_SAMPLES
        if delay < LEAD or (stretch == 0.0 and delay == round(delay)):
            begin = end - round(delay)
            return self._held[begin : begin + FRAME_SAMPLES].copy()
        first = self._shifted(end - delay)
        if stretch == 0.0:
            return first
        last = self._shifted(min(end - delay + stretch, end - LEAD))
        last -= first
        last *= _FADE_IN
        last += first
        return last

    def _shifted(self, begin: float) -> Mono:
        whole = int(begin)
        phase = (begin - whole) * _PHASES
        row = int(phase)
        part = np.float32(phase - row)
        kernel = _KERNELS[row] + part * (_KERNELS[row + 1] - _KERNELS[row])
        around = self._held[whole + 1 - LEAD : whole + FRAME_SAMPLES + LEAD]
        return np.convolve(around, kernel, "valid")
