"""The calls of the replies, the answers that they are owed, and what came too late. Pure."""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from appliance.backend.context import Called, Owed
from appliance.backend.pipeline.parts import Answered, Asked
from appliance.catalogue import ToolSpec
from appliance.ports import ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber

MOST_LATE = 8
"""Reports that wait to be taken; of more, the oldest are dropped."""

_WELL = frozenset({"done", "unchanged"})


@dataclass(frozen=True, slots=True)
class Request:
    """What a turn is about, and how far it has come."""

    asked: Asked | None = None
    """``None``: there are only results to be told."""

    answered: tuple[Answered, ...] = ()
    """What the calls made for it came to, round by round."""

    said: str = field(default="", repr=False)
    """What was said to it so far."""

    rounds: int = 0
    """How often it was thought about."""


@dataclass(slots=True, eq=False)
class Calls:
    """What a reply asked for; complete when every call is answered."""

    turn: TurnNumber
    response: ResponseId | None = None
    """The reply that made them; ``None``: a reply of another backend."""

    request: Request = Request()
    """What they were made for."""

    remark: str = field(default="", repr=False)
    """What to add to their results."""

    closes: bool = False
    """The conversation ends with one of them."""

    sealed: bool = False
    """The reply that made them is over: it makes no more."""

    until: Seconds = Seconds(math.inf)
    """When the user is told that it takes long, on the event loop's clock."""

    interim: ResponseId | None = None
    """The reply that told so."""

    overtaken: bool = False
    """The conversation has gone on: their report can only be offered."""

    silenced: bool = False
    """The user fell silent the reply that made them: only what went wrong is still told."""

    offered: bool = False
    """Their report has been offered and taken."""

    _calls: dict[CallId, Called] = field(default_factory=dict, repr=False)

    def add(self, called: Called, *, closes: bool) -> None:
        """Take a call, with its answer if it is there."""
        self._calls[called.call] = called
        self.closes = self.closes or closes

    def answer(self, call: CallId, result: ToolResult) -> bool:
        """Take the answer to one call; the first one counts. Tell whether it was taken."""
        called = self._calls.get(call)
        if called is None or called.result is not None:
            return False
        self._calls[call] = replace(called, result=result)
        return True

    def withdraw(self, call: CallId) -> None:
        """Forget a call that was not made after all."""
        self._calls.pop(call, None)

    @property
    def empty(self) -> bool:
        """Whether there is no call at all."""
        return not self._calls

    @property
    def complete(self) -> bool:
        """Whether nothing is owed any more."""
        every = all(called.result is not None for called in self._calls.values())
        return self.sealed and every and not self.empty

    def results(self) -> tuple[Answered, ...]:
        """Return the answers to be told, in the order of the calls."""
        came = [
            Answered(called.call, called.tool, called.arguments, called.result)
            for called in self._calls.values()
            if called.result is not None
        ]
        return tuple(each for each in came if not self.silenced or _went_wrong(each.result))


def taken_over(owed: Owed, tools: Sequence[ToolSpec]) -> Calls:
    """Return the calls of another backend, with the answers that came there."""
    calls = Calls(owed.turn, sealed=True)
    for called in owed.calls:
        calls.add(called, closes=closes((called.tool,), tools))
    return calls


class Ledger:
    """The calls that the user has not been told about. One thread."""

    def __init__(self) -> None:
        self._open: list[Calls] = []
        self._late: deque[Calls] = deque(maxlen=MOST_LATE)
        self._told: tuple[Calls, ...] = ()
        self._told_by: ResponseId | None = None

    @property
    def awaited(self) -> Calls | None:
        """The calls whose answers are the next reply to the latest turn."""
        waiting = (calls for calls in self._open if not (calls.overtaken or calls.complete))
        return next(waiting, None)

    @property
    def offers(self) -> bool:
        """Whether there are reports to be taken."""
        return bool(self._late)

    def add(self, calls: Calls) -> None:
        """Keep new calls."""
        self._open.append(calls)

    def overtake(self) -> None:
        """Note that the conversation goes on without the answers."""
        for calls in self._open:
            calls.overtaken = True

    def answer(self, call: CallId, result: ToolResult) -> Calls | None:
        """Take an answer; return the calls that it completes, if it does."""
        calls = next((calls for calls in self._open if calls.answer(call, result)), None)
        return calls if calls is not None and calls.complete else None

    def withdraw(self, call: CallId) -> None:
        """Forget a call that was not made after all."""
        for calls in self._open:
            calls.withdraw(call)

    def seal(self, calls: Calls) -> bool:
        """Take note that a reply makes no more calls; tell whether they are complete by that."""
        calls.sealed = True
        if calls.empty:
            self._open.remove(calls)
        return calls.complete

    def tell(self, calls: Sequence[Calls], response: ResponseId) -> None:
        """Note which reply tells the answers."""
        self._told, self._told_by = tuple(calls), response
        self._open = [other for other in self._open if other not in calls]

    def put_off(self, calls: Calls) -> bool:
        """Keep the answers for later; tell whether there is anything to tell."""
        calls.overtaken = True
        self._open = [other for other in self._open if other is not calls]
        if calls.results():
            self._late.append(calls)
        return bool(calls.results())

    def take(self) -> tuple[Calls, ...]:
        """Return all that was put off, once."""
        taken = tuple(self._late)
        self._late.clear()
        for calls in taken:
            calls.offered = True
        return taken

    def cancel(self, response: ResponseId, *, heard: Seconds) -> tuple[Calls, ...]:
        """Note that a reply was silenced; return the calls whose report nobody heard of it."""
        for calls in self._open:
            if response == calls.response or (response == calls.interim and heard <= 0):
                calls.silenced = calls.overtaken = True
        if response != self._told_by or heard > 0:
            return ()
        unheard = tuple(calls for calls in self._told if not calls.offered)
        self._told = ()
        for calls in unheard:
            calls.silenced = calls.overtaken = True
        return unheard


def closes(called: Iterable[str], tools: Sequence[ToolSpec]) -> bool:
    """Tell whether one of the tools called ends the conversation."""
    closing = {tool.name for tool in tools if tool.closes}
    return not closing.isdisjoint(called)


def _went_wrong(result: ToolResult) -> bool:
    """Tell whether the user must hear of a result; not of a call that was dropped for them."""
    return result.status not in _WELL and not result.data.get("cancelled")
