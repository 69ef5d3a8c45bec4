"""Tells where the model speaks in the endless stream that it sends, silence included. Pure.

A *group* is what is spoken without a longer pause: a reply, or a part of one. Silence within it is
passed on with what follows; the silence that ends it is not. Time is that of the stream itself, in
samples, so it does not matter how fast the stream comes.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from appliance.units import SampleRate, Seconds

LOUD: Final = 0.0006
"""Root mean square above which the stream is a voice, as a share of full scale. Measured by
livekit-agents 1.8.9 (``llm/_realtime/gpt_live.py``): silence is all zeros but for a short tick
when the session begins, and speech begins an order of magnitude above."""

PAUSE: Final = Seconds(0.8)
"""Silence that ends a group, as there: longer than the pauses between sentences."""

TAKEN_UP: Final = Seconds(0.3)
"""Silence after which a model that was talked over, and has heard the user, answers anew."""

_WINDOW: Final = Seconds(0.02)


@dataclass(slots=True)
class Voice:
    """Sound that is spoken."""

    pcm: bytes = field(repr=False)
    """What is spoken."""

    pause: bytes = field(default=b"", repr=False)
    """The silence in front of it, if it goes on with a group."""

    paused: Seconds = PAUSE
    """How long it was silent before; no more than ``PAUSE``."""


@dataclass(frozen=True, slots=True)
class Silence:
    """The group is over."""


class Gate:
    """Passes on what is spoken."""

    def __init__(self) -> None:
        self.open = False
        """A group goes on."""

        self._quiet = PAUSE  # since the last voice
        self._pause = bytearray()  # silence that is passed on if the voice goes on

    def feed(self, pcm: bytes, rate: SampleRate) -> list[Voice | Silence]:
        """Take the next of the stream; give what is spoken, and where a group ends.

        Args:
            pcm: Signed 16-bit little-endian mono, whole samples.
            rate: Of it.
        """
        found: list[Voice | Silence] = []
        size = max(2, int(_WINDOW * rate) * 2)
        for begin in range(0, len(pcm), size):
            window = pcm[begin : begin + size]
            if _loud(window):
                self._speak(window, found)
            else:
                self._keep_quiet(window, rate, found)
        return found

    def _speak(self, window: bytes, found: list[Voice | Silence]) -> None:
        last = found[-1] if found else None
        if isinstance(last, Voice) and not self._quiet:
            last.pcm += window
        else:
            pause = bytes(self._pause) if self.open else b""
            found.append(Voice(window, pause, self._quiet))
        self._pause.clear()
        self._quiet = Seconds(0.0)
        self.open = True

    def _keep_quiet(self, window: bytes, rate: SampleRate, found: list[Voice | Silence]) -> None:
        self._quiet = Seconds(min(PAUSE, self._quiet + len(window) / 2 / rate))
        if not self.open:
            return
        if self._quiet >= PAUSE - _WINDOW / 2:
            self.open = False
            self._pause.clear()
            found.append(Silence())
        else:
            self._pause += window


def _loud(window: bytes) -> bool:
    samples = np.frombuffer(window, dtype="<i2").astype(np.float32)
    return len(samples) > 0 and float(np.mean(np.square(samples))) > (LOUD * 32768.0) ** 2
