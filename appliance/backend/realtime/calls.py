"""The calls of a reply: which are whole, which are open, what their answers look like. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from appliance.backend.context import Owed
from appliance.backend.prompting.outputs import CANCELLED, output_text, was_cancelled
from appliance.backend.realtime import wire
from appliance.backend.socket import reading
from appliance.backend.socket.outlet import Outlet
from appliance.backend.socket.reading import Message, objects_of, text_of
from appliance.events import ToolCalled
from appliance.ports import Enclosure, ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber

_LONGEST_ARGUMENTS = 64 * 1024
"""Characters."""

_MOST_CALLS = 32
"""Of one reply."""

_REMEMBERED = 512


class Kind(StrEnum):
    """Who carries out a call."""

    FUNCTION = "function_call"
    """We."""

    APPROVAL = "mcp_approval_request"
    """The server, if we allow it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that a reply makes."""

    id: CallId
    kind: Kind
    tool: str
    """Empty: it names none."""

    arguments: Message | None = field(repr=False)
    """``None``: broken, or far too long."""

    @property
    def whole(self) -> bool:
        """Whether it can be carried out."""
        return bool(self.tool) and self.arguments is not None


def read(item: Message) -> Call | None:
    """Return the call that an item is; ``None`` if it is none that could be answered."""
    match text_of(item, "type"):
        case Kind.FUNCTION:
            kind, key, tool = Kind.FUNCTION, "call_id", text_of(item, "name")
        case Kind.APPROVAL:
            kind, key, tool = Kind.APPROVAL, "id", text_of(item, "name")
            tool = tool and f"mcp:{text_of(item, 'server_label')}/{tool}"
        case _:
            return None
    if not (call := text_of(item, key)):
        return None
    given = text_of(item, "arguments")
    arguments = reading.parse_object(given) if len(given) <= _LONGEST_ARGUMENTS else None
    if text_of(item, "status") == "incomplete":
        arguments = None
    return Call(CallId(call), kind, tool, arguments)


def output_of(response: Message, collected: Iterable[Message]) -> list[Message]:
    """Return the items of a response that is over; some servers do not list them."""
    listed = objects_of(response, "output")
    collected = list(collected)
    if any(read(item) for item in listed) or not collected:
        return listed
    return [*listed, *collected]


def _answer(call: CallId, kind: Kind, result: ToolResult) -> list[str]:
    """Return the messages that give a result back."""
    if kind is Kind.APPROVAL:
        approve = result.status == "done"
        return [wire.create_item(wire.approval(call, approve=approve, reason=result.say))]
    messages = [wire.create_item(wire.call_output(call, output_text(result)))]
    if result.image is not None:
        seen = wire.user_message(Enclosure(image=result.image))
        messages.append(wire.create_item(seen))
    return messages


def _settle(call: Call, output: str) -> str:
    """Return the message that answers a call which is not carried out."""
    if call.kind is Kind.APPROVAL:
        return wire.create_item(wire.approval(call.id, approve=False, reason=output))
    return wire.create_item(wire.call_output(call.id, output))


def _problem(call: Call) -> str:
    """Return the output that tells a model what was wrong with its call."""
    wrong = "the call names no tool"
    if call.tool:
        wrong = f"the arguments are no JSON object of at most {_LONGEST_ARGUMENTS} characters"
    return reading.dump({"status": "rejected", "error": wrong})


# -- who is still at work -----------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Batch:
    """The open calls of one reply."""

    turn: TurnNumber
    interim_at: Seconds | None
    """When to say that it takes long; ``None``: said, or nobody would hear it."""

    open: set[str] = field(default_factory=set)
    """Calls that we carry out, and items that the server works on."""

    approved: int = 0
    """Remote calls that were allowed and have not begun."""

    late: bool = False
    """It has been said that it takes long: the results are offered."""

    worth_telling: bool = False
    """Not everything was cancelled."""

    @property
    def over(self) -> bool:
        """Whether nobody is at work."""
        return not self.open and not self.approved


class Calls:
    """Every open call of a session, and the batch that it belongs to.

    Args:
        outlet: Takes what is to be sent and told.
    """

    def __init__(self, outlet: Outlet) -> None:
        self.batches: list[Batch] = []
        self._outlet = outlet
        self._kinds: dict[CallId, Kind] = {}
        self._seen: dict[str, None] = {}

    def owe(self, owed: Owed, interim_at: Seconds) -> Batch:
        """Take over the calls of another session."""
        batch = Batch(owed.turn, interim_at, worth_telling=True)
        for called in owed.calls:
            self._is_new(called.call)
            if called.result is None:
                self._add(batch, called.call, Kind.FUNCTION)
        self.keep(batch)
        return batch

    def open(self, response: ResponseId, output: Iterable[Message], batch: Batch) -> list[str]:
        """Pass on the calls that are whole, answer the others; return the tools called."""
        tools = []
        for call in filter(None, map(read, output)):
            if not self._is_new(call.id):
                continue
            if call.whole and len(batch.open) < _MOST_CALLS:
                self._add(batch, call.id, call.kind)
                self._outlet.tell(ToolCalled(call.id, response, call.tool, call.arguments or {}))
                tools.append(call.tool)
            else:
                batch.worth_telling = True
                self._outlet.send(_settle(call, _problem(call)))
        return tools

    def settle(self, output: Iterable[Message]) -> None:
        """Answer calls that are never carried out."""
        for call in filter(None, map(read, output)):
            if self._is_new(call.id):
                self._outlet.send(_settle(call, CANCELLED))

    def answer(self, call: CallId, result: ToolResult) -> Batch | None:
        """Give a result back and return its batch; ``None``: the call is not open."""
        kind = self._kinds.pop(call, None)
        if kind is None:
            return None
        batch = next(batch for batch in self.batches if call in batch.open)
        batch.open.discard(call)
        self._outlet.send(*_answer(call, kind, result))
        if kind is Kind.APPROVAL and result.status == "done":
            batch.approved += 1
        batch.worth_telling = batch.worth_telling or not was_cancelled(result)
        return batch

    def remote_began(self, item: str) -> None:
        """The server carries out a call after its response; one that we allowed, if there is."""
        batch = next((batch for batch in self.batches if batch.approved), None)
        if batch is not None and item and self._is_new(f"item {item}"):
            batch.approved -= 1
            batch.open.add(item)

    def remote_ended(self, item: str) -> Batch | None:
        """The server has carried out a call; return its batch if we wait for it."""
        self.remote_began(item)
        for batch in self.batches:
            if item in batch.open and item not in self._kinds:
                batch.open.discard(item)
                batch.worth_telling = True
                return batch
        return None

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

    def postpone(self, turn: TurnNumber, interim_at: Seconds) -> None:
        """Say it later: it could not be said."""
        for batch in self.batches:
            if batch.turn == turn:
                batch.interim_at, batch.late = interim_at, False

    def keep(self, batch: Batch) -> None:
        """Wait for a batch, unless nobody is at work in it."""
        if not batch.over and batch not in self.batches:
            self.batches.append(batch)

    def drop(self, batch: Batch) -> None:
        """Wait no longer for it."""
        if batch in self.batches:
            self.batches.remove(batch)

    def _add(self, batch: Batch, call: CallId, kind: Kind) -> None:
        batch.open.add(call)
        self._kinds[call] = kind

    def _is_new(self, call: str) -> bool:
        """Take note of a call; ``False``: it was made before."""
        if call in self._seen:
            return False
        self._seen[call] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return True


def working_items(output: Iterable[Message], working: Iterable[str]) -> tuple[set[str], bool]:
    """Return which remote calls go on after their response, and whether nobody told of the rest.

    The API does not go on by itself after a remote call (openai guide "realtime-mcp").
    """
    still = set(working)
    last = ""
    for item in output:
        last = text_of(item, "type") or last
    silent = last == "mcp_call" and not still
    return still, silent
