"""One reply on its way to the loudspeaker, with its ledger."""

from collections import deque

import numpy as np
import soxr
from numpy.typing import NDArray

from appliance.units import ResponseId, SampleRate, Seconds

QUALITY = "HQ"
"""Replies can wait the 20 to 30 ms of its bursts; what people hear may as well sound good."""

NOTHING = np.empty(0, dtype=np.int16)


class Track:
    """The sound of one reply at the card's rate.

    The event loop adds pieces and says when the last has come; the card's thread takes samples.
    Nothing is locked: a deque's ends are atomic, and every field has one writer.

    Args:
        response: Whose sound it is.
        rate: The card's output rate.
    """

    def __init__(self, response: ResponseId, rate: SampleRate) -> None:
        self.response = response
        self.rate = rate
        self.complete = False
        """Nothing more will be added; by the event loop."""

        self.stopped = False
        """It must not be heard any more; by the event loop."""

        self.taken = 0
        """Samples handed to the card; by the card's thread."""

        self.taken_until = 0
        """The card's clock after the last of them; by the card's thread."""

        self.starving = False
        """The next piece is late; by the card's thread."""

        self._pieces: deque[NDArray[np.int16]] = deque()
        self._head = NOTHING  # by the card's thread
        self._resampler: soxr.ResampleStream | None = None  # by the event loop
        self._odd = b""  # by the event loop

    def add(self, pcm: bytes, rate: SampleRate) -> None:
        """Add a piece, signed 16-bit little-endian mono; its rate is that of the first piece."""
        pcm = self._odd + pcm
        self._odd = pcm[len(pcm) & ~1 :]
        piece = np.frombuffer(pcm, dtype="<i2", count=len(pcm) // 2)
        if rate != self.rate:
            if self._resampler is None:
                self._resampler = soxr.ResampleStream(
                    rate, self.rate, 1, dtype="int16", quality=QUALITY
                )
            piece = self._resampler.resample_chunk(piece)
        if len(piece):
            self._pieces.append(piece)

    def finish(self) -> None:
        """Say that the last piece has been added; idempotent."""
        if self.complete:
            return
        if self._resampler is not None:
            tail = self._resampler.resample_chunk(NOTHING, last=True)
            if len(tail):
                self._pieces.append(tail)
        self.complete = True

    def take(self, count: int, clock: int) -> NDArray[np.int16]:
        """Hand over up to ``count`` samples, fewer only if no more are there; card's thread.

        Args:
            count: Samples wanted.
            clock: The card's clock at the first of them.
        """
        if len(self._head) < count and self._pieces:
            parts = [self._head]
            have = len(self._head)
            while have < count and self._pieces:
                parts.append(self._pieces.popleft())
                have += len(parts[-1])
            self._head = np.concatenate(parts)
        out, self._head = self._head[:count], self._head[count:]
        if len(out):
            self.taken += len(out)
            self.taken_until = clock + len(out)
        return out

    @property
    def empty(self) -> bool:
        """Whether there is nothing to take now."""
        return not (len(self._head) or self._pieces)

    def heard(self, clock: int, latency: int) -> Seconds:
        """Return how much of it has left the loudspeaker; between nothing and all taken.

        Args:
            clock: The card's clock now.
            latency: Samples from handing over until they are heard.
        """
        on_its_way = max(0, self.taken_until + latency - clock)
        return Seconds(max(0, self.taken - on_its_way) / self.rate)
