"""From the rate of the box to the rate of the service."""

import numpy as np
import soxr
from numpy.typing import NDArray

from appliance import frames
from appliance.units import SampleRate

RATE = SampleRate(24_000)
"""The only rate that OpenAI's realtime service takes for PCM."""

QUALITY = "MQ"
"""Flat up to 7.5 kHz. The filter delays by 15 ms and emits in bursts of 33 ms: 30 messages a
second instead of 100. "HQ" hears the same and delays by 21 ms; "LQ" delays by 6 ms and takes
13 dB off 7 kHz, where an s is told from an f (measured with soxr 1.1.0, 2026-11-21)."""

_NOTHING = np.zeros(0, dtype=np.int16)


class Upsampler:
    """Makes 24 kHz of 16 kHz, turn by turn; half as many samples more, to the sample.

    Up to 48 ms of what was put in are still inside; ``finish`` gives them out, so that the end of
    a turn waits for nothing. At a ``rate`` of 16 kHz everything passes as it is, at once.
    """

    def __init__(self, rate: SampleRate = RATE) -> None:
        self._stream = (
            None
            if rate == frames.RATE
            else soxr.ResampleStream(frames.RATE, rate, 1, dtype="int16", quality=QUALITY)
        )

    def process(self, samples: NDArray[np.int16]) -> bytes:
        """Take the next sound of shape ``(n,)``; give what is ready, often nothing."""
        return _bytes(samples if self._stream is None else self._stream.resample_chunk(samples))

    def finish(self) -> bytes:
        """Give the rest of the turn, and begin another."""
        if self._stream is None:
            return b""
        rest = _bytes(self._stream.resample_chunk(_NOTHING, last=True))
        self._stream.clear()
        return rest

    def reset(self) -> None:
        """Forget the turn."""
        if self._stream is not None:
            self._stream.clear()


def _bytes(samples: NDArray[np.int16]) -> bytes:
    return samples.astype("<i2", copy=False).tobytes()
