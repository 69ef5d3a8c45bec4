"""Lets what is over be heard: a sound and a sentence, again and again until somebody stops it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from appliance.ports import Cue
from appliance.units import Seconds

BEAT = Seconds(2.0)
"""From one sound to the next."""

ROUND = 30
"""Beats from one sentence to the next."""

_LISTEN = range(1, 4)
"""Beats of a round in which the sentence is said, and no sound over it."""

REST = frozenset({Cue.IDLE, Cue.UNHEARD, Cue.FAILED, Cue.MUTED})
"""Nobody talks with the box."""


@dataclass(frozen=True, slots=True)
class Peal:
    """What is to be heard now."""

    sentences: tuple[str, ...] = ()
    loud: bool = False
    """Whether it sounds all the time, and not only before each sentence."""


class Ringer:
    """Rings. Event loop only.

    While somebody talks with the box it is silent; it goes on afterwards where it was.

    Args:
        chime: Plays the sound once; told whether it is loud.
        say: Says a sentence as soon as nobody talks.
    """

    def __init__(self, chime: Callable[[bool], None], say: Callable[[str], None]) -> None:
        self._chime = chime
        self._say = say
        self._peal = Peal()
        self._beat = 0
        self._free = True
        self._next: asyncio.TimerHandle | None = None

    def ring(self, peal: Peal) -> None:
        """Ring so from now on; nothing to say is silence."""
        if peal == self._peal:
            return
        more = not set(peal.sentences) <= set(self._peal.sentences)
        self._peal = peal
        if not peal.sentences:
            self.close()
        elif self._next is None or more:
            self.close()
            self._beat = 0
            self._strike()

    def show(self, cue: Cue) -> None:
        """Take note of a cue (``ports.Indicator``)."""
        self._free = cue in REST

    def close(self) -> None:
        """Be silent."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _strike(self) -> None:
        if self._free:
            at = self._beat % ROUND
            if at == 1:
                for sentence in self._peal.sentences:
                    self._say(sentence)
            elif at == 0 or (self._peal.loud and at not in _LISTEN):
                self._chime(self._peal.loud)
            self._beat += 1
        self._next = asyncio.get_running_loop().call_later(BEAT, self._strike)
