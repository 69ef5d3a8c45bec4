"""What the model behind does: its responses, the calls they make, and their answers. Pure.

One *run* is one response of the model behind, told apart by its delegation. It completes with its
calls unanswered; each answer goes in by itself, and one ``response.create`` has it go on once
every call in the session has an answer (a partial batch is refused). So no call may stay open:
what takes long, and what was called for a turn that is over, gets a stand-in for an answer, and
the true one is told to the voice model when somebody wants to hear it.

An *epoch* is the time of one turn, from its first sound until it is cancelled or another begins.
"""

import logging
from dataclasses import dataclass, field
from typing import Final

from appliance.backend.context import Called, Owed
from appliance.backend.live import wire
from appliance.backend.live.history import report
from appliance.backend.prompting.outputs import CANCELLED, output_text, was_cancelled
from appliance.backend.socket.outlet import Outlet
from appliance.backend.socket.reading import Message, dump, parse_object, text_of
from appliance.ports import ToolResult
from appliance.units import CallId, Seconds

log = logging.getLogger(__name__)

_LONGEST_ARGUMENTS: Final = 64 * 1024
"""Characters."""

_MOST_CALLS: Final = 32
"""Of one turn."""

_REMEMBERED: Final = 512
_MOST_RUNS: Final = 16

TELL: Final = (
    "What was asked for before is done. Tell the user now, in a few words, what came of it. Do not"
    " wait for the user to speak first. The result:"
)
STILL: Final = (
    "What was asked for is still being done. Say so now, in a few words; do not say that it is"
    " finished."
)
"""Appended as commentary: what the voice model should speak of."""

STILL_AT_IT: Final = dump(
    {
        "status": "at work",
        "note": "This takes longer. Say only that you are at it, in a few words; the result will "
        "be told later. Do not call it again.",
    }
)
"""In place of the answer of a call that takes long."""

MOVED_ON: Final = dump(
    {
        "status": "at work",
        "note": "The user has moved on; the result will be told later. Say nothing of it, and do "
        "not call it again.",
    }
)
"""In place of the answer of a call for a turn that is over."""


@dataclass(slots=True)
class Run:
    """One response of the model behind."""

    epoch: int
    calls: set[CallId] = field(default_factory=set)
    """Those that were passed on."""

    settled: bool = False
    """It made calls that were answered here."""

    written: bool = False
    """It has begun to write what is to be said."""

    told: bool = False
    """The voice has spoken since."""


@dataclass(slots=True, eq=False)
class Batch:
    """The calls of one turn."""

    epoch: int
    interim_at: Seconds | None
    """When to say that it takes long; ``None``: said, or nobody would hear it."""

    open: set[CallId] = field(default_factory=set)
    late: bool = False
    """Their answers are told later, when somebody wants to hear them."""

    foreign: bool = False
    """Another session made them: the model behind waits for no answer."""

    worth_telling: bool = False
    """Not everything was cancelled."""

    results: list[str] = field(default_factory=list, repr=False)
    """What the voice model is told itself."""


