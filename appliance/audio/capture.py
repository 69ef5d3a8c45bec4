"""Station 1 of a frame: from the card's blocks to frames of 10 ms at 16 kHz.

The card's thread writes; the hearing thread reads. The capture clock counts samples at 16 kHz
from the first block on; what was lost on the way (a full ring, an unplugged card) still passes on
that clock, rounded to whole frames, so that positions stay true to time.

What the loudspeaker played is written with each block and is from there on one more channel of
it: both are lost together, resampled together and read together, so they cannot come apart.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np
import soxr
from numpy.typing import NDArray

from appliance.audio.counters import CardCounters
from appliance.audio.ring import Ring
from appliance.frames import FRAME_SAMPLES, FRAME_SECONDS, RATE, Frame
from appliance.units import SampleIndex, SampleRate, Seconds

RING_SECONDS = 2
"""The hearing thread may be late by this much (a model that is loaded, a busy machine)."""

POLL = Seconds(1.0)
"""How often a waiting reader looks whether it was closed, should the bell ever be missed."""

QUALITY = "LQ"
"""Emits every 10 ms, within 10 to 20 ms; higher qualities emit in bursts of up to 60 ms (measured
with soxr 1.1.0, 2026-11-21)."""


class Capture:
    """The microphones; see ``appliance.ports.FrameSource``.

    Args:
        counters: Where blocks that did not fit are counted.
        monotonic: The clock that measures how long the card was away.
    """

    def __init__(
        self, counters: CardCounters, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._counters = counters
        self._monotonic = monotonic
        self._feeds: deque[_Feed] = deque()  # the oldest is read, the newest is written
        self._newest: _Feed | None = None  # the writer's
        self._last_block = 0.0  # the writer's
        self._unsaid = 0.0  # the writer's: seconds dropped since the last block that fitted
        self._reopened = False  # the writer's
        self._bell = threading.Lock()  # a binary semaphore: released means "look into the ring"
        self._bell.acquire()
        self._closed = threading.Event()
        self.processed = 0
        """Samples of the card whose frames the reader has completely dealt with (the current
        opening's); a recording waits for it."""

        self.on_processed: Callable[[], None] | None = None
        """Called on the hearing thread when the ring has run empty; set before the start."""

    def opened(self, rate: SampleRate, channels: int, *, referenced: bool = False) -> None:
        """Prepare for blocks at a new rate; card's thread, while no block is being written.

        Args:
            rate: Of the blocks.
            channels: Of the blocks.
            referenced: Each of them will come with what the loudspeaker played.
        """
        self._reopened = self._newest is not None
        self._newest = _Feed(rate, channels, referenced=referenced)
        self._feeds.append(self._newest)

    def write(self, block: NDArray[np.int16], reference: NDArray[np.int16] | None = None) -> None:
        """Take a block; card's thread; copies, counts, returns.

        Args:
            block: Shape ``(n, channels)``.
            reference: Shape ``(n,)``, if ``opened`` was told so: what the loudspeaker played.
        """
        feed = self._newest
        if feed is None:
            return
        now = self._monotonic()
        if self._reopened:
            self._reopened = False
            self._unsaid += now - self._last_block - len(block) / feed.rate
        self._last_block = now
        position = feed.ring.written
        if not feed.ring.write(
            block if reference is None else np.column_stack((block, reference))
        ):
            self._counters.ring_overflows += 1
            self._unsaid += len(block) / feed.rate
            return
        if self._unsaid:
            feed.lost.append((position, self._unsaid))
            self._unsaid = 0.0
        self._ring_the_bell()

    def frames(self) -> Iterator[Frame]:
        """Yield frames, waiting for each; see ``appliance.ports.FrameSource``.

        While the card is away nothing is yielded; afterwards ``start`` jumps by what is missing.
        """
        start = 0
        while not self._closed.is_set():
            self._bell.acquire(timeout=POLL)
            while self._feeds:
                feed = self._feeds[0]
                while (samples := feed.take()) is not None:
                    if feed.missing:
                        start += feed.missing * FRAME_SAMPLES
                        feed.missing = 0
                    yield feed.frame(samples, SampleIndex(start))
                    start += FRAME_SAMPLES
                    if self._closed.is_set():
                        return
                self.processed = feed.ring.taken
                if len(self._feeds) == 1:
                    break
                self._feeds.popleft()  # a newer opening exists, so nothing more comes here
            if self.on_processed is not None:
                self.on_processed()

    def close(self) -> None:
        """End ``frames``; from any thread; idempotent."""
        self._closed.set()
        self._ring_the_bell()

    def _ring_the_bell(self) -> None:
        if self._bell.locked():
            try:
                self._bell.release()
            except RuntimeError:  # the card and ``close`` rang at the same moment
                return


class _Feed:
    """One opening of the card: its ring, its rate, and where something is missing in it."""

    def __init__(self, rate: SampleRate, channels: int, *, referenced: bool) -> None:
        self.rate = rate
        self._microphones = channels
        channels += referenced
        self.ring = Ring(RING_SECONDS * rate, channels=channels)
        self.lost: deque[tuple[int, float]] = deque()
        """Before which sample of the ring how many seconds are missing, in order; the writer
        appends, the reader takes away."""

        self.missing = 0
        """Frames missing before the one that ``take`` gave last; by the reader only."""

        self._remainder = 0.0
        self._resampler = (
            None
            if rate == RATE
            else soxr.ResampleStream(rate, RATE, channels, dtype="int16", quality=QUALITY)
        )
        self._ready = np.empty((0, channels), dtype=np.int16)

    def take(self) -> NDArray[np.int16] | None:
        """Return the next ``FRAME_SAMPLES``, if complete; the reference is the last channel."""
        if self.lost:
            self._count_the_lost()
        if self._resampler is None:
            return self.ring.read(FRAME_SAMPLES)
        while len(self._ready) < FRAME_SAMPLES:
            block = self.ring.read(len(self.ring))
            if block is None or not len(block):
                return None
            self._ready = np.concatenate((self._ready, self._resampler.resample_chunk(block)))
        samples, self._ready = self._ready[:FRAME_SAMPLES], self._ready[FRAME_SAMPLES:]
        return samples

    def frame(self, samples: NDArray[np.int16], start: SampleIndex) -> Frame:
        """Return what ``take`` gave as a frame."""
        microphones = self._microphones
        if samples.shape[1] == microphones:
            return Frame(samples, start)
        return Frame(
            np.ascontiguousarray(samples[:, :microphones]),
            start,
            reference=np.ascontiguousarray(samples[:, microphones]),
        )

    def _count_the_lost(self) -> None:
        while self.lost and self.lost[0][0] <= self.ring.taken:
            exact = self._remainder + self.lost.popleft()[1] / FRAME_SECONDS
            whole = max(0, round(exact))
            self._remainder = exact - whole
            self.missing += whole
