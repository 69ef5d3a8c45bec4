"""What a session knows of its conversation: what it was told, and what passed by. Pure."""

from collections.abc import Collection
from dataclasses import replace

from appliance.backend.context import Called, Handover, Line, Owed
from appliance.backend.keeping import Memory
from appliance.events import BackendEvent
from appliance.ports import ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber

MOST_TURNS = 16
"""Turns that are kept, those before the session included, as far as they can be told apart."""

_EVER = Seconds(float("inf"))


class Recollection:
    """The conversation as the mind is told it.

    Args:
        handover: What it had come to before this session.
    """

    def __init__(self, handover: Handover) -> None:
        owed = handover.owed.calls if handover.owed is not None else ()
        self._before: list[Line] = [*handover.lines, *owed]
        self._kept = Memory(turns=MOST_TURNS, length=_EVER)
        self._turns = 0

    def note(self, event: BackendEvent, now: Seconds) -> None:
        """Keep what an event says of the conversation."""
        self._kept.note(event, now)

    def heard(self, turn: TurnNumber, text: str, now: Seconds) -> None:
        """Keep what the user said; with each turn one of those before the session goes."""
        self._kept.heard(turn, text, now)
        self._turns += 1
        if self._turns > MOST_TURNS // 2:
            del self._before[: max(1, len(self._before) // (MOST_TURNS // 2))]

    def called(self, response: ResponseId, call: Called, now: Seconds) -> None:
        """Keep that a reply called a tool."""
        self._kept.called(response, call, now)

    def answered(self, call: CallId, result: ToolResult, now: Seconds) -> None:
        """Keep how a call ended."""
        self._kept.answered(call, result, now)
        for number, line in enumerate(self._before):
            if isinstance(line, Called) and line.call == call and line.result is None:
                self._before[number] = replace(line, result=replace(result, image=None))

    def cut(self, response: ResponseId, heard: Seconds, now: Seconds) -> None:
        """Keep of a reply only what was heard."""
        self._kept.cut(response, heard, now)

    def lines(
        self, turn: TurnNumber, *, without: Collection[CallId], now: Seconds
    ) -> tuple[Line, ...]:
        """Return what was said and done, but in this turn, and but these calls."""
        kept = self._kept.lines(now, house_only=True, owed=Owed(turn))
        return tuple(
            line
            for line in (*self._before, *kept)
            if not isinstance(line, Called) or line.call not in without
        )
