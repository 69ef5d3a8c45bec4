"""What a Live session is like, and how long we wait in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from appliance.events import Usage, Used
from appliance.units import SampleRate, Seconds, TurnNumber


@dataclass(frozen=True, slots=True)
class Patience:
    """How long we wait."""

    setup: Seconds
    """From ``opened`` to ``session.started``."""

    stall: Seconds
    """From the end of a turn to the first sign of an answer, and for what comes in it."""

    tools: Seconds
    """After this long with calls unanswered, the user is told that they still work."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a session is like."""

    session: Mapping[str, object] = field(repr=False)
    """The ready-made object for ``session.start`` (``session.py``)."""

    patience: Patience
    model: str
    """For billing: by the second."""

    delegate_model: str
    """For billing: by the token."""

    rate: SampleRate = SampleRate(16_000)
    """Of the sound, both ways."""

    free: bool = False
    """For billing: the server is our own."""

    closing: frozenset[str] = frozenset()
    """Names of the tools with which a conversation ends."""

    def bill(self, usage: Usage, turn: TurnNumber | None) -> Used:
        """Return the bill for what was used."""
        return Used(replace(usage, free=self.free), turn)
