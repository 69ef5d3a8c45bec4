"""What is asked, and the turn that may be its answer."""

from dataclasses import dataclass, field

from appliance.frames import Frame, samples
from appliance.ports import Backend, Challenge, Enclosure
from appliance.units import CallId, Seconds, TurnNumber

LONGEST_TURN = Seconds(35.0)
"""Sound that is kept of a turn; what comes after it is left out."""

Part = Frame | Enclosure


@dataclass(slots=True, eq=False)
class Question:
    """A challenge, as far as it has come."""

    challenge: Challenge
    turn: TurnNumber
    """The turn to which it is, or was, to be put."""

    call: CallId
    """Who made it necessary."""

    due: bool = False
    """It is about to be put, or was."""

    asked: bool = False
    """It has been begun to be put."""

    taken: bool = False
    """An answer to it was, or is being, given from here."""

    outcome: str = field(default="", repr=False)
    """It was settled elsewhere while somebody spoke: what is to be said of that."""


@dataclass(frozen=True, slots=True)
class Held:
    """A turn whose sound was kept."""

    number: TurnNumber
    parts: tuple[Part, ...] = field(repr=False)
    question: Question | None
    """What it may be the answer to; ``None``: that has ended."""


class Kept:
    """Gathers the turn in progress."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._room = samples(LONGEST_TURN)

    def add(self, part: Part) -> None:
        """Keep a part."""
        self._room -= len(part.samples) if isinstance(part, Frame) else 0
        if self._room >= 0:
            self._parts.append(part)

    def take(self) -> tuple[Part, ...]:
        """Return it all, and begin anew."""
        parts = tuple(self._parts)
        self._parts.clear()
        self._room = samples(LONGEST_TURN)
        return parts


async def pass_on(part: Part, backend: Backend) -> None:
    """Give a backend a part of a turn."""
    if isinstance(part, Frame):
        await backend.send_audio(part)
    else:
        await backend.enclose(part)
