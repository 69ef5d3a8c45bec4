"""What a sound card is to us: something that exchanges 10 ms of sound every 10 ms.

Two of them exist: ``pyaudio_card`` (a real one) and ``recorded_card`` (a recording that takes the
place of one). Both call one ``Exchange``, from one or two threads of their own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.audio.capture import Capture
from appliance.audio.counters import CardCounters
from appliance.audio.playback import Playback
from appliance.units import SampleRate, Seconds

NO_SOUND = b""


@dataclass(frozen=True, slots=True)
class CardFormat:
    """How an opened card speaks; it may change when the card is plugged in again."""

    input_name: str
    """Empty: no input."""

    input_rate: SampleRate
    input_channels: int
    output_name: str
    """Empty: no output."""

    output_rate: SampleRate
    output_channels: int
    output_latency: Seconds
    """From handing a sample over until it is heard, as the driver says (a lower bound)."""

    one_clock: bool
    """Input and output are one stream; two streams drift and start apart."""


class Card(Protocol):
    """A source and sink of sound that runs by itself once it is started."""

    def start(self) -> None:
        """Begin to exchange sound; returns at once."""
        ...

    def close(self) -> None:
        """End it and wait for its threads, 2 s at most; idempotent; not on the event loop."""
        ...


class Exchange:
    """The card's callback: what was captured goes to ``capture``, what is to be heard comes back.

    Args:
        capture: Takes what the microphones gave.
        playback: Gives what the loudspeaker wants.
        counters: What went wrong, for ``doctor`` and metrics.
    """

    def __init__(self, capture: Capture, playback: Playback, counters: CardCounters) -> None:
        self.capture = capture
        self.playback = playback
        self.counters = counters

    def opened(self, form: CardFormat) -> None:
        """Learn the card's format; called before its first block, while nothing streams."""
        if form.input_channels:
            self.capture.opened(form.input_rate, form.input_channels)
        self.playback.opened(form.output_rate, form.output_channels, form.output_latency)

    def lost(self) -> None:
        """Learn that the card is gone; no block comes until ``opened`` is called again."""
        self.playback.lost()

    def exchange(self, captured: NDArray[np.int16] | None, wanted: int) -> bytes:
        """Take one captured block and give ``wanted`` samples to play; on the card's thread.

        Only copies: it never waits, logs or raises.

        Args:
            captured: Shape ``(n, input_channels)``; ``None`` from a stream that has no input.
            wanted: Samples per output channel; 0 from a stream that has no output.

        Returns:
            Interleaved signed 16-bit samples, empty if none are wanted.
        """
        if captured is not None:
            self.counters.blocks += 1
            self.capture.write(captured)
        return self.playback.fill(wanted) if wanted else NO_SOUND


Report = Callable[[str], None]
"""Takes a sentence about the card; called on the event loop."""
