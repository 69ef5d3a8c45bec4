"""What the user gives in one turn: sound, and what belongs to it."""

from dataclasses import dataclass, field

import numpy as np

from appliance.backend.local.parts import Sound
from appliance.frames import Frame
from appliance.ports import Enclosure

LONGEST_TEXT = 1_000
"""Characters that may be enclosed; what comes after them is left out."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One turn, complete."""

    sound: Sound = field(repr=False)
    text: str = field(default="", repr=False)
    """What was written instead of said, or beside it."""

    shows: bool = False
    """There is a picture with it, which nobody here can see."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to answer."""
        return not (len(self.sound) or self.text or self.shows)

    def read(self, transcript: str) -> str:
        """Return the request: what was said, then what was written."""
        return " ".join(filter(None, (transcript, self.text)))


class Collector:
    """Gathers a turn.

    Args:
        room: Samples that it may have; what comes after them is left out.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self.clear()

    def clear(self) -> None:
        """Forget what was gathered."""
        self._frames: list[Sound] = []
        self._samples = 0
        self._text = ""
        self._shows = False

    def hear(self, frame: Frame) -> None:
        """Add a frame."""
        if self._samples + len(frame.samples) <= self._room:
            self._frames.append(frame.samples)
            self._samples += len(frame.samples)

    def enclose(self, enclosure: Enclosure) -> None:
        """Add text, and note a picture."""
        both = " ".join(filter(None, (self._text, enclosure.text.strip())))
        self._text = both[:LONGEST_TEXT]
        self._shows = self._shows or enclosure.image is not None

    def sound(self) -> Sound:
        """Return the sound so far."""
        return np.concatenate(self._frames) if self._frames else np.zeros(0, np.int16)

    def take(self) -> Utterance:
        """Return the turn and begin the next one."""
        taken = Utterance(self.sound(), self._text, self._shows)
        self.clear()
        return taken
