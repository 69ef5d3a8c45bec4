"""Cuts what is not speech off both ends of a turn.

Moonshine may write nothing at all when a clip begins or ends with silence or noise; with 0.2 s
around the speech it does not. By loudness is as good as by a speech model in a quiet room (60 of
60 recorded orders written down either way), but in a noisy kitchen (9 dB) by loudness 13 of 60
came out empty, by the speech model none (measured on 2026-11-21). So ``trim`` is the way out when
there is no speech model, or when what it left was empty.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.frames import FRAME_SAMPLES, samples
from appliance.units import Seconds

PADDING = Seconds(0.2)
"""Sound that stays before and after the speech."""

ABOVE_FLOOR_DB = 8.0
"""How far speech stands out of the room's noise."""

BELOW_PEAK_DB = 32.0
"""What is so far below the loudest sound is not its speaker."""

SHORTEST_RUN = 3
"""Frames (30 ms) in a row that make a sound more than a click."""

WINDOW = 512
"""Samples that the speech model judges at once (32 ms)."""

LIKELY = 0.35
"""Probability of a window that belongs to the speech; below that of the end-of-turn detector, for
here the turn is known to have speech in it."""

Sound = NDArray[np.int16]


class Judge(Protocol):
    """A speech model: ``detect.speech.Silero``."""

    def reset(self) -> None:
        """Forget what was heard."""
        ...

    def probability(self, window: Sound) -> float:
        """Return how likely the next ``WINDOW`` samples are speech."""
        ...


def trim_by(judge: Judge, *, padding: Seconds = PADDING) -> Callable[[Sound], Sound]:
    """Return what trims by a speech model: the part with speech as a view, or nothing at all.

    It is called from one thread at a time and needs a model of its own.
    """

    def trimmed(sound: Sound) -> Sound:
        judge.reset()
        likely = [
            begin
            for begin in range(0, len(sound) - WINDOW + 1, WINDOW)
            if judge.probability(sound[begin : begin + WINDOW]) >= LIKELY
        ]
        if not likely:
            return sound[:0]
        first = likely[0] - samples(padding)
        return sound[max(first, 0) : likely[-1] + WINDOW + samples(padding)]

    return trimmed


def trim(sound: Sound, *, padding: Seconds = PADDING) -> Sound:
    """Return the part that is louder than the room, as a view.

    Args:
        sound: Shape ``(n,)`` at ``frames.RATE``.
        padding: What stays on either side of the speech, where there is so much.

    Returns:
        The whole of it where nothing stands out of the noise: better too much than a lost word.
    """
    frames = len(sound) // FRAME_SAMPLES
    if frames < SHORTEST_RUN:
        return sound
    blocks = sound[: frames * FRAME_SAMPLES].reshape(frames, FRAME_SAMPLES).astype(np.float32)
    blocks -= blocks.mean(axis=1, keepdims=True)  # cheap cards have an offset
    level = 10 * np.log10(np.mean(blocks * blocks, axis=1) + 1.0)
    floor, peak = np.percentile(level, (10, 98))
    loud = level > max(min(floor + ABOVE_FLOOR_DB, peak - 6.0), peak - BELOW_PEAK_DB)
    runs = np.convolve(loud, np.ones(SHORTEST_RUN), mode="valid") >= SHORTEST_RUN
    (starts,) = np.nonzero(runs)
    if not len(starts):
        return sound
    first = starts[0] * FRAME_SAMPLES - samples(padding)
    last = (starts[-1] + SHORTEST_RUN) * FRAME_SAMPLES + samples(padding)
    return sound[max(first, 0) : last]
