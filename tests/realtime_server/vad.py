"""Voice activity as simple as can be: energy, in blocks of 10 ms. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tests.realtime_server.script import BYTES_PER_MS

BLOCK_MS = 10
_BLOCK = BLOCK_MS * BYTES_PER_MS
LOUD = 500.0
"""Root mean square of a block that is speech, out of 32768."""


@dataclass(frozen=True)
class Edge:
    """Where speech begins or ends."""

    kind: Literal["started", "stopped"]
    at_ms: int
    """On the clock of all sound ever appended."""


class EnergyVad:
    """Finds the edges of speech.

    Args:
        padding_ms: Sound before the speech that belongs to it.
        silence_ms: Silence that ends it.
    """

    def __init__(self, *, padding_ms: int, silence_ms: int) -> None:
        self._padding_ms = padding_ms
        self._silence_ms = silence_ms
        self._rest = b""
        self._now_ms = 0
        self._loud_until: int | None = None

    def process(self, pcm: bytes) -> Iterator[Edge]:
        """Take the next sound and give the edges that it completes."""
        self._rest += pcm
        while len(self._rest) >= _BLOCK:
            block, self._rest = self._rest[:_BLOCK], self._rest[_BLOCK:]
            begin, self._now_ms = self._now_ms, self._now_ms + BLOCK_MS
            loud = np.sqrt(np.mean(np.frombuffer(block, "<i2").astype(np.float64) ** 2)) > LOUD
            if loud:
                if self._loud_until is None:
                    yield Edge("started", max(0, begin - self._padding_ms))
                self._loud_until = self._now_ms
            elif (
                self._loud_until is not None
                and self._now_ms - self._loud_until >= self._silence_ms
            ):
                self._loud_until = None
                yield Edge("stopped", self._now_ms)
