"""What the model wrote down of the user's turn, told when it seems to be all of it. Pure.

The text comes in pieces without an end: it is told when the reply begins, or when no more has come
for a while after the turn; told again, it is the whole text.
"""

from typing import Final

from appliance.backend.live.voice import PAUSE
from appliance.backend.socket.outlet import Outlet
from appliance.events import Transcribed
from appliance.units import Seconds, TurnNumber

_MOST: Final = 8_000
"""Characters of one turn."""


class Transcript:
    """Of the present turn.

    Args:
        outlet: Takes what is to be told.
    """

    def __init__(self, outlet: Outlet) -> None:
        self.tell_at: Seconds | None = None
        self._outlet = outlet
        self._text = ""
        self._told = ""

    def add(self, piece: str) -> None:
        """Take the next piece."""
        if len(self._text) < _MOST:
            self._text += piece

    def wait(self, now: Seconds) -> None:
        """The turn has ended: tell it when no more comes."""
        if self._text:
            self.tell_at = Seconds(now + PAUSE)

    def tell(self, turn: TurnNumber | None) -> None:
        """Tell what there is, if it is new."""
        text = self._text.strip()
        self.tell_at = None
        if turn is not None and text and text != self._told:
            self._told = text
            self._outlet.tell(Transcribed(turn, text))

    def forget(self) -> None:
        """Another turn begins."""
        self._text = self._told = ""
        self.tell_at = None
