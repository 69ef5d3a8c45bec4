"""What a session is like, and how long we wait in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from appliance.events import Usage, Used
from appliance.units import Seconds, TurnNumber


@dataclass(frozen=True, slots=True)
class Patience:
    """How long we wait."""

    setup: Seconds
    """From ``opened`` to the first proof that the server took our settings."""

    stall: Seconds
    """From asking for a reply to its first event, and between its events."""

    tools: Seconds
    """After this long with calls unanswered, an interim reply is asked for."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a session is like."""

    session: Mapping[str, object] = field(repr=False)
    """The ready-made object for ``session.update`` (``session.py``)."""

    patience: Patience
    model: str
    """For billing."""

    transcription_model: str = ""
    """For billing."""

    free: bool = False
    """For billing: the server is our own."""

    ends_turns: bool = False
    """The server finds the end of the user's turn (server_vad, semantic_vad)."""

    auto_response: bool = False
    """The server then begins its reply by itself (``create_response``)."""

    closing: frozenset[str] = frozenset()
    """Names of the tools with which a conversation ends."""

    def bill(self, usage: Usage, turn: TurnNumber | None) -> Used:
        """Return the bill for what was used."""
        return Used(replace(usage, free=self.free), turn)
