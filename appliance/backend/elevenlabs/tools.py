"""The calls of an agent, and what becomes of them. Pure."""

from typing import Final

from appliance.backend.context import Owed
from appliance.backend.elevenlabs import wire
from appliance.backend.prompting import telling
from appliance.backend.prompting.outputs import CANCELLED, output_text
from appliance.backend.prompting.pending import Batch, Call, Pending
from appliance.backend.socket.outlet import Outlet
from appliance.backend.socket.reading import dump
from appliance.events import ReplyOffered, ToolCalled
from appliance.ports import ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber

_LONGEST_ARGUMENTS: Final = 64 * 1024
_MOST_CALLS: Final = 32


class Tools:
    """Every call of a conversation; each is answered once on the wire.

    Args:
        patience: How long tools may take before the user is told that they do.
        outlet: Takes what is to be sent and told.
    """

    def __init__(self, patience: Seconds, outlet: Outlet) -> None:
        self.pending = Pending()
        self._patience = patience
        self._outlet = outlet
        self._inherited: list[Batch] = []

    def open(
        self, call: tuple[str, str, object], reply: tuple[ResponseId, TurnNumber], now: Seconds
    ) -> bool:
        """Pass a call on; ``False``: it made no sense, and the agent was told so.

        Args:
            call: Its id, the tool, the arguments as they came.
            reply: The reply that it is part of, and its turn.
            now: The time.
        """
        name, tool, given = call
        response, turn = reply
        batch = next((b for b in self.pending.batches if b.turn == turn and not b.late), None)
        many = batch is not None and len(batch.calls) >= _MOST_CALLS
        arguments = {} if given is None else given
        if not tool or many or not isinstance(arguments, dict) or _too_long(arguments):
            wrong = "it names no tool, its arguments are no object, or there are too many"
            output = dump({"status": "rejected", "error": wrong})
            self._outlet.send(wire.result(name, output, is_error=True))
            return False
        if batch is None:
            batch = Batch(turn, Seconds(now + self._patience))
            self.pending.keep(batch)
        batch.calls.append(Call(CallId(name), tool))
        self._outlet.tell(ToolCalled(CallId(name), response, tool, arguments))
        return True

    def refuse(self, call: str) -> None:
        """Answer a call that nobody carries out."""
        self._outlet.send(wire.result(call, CANCELLED))

    def owe(self, owed: Owed, now: Seconds) -> Batch:
        """Take over the calls of another session, of which the agent knows nothing."""
        batch = Batch(owed.turn, Seconds(now + self._patience), worth_telling=True)
        for called in owed.calls:
            self.pending.is_new(called.call)
            output = None if called.result is None else output_text(called.result)
            batch.calls.append(Call(called.call, called.tool, owed=False, output=output))
        self._inherited.append(batch)
        if not batch.over:
            self.pending.keep(batch)
        return batch

    def answer(self, call: CallId, result: ToolResult) -> Batch | None:
        """Give a result to the agent if it still waits for it; return the batch, if it is open."""
        batch = self.pending.answer(call, result)
        for each in batch.calls if batch is not None else ():
            if each.id == call and each.owed:
                each.owed, each.told = False, True
                self._outlet.send(wire.result(call, each.output or ""))
        return batch

    def say_slow(self, batch: Batch) -> None:
        """Tell the agent that tools are still at work; what they find out follows in words."""
        for call in batch.calls:
            if call.owed:
                call.owed = False
                self._outlet.send(wire.result(call.id, telling.WORKING))

    def settle(self) -> None:
        """The same of everything that the agent waits for: the conversation moves on."""
        for call in self.pending.settle():
            self._outlet.send(wire.result(call.id, telling.WORKING))

    def offer(self, batch: Batch) -> None:
        """Offer what slow tools answered."""
        self.pending.note(batch)
        if batch.worth_telling:
            self._outlet.tell(ReplyOffered())

    def in_words(self, batch: Batch) -> str:
        """Return what an agent is told that did not make these calls; empty: it made them."""
        if batch not in self._inherited:
            return ""
        if not batch.over:
            return telling.slow(call.tool for call in batch.calls if call.output is None)
        self._inherited.remove(batch)
        for call in batch.calls:
            call.told = True
        return telling.report(telling.answered(c.tool, c.output or "") for c in batch.calls)


def _too_long(arguments: object) -> bool:
    return len(dump(arguments)) > _LONGEST_ARGUMENTS
