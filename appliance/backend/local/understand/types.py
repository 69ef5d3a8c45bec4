"""What understanding gives: calls of tools, or an honest nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from appliance.catalogue import ToolSpec
from appliance.units import Seconds


@dataclass(frozen=True, slots=True)
class Call:
    """One thing to do."""

    tool: str
    arguments: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Past:
    """What was done in one turn, by somebody else."""

    calls: tuple[Call, ...] = field(repr=False)
    age: Seconds = Seconds(0.0)
    """How long ago."""

    turns: int = 0
    """How often the user has spoken since."""


@dataclass(frozen=True, slots=True)
class StageTrace:
    """What one stage made of one clause; for the timeline and for debugging, never for a log."""

    stage: str
    clause: str = field(repr=False)
    outcome: str = field(repr=False)
    took: Seconds = Seconds(0.0)


@dataclass(frozen=True, slots=True)
class Understanding:
    """What a request means."""

    stage: str
    """The last stage that was needed: ``sentences``, ``nearest`` or ``none``."""

    calls: tuple[Call, ...] = ()
    """In the order they were said; empty when nothing was understood."""

    say: str = field(default="", repr=False)
    """What to say when there is nothing to call: a question back, or "I did not understand".
    Beside calls: what to add once they are done, "I did not understand the rest"."""

    trace: tuple[StageTrace, ...] = ()


class Understander(Protocol):
    """Turns a transcript into calls. Called from one worker thread at a time."""

    def understand(self, text: str, catalogue: Sequence[ToolSpec]) -> Understanding:
        """Take a transcript; remembers the last calls, so that a correction can change them."""
        ...

    def remember(self, past: Sequence[Past], catalogue: Sequence[ToolSpec]) -> None:
        """Take what was done by others, oldest first, as if it had been asked for here.

        It takes the place of what was remembered so before, not of what was asked for here; with
        nothing to remember nothing changes. Unknown tools and things are left out.
        """
        ...
