"""Tells where the model speaks in the endless stream that it sends, silence included. Pure.

A *group* is what is spoken without a longer pause: a reply, or a part of one. Silence within it is
passed on with what follows; the silence that ends it is not. Time is that of the stream itself, in
samples, so it does not matter how fast the stream comes.
"""

from enum import Enum
from typing import Final

import numpy as np

from appliance.units import SampleRate, Seconds

LOUD: Final = 0.0006
"""Root mean square above which the stream is a voice, as a share of full scale. Measured by
livekit-agents 1.8.9 (``llm/_realtime/gpt_live.py``): silence is all zeros but for a short tick when
the session begins, and speech begins an order of magnitude above."""

PAUSE: Final = Seconds(0.8)
"""Silence that ends a group, as there: longer than the pauses between sentences."""

TAKEN_UP: Final = Seconds(0.3)
"""Silence after which a model that was talked over, and has heard the user, answers anew."""

_WINDOW: Final = Seconds(0.02)
_LONGEST_PAUSE: Final = Seconds(2.0)
"""More silence than this is not kept."""


class Edge(Enum):
    """What happens in the stream besides sound."""

    ENDED = "ended"
    """The group is over."""


class Gate:
    """Passes on what is spoken."""

    def __init__(self) -> None:
        self.open = False
        """A group goes on."""

        self.quiet = PAUSE
        """Silence since the last voice, in the time of the stream; no more than ``PAUSE``."""

        self._pause = bytearray()  # silence that is passed on if the voice goes on

    def feed(self, pcm: bytes, rate: SampleRate) -> list[bytes | Edge]:
        """Take the next of the stream; give what is spoken, and where a group ends.

        Args:
            pcm: Signed 16-bit little-endian mono, whole samples.
            rate: Of it.
        """
        found: list[bytes | Edge] = []
        size = max(2, int(_WINDOW * rate) * 2)
        for begin in range(0, len(pcm), size):
            window = pcm[begin : begin + size]
            if _loud(window):
                self._speak(window, found)
            else:
                self._keep_quiet(window, rate, found)
        return found

    def begin(self) -> None:
        """Take it that a group begins: its text has come, its sound follows."""
        self.open = True
        self.quiet = Seconds(0.0)
        self._pause.clear()

    def _speak(self, window: bytes, found: list[bytes | Edge]) -> None:
        piece = bytes(self._pause) + window if self.open else window
        self._pause.clear()
        self.open = True
        self.quiet = Seconds(0.0)
        if found and isinstance(found[-1], bytes):
            found[-1] += piece
        else:
            found.append(piece)

    def _keep_quiet(self, window: bytes, rate: SampleRate, found: list[bytes | Edge]) -> None:
        self.quiet = Seconds(min(PAUSE, self.quiet + len(window) / 2 / rate))
        if not self.open:
            return
        if self.quiet >= PAUSE - _WINDOW / 2:
            self.open = False
            self._pause.clear()
            found.append(Edge.ENDED)
        elif len(self._pause) < _LONGEST_PAUSE * rate * 2:
            self._pause += window


def _loud(window: bytes) -> bool:
    samples = np.frombuffer(window, dtype="<i2").astype(np.float32)
    return len(samples) > 0 and float(np.mean(np.square(samples))) > (LOUD * 32768.0) ** 2
