"""What a sound card is to us: something that exchanges 10 ms of sound every 10 ms.

Two of them exist: ``pyaudio_card`` (a real one) and ``recorded_card`` (a recording that takes the
place of one). Both call one ``Exchange``, from one or two threads of their own.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, assert_never

import numpy as np
from numpy.typing import NDArray

from appliance.audio.capture import Capture
from appliance.audio.counters import CardCounters
from appliance.audio.playback import Playback
from appliance.audio.reference import (
    Loopback,
    LoopbackChannel,
    Monitor,
    NoReference,
    OneClock,
    Own,
    Quiet,
    Reference,
    Sound,
    Source,
    TwoClocks,
    Unknown,
    nowhere,
)
from appliance.units import SampleRate, Seconds

log = logging.getLogger(__name__)

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


def own(form: CardFormat) -> Source:
    """Choose what the box plays, whatever the card."""
    del form
    return Own()


class Exchange:
    """The card's callback: what was captured goes to ``capture``, what is to be heard comes back.

    Args:
        capture: Takes what the microphones gave, and beside it what the loudspeaker played.
        playback: Gives what the loudspeaker wants.
        counters: What went wrong, for ``doctor`` and metrics.
        source: Says for an opened card from where it is known what the loudspeaker plays.
        monotonic: The clock that two streams are compared by.
    """

    def __init__(
        self,
        capture: Capture,
        playback: Playback,
        counters: CardCounters,
        *,
        source: Callable[[CardFormat], Source] = own,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.capture = capture
        self.playback = playback
        self.counters = counters
        self._source = source
        self._monotonic = monotonic
        self._form: CardFormat | None = None
        self._reference: Reference = NoReference()
        self._played: Callable[[bytes], None] = nowhere
        self._monitored: Callable[[Sound, float], None] = nowhere

    @property
    def input_name(self) -> str:
        """Name of the microphones' card as it was opened last; any thread."""
        return "" if self._form is None else self._form.input_name

    def opened(self, form: CardFormat) -> None:
        """Learn the card's format; called before its first block, while nothing streams."""
        self._form = form
        self._played = self._monitored = nowhere
        self._reference = self._reference_of(form)
        if form.input_channels:
            referenced = not isinstance(self._reference, NoReference)
            self.capture.opened(form.input_rate, form.input_channels, referenced=referenced)
        self.playback.opened(form.output_rate, form.output_channels, form.output_latency)

    def monitor_opened(self, rate: SampleRate) -> None:
        """Learn that the monitor is there now, at which rate; before its first block."""
        if self._form is not None and isinstance(self._reference, Quiet | TwoClocks):
            reference = self._two_clocks(rate, self._form.input_rate)
            self._monitored = reference.write
            self._reference = (
                reference  # the card may be streaming: at once, or with the next block
            )

    def lost(self) -> None:
        """Learn that the card is gone; no block comes until ``opened`` is called again."""
        self.playback.lost()

    def exchange(self, captured: NDArray[np.int16] | None, wanted: int, age: float = 0.0) -> bytes:
        """Take one captured block and give ``wanted`` samples to play; on the card's thread.

        Only copies: it never waits, logs or raises.

        Args:
            captured: Shape ``(n, input_channels)``; ``None`` from a stream that has no input.
            wanted: Samples per output channel; 0 from a stream that has no output.
            age: Seconds since ``captured`` was captured, as the driver says; 0: nobody knows.

        Returns:
            Interleaved signed 16-bit samples, empty if none are wanted.
        """
        sound = NO_SOUND
        if wanted:
            sound = self.playback.fill(wanted)
            self._played(sound)
        if captured is not None:
            self.counters.blocks += 1
            self.capture.write(captured, self._reference.beside(captured, age))
        return sound

    def monitor(self, captured: NDArray[np.int16] | None, wanted: int, age: float = 0.0) -> bytes:
        """Take one block of the monitor, shape ``(n, channels)``; on its own thread."""
        if captured is not None:
            self._monitored(captured[:, 0], age)
        return bytes(2 * wanted)

    def _reference_of(self, form: CardFormat) -> Reference:
        if not form.input_channels:
            return NoReference()
        source = self._source(form)
        match source:
            case Loopback(channel=channel) if channel < form.input_channels:
                return LoopbackChannel(channel)
            case Loopback(channel=channel):
                log.warning(
                    "the microphones have no channel %d to know from it what is played;"
                    " our own playback must do",
                    channel,
                )
                return self._own(form)
            case Own():
                return self._own(form)
            case Monitor():
                return Quiet()
            case Unknown():
                return NoReference()
            case _:
                assert_never(source)

    def _own(self, form: CardFormat) -> Reference:
        if not form.output_channels:
            return NoReference()
        rates = form.output_rate, form.input_rate
        reference = OneClock(*rates, self.counters) if form.one_clock else self._two_clocks(*rates)
        every = form.output_channels  # all of them play the same

        def played(sound: bytes) -> None:
            reference.write(np.frombuffer(sound, dtype=np.int16)[::every])

        self._played = played
        return reference

    def _two_clocks(self, rate: SampleRate, input_rate: SampleRate) -> TwoClocks:
        return TwoClocks(rate, input_rate, self.counters, monotonic=self._monotonic)


Report = Callable[[str], None]
"""Takes a sentence about the card; called on the event loop."""