class Work:
    """Every run and every open call of a session.

    Args:
        outlet: Takes what is to be sent.
    """

    def __init__(self, outlet: Outlet) -> None:
        self.runs: dict[str, Run] = {}
        self.batch: Batch | None = None  # of the present epoch
        self.late_results: list[str] = []
        self.create_due = False
        """It is to go on once nothing runs."""

        self.creating = ""
        """The ``event_id`` of the request to go on, until it does."""

        self.rounds = 0
        """How often it has gone on in this turn."""

        self.asked = ""
        """The ``event_id`` of what the voice should speak of."""

        self._outlet = outlet
        self._batches: dict[CallId, Batch] = {}
        self._called: dict[CallId, Called] = {}
        self._epochs: dict[str, int] = {}  # of delegations
        self._seen: dict[str, None] = {}
        self._count = 0

    @property
    def open(self) -> bool:
        """Whether a call is open, in time or late."""
        return bool(self._batches)

    @property
    def goes_on(self) -> bool:
        """Whether another response of the model behind is to come."""
        return self.create_due or bool(self.creating)

    def awaits(self, epoch: int) -> bool:
        """Whether calls of a turn are open whose answers come in time."""
        batch = self.batch
        return batch is not None and batch.epoch == epoch and bool(batch.open) and not batch.late

    def at_work(self, epoch: int) -> bool:
        """Whether the model behind works for a turn."""
        return any(run.epoch == epoch for run in self.runs.values())

    def delegated(self, delegation: str, epoch: int) -> None:
        """Take note that the voice model handed something over."""
        self._epochs[delegation] = epoch
        while len(self._epochs) > _REMEMBERED:
            del self._epochs[next(iter(self._epochs))]

    def began(self, delegation: str, epoch: int) -> Run:
        """Take a run that begins, of the turn that its delegation is of."""
        while len(self.runs) >= _MOST_RUNS:
            del self.runs[next(iter(self.runs))]
        run = self.runs[delegation] = Run(self._epochs.get(delegation, epoch))
        return run

    def run(self, delegation: str, epoch: int) -> Run:
        """Return a run; one that nobody announced is not waited for."""
        return self.runs.get(delegation) or Run(self._epochs.get(delegation, epoch))

    def ended(self, delegation: str) -> Run | None:
        """Take the end of a run."""
        return self.runs.pop(delegation, None)

    def spoke(self, epoch: int) -> None:
        """The voice speaks: what the model behind has written is being told."""
        for run in self.runs.values():
            run.told = run.told or (run.written and run.epoch == epoch)

    # -- calls ------------------------------------------------------------------------------

    def take(self, item: Message, run: Run, interim_at: Seconds, *, wanted: bool) -> Called | None:
        """Take a call; return it if it is to be carried out.

        Args:
            item: As the model behind made it.
            run: In which.
            interim_at: When to say that it takes long.
            wanted: Whether somebody waits for it.
        """
        call = CallId(text_of(item, "call_id"))
        if text_of(item, "type") != "function_call" or not call or call in self._seen:
            return None
        self._see(call)
        given, tool = text_of(item, "arguments"), text_of(item, "name")
        arguments = parse_object(given) if len(given) <= _LONGEST_ARGUMENTS else None
        if text_of(item, "status") == "incomplete":
            arguments = None
        batch = self._batch(run.epoch, interim_at)
        whole = bool(tool) and arguments is not None
        if not wanted or not whole or len(batch.open) >= _MOST_CALLS:
            run.settled = True
            batch.worth_telling = batch.worth_telling or wanted
            self.send_output(call, _problem(tool) if wanted else CANCELLED)
            return None
        run.calls.add(call)
        called = Called(call, tool, arguments or {})
        self._open(batch, called)
        return called

    def owe(self, owed: Owed, epoch: int, interim_at: Seconds) -> Batch:
        """Take over the calls of another session, whose results the user waits for."""
        batch = self.batch = Batch(epoch, interim_at, foreign=True, worth_telling=True)
        for called in owed.calls:
            self._see(called.call)
            if called.result is None:
                self._open(batch, called)
            else:
                batch.results.append(report(called))
        return batch

    def answer(self, call: CallId, result: ToolResult) -> Batch | None:
        """Give a result back and return its batch; ``None``: the call is not open."""
        batch = self._batches.pop(call, None)
        if batch is None:
            return None
        called = self._called.pop(call)
        batch.open.discard(call)
        told = report(Called(call, called.tool, called.arguments, result))
        worth = not was_cancelled(result)
        batch.worth_telling = batch.worth_telling or worth
        if batch.late:
            self.late_results += [told] if worth else []
        elif batch.foreign:
            batch.results.append(told)
        else:
            self.send_output(call, output_text(result))
            if result.image is not None:
                self._outlet.send(wire.create_item(self.name("item"), wire.picture(result.image)))
        return batch

    def stand_in(self, batch: Batch, output: str) -> None:
        """Answer what is open in the place of the tools; their answers are told later."""
        batch.late, batch.interim_at = True, None
        if not batch.foreign:
            for call in sorted(batch.open):
                self.send_output(call, output)

    def fail(self, run: Run) -> None:
        """A run has failed: the service has dropped its calls, and takes no answers to them."""
        for call in run.calls & set(self._batches):
            self._batches[call].late = True
            self._batches[call].interim_at = None

    def withdraw(self, call: CallId) -> None:
        """A call was never passed on, and never will be."""
        batch = self._batches.pop(call, None)
        if batch is not None:
            del self._called[call]
            batch.open.discard(call)
            self.send_output(call, CANCELLED)

    def leave(self) -> None:
        """The turn is over: its open calls must not keep the next one waiting."""
        self.create_due, self.creating, self.rounds = False, "", 0
        batch, self.batch = self.batch, None
        if batch is not None and batch.open and not batch.late:
            self.stand_in(batch, MOVED_ON)

    def take_late(self) -> list[str]:
        """Return the results that are told now."""
        late, self.late_results = self.late_results[-8:], []
        return late

    def send_output(self, call: CallId, output: str) -> None:
        """Answer a call of the model behind."""
        self._outlet.send(wire.create_item(self.name("item"), wire.call_output(call, output)))

    def create(self) -> None:
        """Have it go on: every call has its answer."""
        self.create_due = False
        self.rounds += 1
        self.creating = self.name("create")
        self._outlet.send(wire.create_response(self.creating))

    def tell(self, results: list[str]) -> None:
        """Have the voice model tell what came of calls."""
        self.comment("\n".join([TELL, *results]))

    def say_still(self) -> None:
        """Have the voice model say that a tool is still at work."""
        self.comment(STILL)

    def comment(self, content: str) -> None:
        """Have the voice model speak of something now."""
        self.asked = self.name("comment")
        self._outlet.send(wire.commentary(self.asked, content))

    def name(self, kind: str) -> str:
        """Return an ``event_id`` that no other message has."""
        self._count += 1
        return f"{kind}-{self._count}"

    def _batch(self, epoch: int, interim_at: Seconds) -> Batch:
        batch = self.batch
        if batch is None or batch.epoch != epoch or batch.late or batch.foreign:
            batch = self.batch = Batch(epoch, interim_at)
        elif not batch.open:
            batch.interim_at = interim_at
        return batch

    def _open(self, batch: Batch, called: Called) -> None:
        batch.open.add(called.call)
        self._batches[called.call] = batch
        self._called[called.call] = called

    def _see(self, call: CallId) -> None:
        self._seen[call] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]


def _problem(tool: str) -> str:
    """Return the output that tells a model what was wrong with its call."""
    wrong = "the call names no tool"
    if tool:
        wrong = f"the arguments are no JSON object of at most {_LONGEST_ARGUMENTS} characters"
    return dump({"status": "rejected", "error": wrong})
