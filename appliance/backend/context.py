"""What a conversation has come to, as far as the next backend must know it. Pure.

Kept by ``appliance.backend.failover`` from what passes by; given to every session that is opened.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from appliance.ports import ToolResult
from appliance.units import CallId, Seconds, TurnNumber


@dataclass(frozen=True, slots=True)
class Said:
    """Something that was said."""

    who: Literal["user", "assistant"]
    text: str = field(repr=False)
    """As transcribed. Of a reply that was talked over only what was heard, as far as is known."""

    at: Seconds = Seconds(0.0)
    """On the clock of the session."""


@dataclass(frozen=True, slots=True)
class Called:
    """A tool that was called: it must never be called again for the same request."""

    call: CallId
    """Unique over all sessions, at most 32 characters."""

    tool: str
    arguments: Mapping[str, object] = field(repr=False)
    result: ToolResult | None = None
    """``None``: it is still at work."""

    at: Seconds = Seconds(0.0)


Line = Said | Called


@dataclass(frozen=True, slots=True)
class Owed:
    """A reply that the user waits for and that the last backend did not bring to its end."""

    turn: TurnNumber
    calls: tuple[Called, ...] = ()
    """What was published for this turn already, with the results that are there. Not empty: the
    new backend must not look into the request again, only report these, the missing ones when
    ``answer_call`` brings them. Empty: the turn's sound follows, and its ``commit_turn``."""


@dataclass(frozen=True, slots=True)
class Handover:
    """What a new session begins with."""

    lines: tuple[Line, ...] = ()
    """The latest of the conversation, oldest first; bounded by who keeps them. What is in
    ``owed`` is not in here, nor is what was said in a turn whose sound follows."""

    owed: Owed | None = None
    notice: bool = False
    """The user should be told, in two or three words before the next reply, that this is the
    backend to fall back on."""

    at: Seconds | None = field(default=None, compare=False)
    """When this was, on the clock of the lines; ``None``: when the last of them was."""


NOTHING = Handover()
"""A conversation that begins."""
