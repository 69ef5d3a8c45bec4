"""What a Gemini Live session is like."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from appliance.units import Seconds


@dataclass(frozen=True, slots=True)
class Terms:
    """The settings of one session."""

    setup: Mapping[str, object] = field(repr=False)
    """As ``setup.setup`` makes them."""

    model: str
    """For billing."""

    stall: Seconds
    """Longest wait for a reply, and within it."""

    tools: Seconds
    """How long tools may take before the user is told that they do."""

    history: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """The conversation so far: ``user`` or ``assistant``, and a text."""

    closing: frozenset[str] = frozenset()
    """Names of the tools with which a conversation ends."""
