"""One block of sound, with its place in time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.units import SampleIndex, SampleRate, Seconds

RATE = SampleRate(16_000)
"""Rate of everything between the sound card and the models (the models' own rate)."""

FRAME_SAMPLES = 160
"""10 ms at ``RATE``: the step of the wake word's features and the block of an echo canceller."""

FRAME_SECONDS = Seconds(FRAME_SAMPLES / RATE)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A block of sound that nobody may change.

    Equality is identity: comparing arrays by accident costs more than the frame is worth.
    """

    samples: NDArray[np.int16]
    """Shape ``(n,)`` for one channel or ``(n, channels)``, at ``RATE``."""

    start: SampleIndex
    """Index of the first sample on the capture clock."""

    reference: NDArray[np.int16] | None = None
    """Shape ``(n,)``: what the loudspeaker played meanwhile, on the capture clock but for a delay
    of 0.5 s at most that seldom changes. Only raw frames carry it; ``None``: it is not known."""

    @property
    def end(self) -> SampleIndex:
        """Index of the first sample after this frame."""
        return SampleIndex(self.start + len(self.samples))


@dataclass(frozen=True, slots=True, eq=False)
class Taps:
    """What the enhancer makes of one raw frame: views of the same 10 ms, one channel each.

    Without a canceller all are the same frame.
    """

    wake: Frame
    """Processed gently: the wake word survives a linear canceller, but hardly a suppressor."""

    speech: Frame
    """Suppressed strongly: speech detection must not take an echo for a person."""

    recognition: Frame
    """What speech recognition and backends hear."""

    playing: bool = False
    """Whether the box itself was to be heard in these 10 ms, or its echo."""


def seconds(position: SampleIndex | int) -> Seconds:
    """Return a position on the capture clock in seconds."""
    return Seconds(position / RATE)


def samples(length: Seconds | float) -> int:
    """Return how many samples at ``RATE`` a length of time has."""
    return round(length * RATE)
