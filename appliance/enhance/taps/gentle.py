"""A gentle residual suppressor for the wake word: takes away what is surely echo, and little else.

A Wiener filter per band. How much echo the canceller leaves is learnt by regression: what of the
output's power follows the power of the estimated echo (J.-M. Valin, "On Adjusting the Learning
Rate in Frequency Domain Echo Cancellation With Double-Talk", IEEE Trans. ASLP 15(3), 2007, eq.
14 to 18). A person's power follows nothing, so that talking over the box does not raise it.
"""

import numpy as np

from appliance.enhance.types import Mono
from appliance.frames import FRAME_SAMPLES

_BANDS = FRAME_SAMPLES + 1
_SMOOTH = np.float32(0.98)  # half a second: the leakage changes with the room, not with the words
_LEAST_LEAK = np.float32(0.003)  # -25 dB: loudspeakers distort, which no linear filter can undo
_OVER = np.float32(2.0)  # powers fluctuate; twice the mean covers nine of ten
_LEAST_GAIN = np.float32(0.05)  # -26 dB
_TINY = np.float32(1e-9)

_WINDOW = np.sqrt(np.hanning(2 * FRAME_SAMPLES + 1)[:-1]).astype(np.float32)
_RISE, _FALL = _WINDOW[:FRAME_SAMPLES] ** 2, _WINDOW[FRAME_SAMPLES:] ** 2


class GentleSuppressor:
    """Windows of 20 ms, every 10 ms; it is late by 10 ms, always, also where it does nothing."""

    def __init__(self) -> None:
        self._sound = np.zeros(2 * FRAME_SAMPLES, np.float32)
        self._echo = np.zeros(2 * FRAME_SAMPLES, np.float32)
        self._begun = np.zeros(FRAME_SAMPLES, np.float32)  # the last window's second half
        self._left_mean = np.full(_BANDS, 1e-6, np.float32)
        self._echo_mean = np.full(_BANDS, 1e-6, np.float32)
        self._covariance = np.zeros(_BANDS, np.float32)
        self._variance = np.full(_BANDS, 1e-9, np.float32)
        self._gain = np.ones(_BANDS, np.float32)

    def process(self, sound: Mono, echo: Mono | None) -> Mono:
        """Take the canceller's next 10 ms; give the 10 ms before, less the echo in them.

        Args:
            sound: What the canceller left.
            echo: What it took away; ``None``: nothing has been played for a while.
        """
        self._sound[:FRAME_SAMPLES] = self._sound[FRAME_SAMPLES:]
        self._sound[FRAME_SAMPLES:] = sound
        self._echo[:FRAME_SAMPLES] = self._echo[FRAME_SAMPLES:]
        self._echo[FRAME_SAMPLES:] = 0.0 if echo is None else echo
        if echo is None:  # what the windows below would do with a gain of 1
            out: Mono = self._begun + self._sound[:FRAME_SAMPLES] * _RISE
            self._begun = sound * _FALL
            return out
        left = np.fft.rfft(self._sound * _WINDOW)
        gain = self._gains(_power(left), _power(np.fft.rfft(self._echo * _WINDOW)))
        window = np.fft.irfft(left * gain).astype(np.float32) * _WINDOW
        out = self._begun + window[:FRAME_SAMPLES]
        self._begun = window[FRAME_SAMPLES:]
        return out

    def _gains(self, left: Mono, echo: Mono) -> Mono:
        new = np.float32(1) - _SMOOTH
        self._left_mean += new * (left - self._left_mean)
        self._echo_mean += new * (echo - self._echo_mean)
        above = echo - self._echo_mean
        self._covariance += new * (above * (left - self._left_mean) - self._covariance)
        self._variance += new * (above**2 - self._variance)
        leak = self._covariance / (self._variance + _TINY**2)
        np.maximum(leak, _LEAST_LEAK, out=leak)
        np.minimum(leak, np.float32(1), out=leak)
        residual = _OVER * leak * echo
        wiener = np.maximum(1 - residual / (left + _TINY), 0)
        self._gain = np.maximum((self._gain + wiener) / 2, _LEAST_GAIN)
        return self._gain


def _power(spectrum: np.ndarray[tuple[int], np.dtype[np.complex128]]) -> Mono:
    return (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
