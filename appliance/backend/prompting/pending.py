"""Calls that a service waits for, where it takes one answer for each and no more. Pure.

A call is owed an answer on the wire, and its result is owed to the user; the two part where a tool
is slow, or where the conversation has moved on: the service is then told that the tool is at work,
and what it found out follows in words.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from appliance.backend.prompting.outputs import CANCELLED, output_text, was_cancelled
from appliance.backend.prompting.telling import answered
from appliance.ports import ToolResult
from appliance.units import CallId, Seconds, TurnNumber

_REMEMBERED = 512


@dataclass(slots=True, eq=False)
class Call:
    """One call."""

    id: CallId
    tool: str
    owed: bool = True
    """The service waits for its answer."""

    output: str | None = field(default=None, repr=False)
    """``None``: it is still at work."""

    told: bool = False
    """The service was given the output."""


@dataclass(slots=True, eq=False)
class Batch:
    """The calls that were made together."""

    turn: TurnNumber
    interim_at: Seconds | None
    """When to say that it takes long; ``None``: it was said, or nobody would hear it."""

    calls: list[Call] = field(default_factory=list)
    late: bool = False
    """The results are offered."""

    worth_telling: bool = False
    """Not everything was cancelled."""

    @property
    def over(self) -> bool:
        """Whether nobody is at work."""
        return all(call.output is not None for call in self.calls)


class Pending:
    """Every call of a session that is not over.

    Attributes:
        batches: Those at work.
        notes: What slow tools answered that the model was not told yet, a line each.
    """

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.notes: list[str] = []
        self._left: list[Call] = []  # over, and still owed on the wire
        self._seen: dict[str, None] = {}

    def is_new(self, call: str) -> bool:
        """Take note of a call; ``False``: it was made before."""
        if call in self._seen:
            return False
        self._seen[call] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return True

    def keep(self, batch: Batch) -> None:
        """Wait for the results of a batch."""
        self.batches.append(batch)

    def works(self, turn: TurnNumber | None) -> bool:
        """Whether a turn's next reply waits for tools."""
        return any(batch.turn == turn and not batch.late for batch in self.batches)

    def answer(self, call: CallId, result: ToolResult) -> Batch | None:
        """Take a result; return its batch, or ``None`` if the call is not open."""
        for batch in self.batches:
            for each in batch.calls:
                if each.id == call and each.output is None:
                    each.output = output_text(result)
                    batch.worth_telling = batch.worth_telling or not was_cancelled(result)
                    if batch.over:
                        self.batches.remove(batch)
                    return batch
        return None

    def note(self, batch: Batch) -> None:
        """Keep in words what of a batch the model was not told; what is owed is settled later."""
        self.notes += [
            answered(call.tool, call.output or "")
            for call in batch.calls
            if call.output not in (None, CANCELLED) and not call.told
        ]
        self._left += [call for call in batch.calls if call.owed]

    def take_notes(self) -> list[str]:
        """Return the notes, once."""
        notes, self.notes = self.notes, []
        return notes

    def withdrawn(self, calls: Iterable[str]) -> None:
        """The service waits for these no longer."""
        gone = set(calls)
        for call in self._owed():
            call.owed = call.owed and call.id not in gone

    def settle(self) -> list[Call]:
        """Return what is owed on the wire, and owe it no more: the conversation moves on."""
        owed = [call for call in self._owed() if call.owed]
        for call in owed:
            call.owed = False
        for batch in self.batches:
            batch.late, batch.interim_at = True, None
        self._left.clear()
        return owed

    def interim_at(self, turn: TurnNumber | None) -> Seconds | None:
        """Return when to say of a turn's calls that they take long."""
        times = (batch.interim_at for batch in self.batches if batch.turn == turn)
        return min((time for time in times if time is not None), default=None)

    def overdue(self, turn: TurnNumber | None, now: Seconds) -> list[Batch]:
        """Take the batches of a turn of which it is to be said now, once."""
        found = []
        for batch in self.batches:
            due = batch.interim_at is not None and batch.interim_at <= now
            if due and batch.turn == turn:
                batch.interim_at, batch.late = None, True
                found.append(batch)
        return found

    def _owed(self) -> list[Call]:
        return [*self._left, *(call for batch in self.batches for call in batch.calls)]
