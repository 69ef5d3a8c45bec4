"""What passes between the stages of enhancement: blocks of sound and what is known of them.

Everything here runs on the hearing thread, 10 ms at a time, and allocates little. A stage takes
whatever numbers it is given: silence, full scale, a microphone that is dead; what it gives is
finite.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.units import Seconds

Mono = NDArray[np.float32]
"""Shape ``(FRAME_SAMPLES,)``, full scale is -1 to 1."""

Block = NDArray[np.float32]
"""Shape ``(microphones, FRAME_SAMPLES)``, full scale is -1 to 1."""

FULL_SCALE = 32_768.0
"""What 16-bit samples are divided by."""


class Stage(Protocol):
    """One step on the way from the microphones to a tap; keeps its own state."""

    def process(self, block: Block) -> Block:
        """Take the next 10 ms, give the next 10 ms of the same shape."""
        ...


class Canceller(Protocol):
    """Takes what the loudspeaker played out of what the microphones heard, linearly."""

    def process(self, block: Block, reference: Mono) -> Block:
        """Take the next 10 ms and its aligned reference; give what is not echo."""
        ...


class Suppressor(Protocol):
    """Takes from one channel what a canceller left of the echo; not linear."""

    def process(self, sound: Mono, reference: Mono) -> Mono:
        """Take the canceller's next 10 ms and the reference; give the same, later by ``delay``."""
        ...


@dataclass(frozen=True, slots=True)
class Microphone:
    """How one microphone is doing."""

    channel: int
    """Of the card, counted from 0."""

    state: str
    """``fine``, ``dead``, ``clipped`` or ``flipped`` (its phase is turned)."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the enhancer knows at one moment; for ``doctor``, ``enhance --report`` and lights."""

    playing: bool = False
    """Whether the box is to be heard now, or its echo."""

    delay: Seconds | None = None
    """From the reference to its echo; ``None``: not found yet."""

    drift_ppm: float = 0.0
    """By how much faster the echo comes than the reference, in parts per million."""

    erle_db: float | None = None
    """By how much the echo is less behind the canceller than before it (smoothed over the latest
    second of playback); ``None``: nothing has been played yet."""

    converged: bool = False
    bearing: float | None = None
    """Of the latest talker, in degrees; ``None``: not known."""

    beaming: bool = False
    """Whether the beam is used now, rather than the best microphone."""

    microphones: tuple[Microphone, ...] = ()
