"""What the loudspeaker played, beside what the microphones heard: where it is known from.

The card's thread asks for it block by block, at the capture's rate, and ``capture`` keeps both
together from there on. A sample of the reference was handed to the card, or heard by the monitor,
at most some 30 ms before the captured sample beside it arrived; its echo comes later than it by
the buffers of the card and the way through the room, which ``enhance`` finds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

from appliance.audio.capture import QUALITY
from appliance.audio.counters import CardCounters
from appliance.audio.follower import Follower
from appliance.units import SampleRate

Sound = NDArray[np.int16]

SLACK = 0.1
"""Seconds of playback that may wait for captured sound that is late. More has been lost."""

PRIMED = 0.035
"""Seconds of quiet before a resampled reference, times the ratio of the rates, so that soxr's
bursts leave no gap (28 ms at 16 to 11.025 kHz, 61 at 16 to 8, 123 at 16 to 4; measured with 1.1.0,
2026-11-21). Only recordings need it."""


@dataclass(frozen=True, slots=True)
class Own:
    """What the box itself plays."""


@dataclass(frozen=True, slots=True)
class Loopback:
    """A channel of the microphones' card that carries what its loudspeaker plays."""

    channel: int
    """Counted from 0."""


@dataclass(frozen=True, slots=True)
class Monitor:
    """What a sound server plays, other programs' sound, too: a stream of its own."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows, or nobody wants to."""


Source = Own | Loopback | Monitor | Unknown


def nowhere(_: object, __: float = 0.0) -> None:
    """Take sound that nobody asks for."""


class Reference(Protocol):
    """What the loudspeaker played, at the pace of the capture. Nothing here waits or raises."""

    def beside(self, captured: Sound, age: float = 0.0) -> Sound | None:
        """Return what belongs beside the next captured block, shape ``(n,)``; input's thread.

        Always or never ``None``.

        Args:
            captured: The block.
            age: Seconds since it was captured, as the driver says; 0: nobody knows.
        """
        ...


class NoReference:
    """See ``Reference``: there is none."""

    def beside(self, captured: Sound, age: float = 0.0) -> Sound | None:
        """Know nothing."""
        del captured, age
        return None


class Quiet:
    """See ``Reference``: it is not there yet."""

    def beside(self, captured: Sound, age: float = 0.0) -> Sound | None:
        """Return quiet."""
        del age
        return np.zeros(len(captured), dtype=np.int16)


class LoopbackChannel:
    """See ``Reference``: the card itself says what it played."""

    def __init__(self, channel: int) -> None:
        self._channel = channel

    def beside(self, captured: Sound, age: float = 0.0) -> Sound | None:
        """Return that channel."""
        del age
        return captured[:, self._channel]


class OneClock:
    """See ``Reference``: input and output run in step, so samples need only be counted.

    Each captured block gets as many samples of playback. If the driver threw captured sound away,
    or more than ``SLACK`` of it is missing, what was played meanwhile is left out, too: the block
    gets what was handed over last, which no echo can precede.

    Args:
        output_rate: Of what is played.
        input_rate: Of what is captured.
        counters: Tell what the driver lost, and count the slips.
    """

    def __init__(
        self, output_rate: SampleRate, input_rate: SampleRate, counters: CardCounters
    ) -> None:
        self._counters = counters
        self._overflows = counters.input_overflows
        self._underflows = counters.output_underflows
        self._resampler = (
            None
            if output_rate == input_rate
            else soxr.ResampleStream(output_rate, input_rate, 1, dtype="int16", quality=QUALITY)
        )
        primed = 0 if self._resampler is None else round(PRIMED * output_rate)
        self._slack = round(SLACK * input_rate) + primed
        self._waiting = np.zeros(primed, dtype=np.int16)

    def write(self, sound: Sound) -> None:
        """Take the next samples that were handed over, shape ``(n,)``; the output's thread."""
        if self._resampler is not None:
            sound = self._resampler.resample_chunk(np.ascontiguousarray(sound))
        kept = self._waiting[-2 * self._slack :]  # nothing may be captured for a long time
        self._waiting = np.concatenate((kept, sound)) if len(kept) else sound

    def beside(self, captured: Sound, age: float = 0.0) -> Sound | None:
        """Return as many samples as were captured."""
        del age
        count = len(captured)
        counters = self._counters
        waiting = self._waiting
        if counters.output_underflows != self._underflows:  # the driver played a gap of its own
            self._underflows = counters.output_underflows
            counters.reference_slips += 1
        lost = counters.input_overflows != self._overflows
        self._overflows = counters.input_overflows
        if lost or len(waiting) > count + self._slack:
            waiting = waiting[-count:]
            counters.reference_slips += 1
        if len(waiting) < count:
            counters.reference_slips += 1
            waiting = np.concatenate((waiting, np.zeros(count - len(waiting), dtype=np.int16)))
        self._waiting = waiting[count:]
        return waiting[:count]


class TwoClocks:
    """See ``Reference``: what is played runs by another clock than what is captured.

    Args:
        rate: Of what is played.
        input_rate: Of what is captured.
        counters: Tell what the driver lost, and count the slips.
        monotonic: The clock by which the calls of both are compared.
    """

    def __init__(
        self,
        rate: SampleRate,
        input_rate: SampleRate,
        counters: CardCounters,
        *,
        monotonic: Callable[[], float],
    ) -> None:
        self._counters = counters
        self._underflows = counters.output_underflows
        self._follower = Follower(rate, input_rate, monotonic=monotonic)

    def write(self, sound: Sound, age: float = 0.0) -> None:
        """Take the next samples that were played, shape ``(n,)``; the writer's thread.

        Args:
            sound: The samples.
            age: Seconds since a monitor heard them, as the driver says.
        """
        self._follower.write(sound, age)

    def beside(self, captured: Sound, age: float = 0.0) -> Sound | None:
        """Return as many samples as were captured."""
        follower, counters = self._follower, self._counters
        slips = follower.slips
        out = follower.read(len(captured), age)
        counters.reference_slips += follower.slips - slips
        if counters.output_underflows != self._underflows:
            self._underflows = counters.output_underflows
            counters.reference_slips += 1
        return out
