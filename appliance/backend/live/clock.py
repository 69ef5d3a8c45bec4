"""Keeps the clock of the model running, which is the sound that it hears. Pure."""

from typing import Final

from appliance.backend.live import wire
from appliance.backend.socket.outlet import Outlet
from appliance.units import SampleRate, Seconds

PIECE: Final = Seconds(0.1)
"""Silence in one message."""


class SilenceClock:
    """Sends silence in real time, or mutes the input.

    Args:
        outlet: Takes what is to be sent.
        rate: Of the sound.
    """

    def __init__(self, outlet: Outlet, rate: SampleRate) -> None:
        self.due: Seconds | None = None
        """When the next silence is to be sent; ``None``: the clock stands."""

        self._outlet = outlet
        self._silence = bytes(int(PIECE * rate) * 2)
        self._muted = False
        self._heard = False  # something has come: a session that begins needs no muting

    def listen(self) -> None:
        """The microphone runs the clock now."""
        self.due = None
        self._heard = True
        if self._muted:
            self._muted = False
            self._outlet.send(wire.unmute())

    def run(self, now: Seconds) -> None:
        """Silence runs it."""
        if self.due is None:
            self.listen()
            self.due = Seconds(now + PIECE)

    def rest(self) -> None:
        """Nothing goes on: it may stand."""
        self.due = None
        if self._heard and not self._muted:
            self._muted = True
            self._outlet.send(wire.mute())

    def expire(self, now: Seconds) -> None:
        """Send what is due."""
        if self.due is None or now < self.due:
            return
        self._outlet.send(*wire.appends(self._silence))
        # Not all at once after the box was busy: the model would take it for a long pause.
        late = now - self.due > PIECE
        self.due = Seconds((now if late else self.due) + PIECE)
