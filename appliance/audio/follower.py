"""One clock's sound, read at the pace of another: an asynchronous sample rate converter.

A crystal is wrong by up to 100 ppm, so two cards drift apart by up to 12 ms a minute. Each of the
two calls back every 10 ms by its own clock, or somewhat later, never earlier: so the earliest
calls of a while tell what its clock shows, or its driver's time stamps do (``lateness``). From
both the reader learns where it should be in the sound, smooths that with a second-order loop (a PI
controller; F. Adriaensen, "Using a DLL to filter time", LAC 2005), and reads between the samples
at a pace that changes by parts per million.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from appliance.audio.interpolation import Interpolator
from appliance.audio.lateness import Lateness
from appliance.audio.ring import Ring
from appliance.units import SampleRate

RING_SECONDS = 2

MARGIN = 0.003
"""Seconds by which the reader stays behind the writer, beside a block and as much as calls were
late at first. No more, for no echo may come before its reference."""

LATER = 0.005
"""By how many seconds it stays further behind each time it ran dry."""

LONGEST_HELD = 0.05

ACQUIRING = 1.0
"""Seconds in which the two clocks are first compared; nothing is given meanwhile."""

WINDOW = 0.25
"""Seconds of calls of which the earliest counts."""

STOPPED = 0.5
"""Without a block for so long the sound has ended, and begins anew with the next."""

SLOWEST = 0.08
"""Natural frequency of the loop in the end, rad/s. Calls that are late by 0 to 10 ms at random
then move the reader by less than 0.1 ms rms."""

SETTLING = 4.0
"""Seconds of calls that tell a drift of 150 ppm from chance: the loop begins as if it had them."""

LEARNING, DAMPING = math.sqrt(6.0), 2 / math.sqrt(6.0)
"""Natural frequency times seconds known, and damping, with which all that is known has the same
weight, as in a straight line by least squares (an alpha-beta filter of growing memory)."""

MOST_DRIFT = 1e-3
"""By how much the pace is changed at most: some times what two crystals differ by."""

SLIPPED = 0.002
"""Seconds off, in two windows that agree: no drift, which makes less than 0.1 ms of a window, but
something that was lost, or played later. A sound server that ran dry goes on some 3 to 21 ms later
(its quantum), and a reader that crept there would be wrong for a second."""

CHANCE = 0.001
"""Seconds off that may be the clocks; what is more is for the most part calls that were late, and
teaches the pace no more than this. Calls that are late by 0 to 10 ms at random come to it in 1
window of 10, those of a machine that is busy with a turn for seconds."""

LOST = 0.03
"""Seconds without a sample after which those that are missing will hardly come yet."""

HISTORY = 0.2
"""Seconds that the reader can go back."""


class Follower:
    """What one thread writes at its pace is read by another at its own.

    Args:
        rate: Of what is written.
        output_rate: Of what is read.
        monotonic: The clock by which the calls of both are compared.
    """

    def __init__(
        self,
        rate: SampleRate,
        output_rate: SampleRate,
        *,
        monotonic: Callable[[], float],
    ) -> None:
        self._rate = rate
        self._output_rate = output_rate
        self._monotonic = monotonic
        self._nominal = rate / output_rate
        self._interpolator = Interpolator(self._nominal)
        self._ring = Ring(RING_SECONDS * rate, channels=1)
        self._latest = (0, -math.inf, 0.0, 0)
        # by the writer: samples written, when, how old they were, the last block's
        self._kept = np.zeros(0, dtype=np.int16)
        self._end = 0  # of what was kept when it was last read
        self._kept_from = 0  # counted as the ring counts, as all places are
        self._position = 0.0  # of the next sample to read
        self._given = 0  # samples read since the clocks were compared
        self._written, self._read = Lateness(), Lateness()
        self._reads = 0  # samples, in this window
        self._error = 0.0  # of the window before
        self._held = 0.0
        self._drift = 0.0
        self._known = SETTLING
        self._pace = self._nominal
        self._locked = False
        self._seen = 0
        self._dry = 0  # samples in vain since the last one that was there
        self._unsure = False  # whether something was lost, nobody knows how much
        self.slips = 0
        """Times that the reader ran dry or had to jump; by the reader."""

    @property
    def drift_ppm(self) -> float:
        """By how much faster the writer's clock runs than the reader's, as far as it is known."""
        return 1e6 * self._drift

    def write(self, sound: NDArray[np.int16], age: float = 0.0) -> None:
        """Take the next samples, shape ``(n,)``; writing thread only.

        Args:
            sound: The samples.
            age: Seconds since the driver heard them, as it says; 0 if they come from elsewhere.
        """
        self._ring.write(sound[:, np.newaxis])
        self._latest = (self._ring.written, self._monotonic(), age, len(sound))

    def read(self, count: int, age: float = 0.0) -> NDArray[np.int16]:
        """Give the next ``count`` samples, shape ``(count,)``; reading thread only.

        Quiet while there is nothing to give: at first, and while the writer has stopped.

        Args:
            count: How many.
            age: Seconds since the driver heard what they belong beside, as it says.
        """
        (written, at, old, block), now = self._latest, self._monotonic()
        self._collect()
        if now - at > STOPPED:
            self._forget()
            return np.zeros(count, dtype=np.int16)
        self._given += count
        if written != self._seen:  # else it is an old call, which tells nothing of now
            self._seen = written
            self._written.add(at - written / self._rate, old)
        self._read.add(now - self._given / self._output_rate, age)
        self._reads += count
        if not self._locked:
            if self._reads >= ACQUIRING * self._output_rate and self._written.earliest < math.inf:
                self._begin(block)
            return np.zeros(count, dtype=np.int16)
        out = self._take(count)
        if self._reads >= WINDOW * self._output_rate:
            self._steer()
        return out

    def _collect(self) -> None:
        ring = self._ring
        came = ring.read(len(ring))
        if came is None or not len(came):
            return
        oldest = int(self._position - HISTORY * self._rate) - self._kept_from
        kept = self._kept[max(0, oldest) :] if self._locked else self._kept[-self._rate :]
        self._kept = np.concatenate((kept, came[:, 0]))
        self._kept_from = ring.taken - len(self._kept)

    def _forget(self) -> None:
        """The clocks must be compared anew; the drift that was learnt is kept."""
        self._locked = False
        self._dry = 0
        self._given = 0
        self._reads = 0
        self._written.restart()
        self._read.restart()

    def _behind(self) -> float:
        """Return by how many seconds the reader should be further on in the sound."""
        place = self._position / self._rate - self._given / self._output_rate
        return self._read.earliest - self._written.earliest - self._held - place

    def _next_window(self) -> float:
        """Begin the next one; return the seconds that this one had."""
        passed, self._reads = self._reads / self._output_rate, 0
        self._written.close()
        self._read.close()
        return passed

    def _begin(self, block: int) -> None:
        self._held = min(LONGEST_HELD, block / self._rate + self._written.spread + MARGIN)
        self._position = 0.0
        self._position = self._behind() * self._rate
        self._known = SETTLING
        self._error = 0.0
        self._pace = self._nominal * (1.0 + self._drift)
        self._locked = True
        self._next_window()

    def _steer(self) -> None:
        """Once per window: find the pace that takes the error away; jump where it is no drift."""
        told = self._written.earliest < math.inf
        error, before = self._behind(), self._error
        passed = self._next_window()
        if not told:
            return
        self._error = error
        moved = min(abs(error), abs(before)) > SLIPPED
        if (moved or self._unsure) and abs(error - before) < SLIPPED / 2:
            self._position += 0.5 * (error + before) * self._rate
            self._error = 0.0
            self._unsure = False
            self.slips += moved
            return
        if self._unsure or abs(error) > SLIPPED:
            return
        self._known += passed
        error = max(-CHANCE, min(CHANCE, error))
        speed = max(SLOWEST, LEARNING / self._known)
        self._drift = _limited(self._drift + speed * speed * error * passed)
        self._pace = self._nominal * (1.0 + _limited(self._drift + 2 * DAMPING * speed * error))

    def _take(self, count: int) -> NDArray[np.int16]:
        reach, pace = self._interpolator.reach, self._pace
        if self._dry > LOST * self._output_rate and self._kept_from + len(self._kept) > self._end:
            self._position -= self._held * self._rate  # lost for good: the buffer fills anew
            self._dry = 0
            self._unsure = True
        self._end = self._kept_from + len(self._kept)
        first = max(self._position - self._kept_from, float(reach))
        there = int((len(self._kept) - reach - 1 - first) / pace) + 1
        ready = max(0, min(count, there))
        out = np.zeros(count, dtype=np.int16)
        if ready:
            values = self._interpolator.read(self._kept, first, pace, ready)
            out[:ready] = np.clip(np.rint(values), -32_768, 32_767)
        self._position = self._kept_from + first + ready * pace
        if ready < count and not self._dry:
            self.slips += 1
            self._held = min(LONGEST_HELD, self._held + LATER)
        self._dry = 0 if ready == count else self._dry + count - ready
        return out


def _limited(drift: float) -> float:
    return max(-MOST_DRIFT, min(MOST_DRIFT, drift))
