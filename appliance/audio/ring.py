"""One-writer, one-reader buffer of samples, without a lock.

Safe because each of the two counters is written by one thread only, a count is moved after the
samples it stands for, and CPython lets one thread run at a time between two byte codes.
"""

import numpy as np
from numpy.typing import NDArray


class Ring:
    """Fixed-size buffer of interleaved samples; overflow drops the newest block and counts it.

    Args:
        capacity: Samples per channel that it can hold.
        channels: Channels per sample.
    """

    def __init__(self, capacity: int, *, channels: int) -> None:
        self._store = np.zeros((capacity, channels), dtype=np.int16)
        self._capacity = capacity
        self.written = 0
        """Samples per channel ever accepted; by the writer only; never wraps."""

        self.taken = 0
        """Samples per channel ever read; by the reader only; never wraps."""

        self.dropped = 0
        """Samples per channel ever refused; by the writer only."""

    def __len__(self) -> int:
        """Samples per channel waiting to be read."""
        return self.written - self.taken

    def write(self, block: NDArray[np.int16]) -> bool:
        """Append a block of shape ``(n, channels)``; writing thread only; never waits.

        Returns:
            ``False`` if there was no room and the whole block was dropped.
        """
        count = len(block)
        written = self.written
        if count > self._capacity - (written - self.taken):
            self.dropped += count
            return False
        begin = written % self._capacity
        end = begin + count
        if end <= self._capacity:
            self._store[begin:end] = block
        else:
            until_wrap = self._capacity - begin
            self._store[begin:] = block[:until_wrap]
            self._store[: count - until_wrap] = block[until_wrap:]
        self.written = written + count
        return True

    def read(self, count: int) -> NDArray[np.int16] | None:
        """Take ``count`` samples per channel; reading thread only; never waits.

        Returns:
            A new array of shape ``(count, channels)``, or ``None`` if there are not so many yet.
        """
        taken = self.taken
        if self.written - taken < count:
            return None
        begin = taken % self._capacity
        end = begin + count
        if end <= self._capacity:
            out = self._store[begin:end].copy()
        else:
            out = np.concatenate((self._store[begin:], self._store[: end - self._capacity]))
        self.taken = taken + count
        return out
