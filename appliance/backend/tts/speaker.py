"""Whose speech it is, and what it is billed for. Pure."""

from dataclasses import dataclass

from appliance.events import Usage
from appliance.units import Seconds


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice of a service."""

    title: str
    """What it is, for the timeline."""

    model: str
    """As its prices are listed."""

    free: bool = False
    """Whether what is said costs nothing: the server is our own."""

    def usage(self, characters: int, audio_s: float = 0.0) -> Usage | None:
        """Return what was used; ``None``: nothing."""
        if not characters:
            return None
        return Usage(self.model, characters=characters, audio_s=Seconds(audio_s), free=self.free)
