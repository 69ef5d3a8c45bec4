"""What a conversation with an agent is like."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from appliance.units import Seconds

BILLED: Final = "elevenlabs-agents"
"""The name under which a conversation is counted; its price is the vendor's per minute."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The settings of one session."""

    initiation: Mapping[str, object] = field(repr=False)
    """As ``setup.initiation`` makes it."""

    stall: Seconds
    """Longest wait for the beginning of a reply."""

    tools: Seconds
    """How long tools may take before the user is told that they do."""

    context: str = field(default="", repr=False)
    """What the agent should know of the conversation so far; empty: nothing."""

    closing: frozenset[str] = frozenset()
    """Names of the tools with which a conversation ends."""
