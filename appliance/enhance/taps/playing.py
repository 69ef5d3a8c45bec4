"""When the box is to be heard: from its first sample until the room has fallen silent."""

from appliance.enhance.types import Mono
from appliance.frames import FRAME_SECONDS
from appliance.units import Seconds

AUDIBLE = 2.5e-7
"""Power of the reference from which it is heard: -66 dBFS, which a loudspeaker whose full scale
is 86 dB at the microphone gives as 20 dB, the noise of a quiet room."""

ROOM = Seconds(0.3)
"""How long a room rings on: the canceller's tail."""

UNKNOWN = Seconds(0.5)
"""The longest delay from the reference to its echo, taken while the true one is not known."""

FLUSHED = Seconds(2.0)
"""Silence of the reference after which no stage remembers any of it, so none need run."""


class Playing:
    """Follows the reference."""

    def __init__(self) -> None:
        self._silent = float("inf")
        self.audible = False
        """Whether the latest 10 ms of the reference can be heard, sooner or later."""

    def process(self, reference: Mono | None) -> None:
        """Take the next 10 ms; ``None``: nobody knows what is played."""
        self.audible = reference is not None and float(reference @ reference) > AUDIBLE * len(
            reference
        )
        self._silent = 0.0 if self.audible else self._silent + FRAME_SECONDS

    def heard(self, delay: Seconds | None) -> bool:
        """Whether the box, or its echo, is to be heard now."""
        return self._silent < ROOM + (UNKNOWN if delay is None else delay)

    @property
    def remembered(self) -> bool:
        """Whether any stage may still remember what was played."""
        return self._silent < FLUSHED
