"""The replies and calls of the inner backend: which run, to which turn, and which nobody wants."""

from appliance.events import ReplyEnded, ReplyStarted, ToolCalled
from appliance.units import CallId, ResponseId, TurnNumber

MOST = 64
"""Replies and calls that are remembered."""


class Replies:
    """Keeps them. Pure."""

    def __init__(self) -> None:
        self.spoken_for = TurnNumber(-1)
        """Replies to turns up to here are swallowed: the box itself has the word."""

        self._running: dict[ResponseId, TurnNumber] = {}
        self._turns: dict[ResponseId, TurnNumber] = {}
        self._callers: set[ResponseId] = set()
        self._swallowed: set[ResponseId] = set()
        self._calls: dict[CallId, TurnNumber] = {}

    def begin(self, event: ReplyStarted) -> bool:
        """Keep a reply that begins; return whether it is to be heard."""
        response, turn = event.response, event.turn
        self._turns[response] = turn
        if len(self._turns) > MOST:
            del self._turns[next(iter(self._turns))]
        if turn <= self.spoken_for:
            self._swallowed.add(response)
            return False
        self._running[response] = turn
        return True

    def swallows(self, response: ResponseId) -> bool:
        """Whether a reply is not to be heard."""
        return response in self._swallowed

    def call(self, event: ToolCalled, latest: TurnNumber) -> None:
        """Keep a call; that of a reply nobody knows belongs to the latest turn."""
        self._callers.add(event.response)
        self._calls[event.call] = self._turns.get(event.response, latest)
        if len(self._calls) > MOST:
            del self._calls[next(iter(self._calls))]

    def answer(self, call: CallId, latest: TurnNumber) -> TurnNumber:
        """Return to which turn an answered call belongs."""
        return self._calls.pop(call, latest)

    def end(self, event: ReplyEnded) -> tuple[TurnNumber | None, bool]:
        """Return the turn of a reply that ends, and whether another one to it follows."""
        response = event.response
        self._swallowed.discard(response)
        called = event.calls_tool or response in self._callers
        self._callers.discard(response)
        return self._running.pop(response, None), called

    def runs(self, turn: TurnNumber) -> bool:
        """Whether a reply to a turn is coming."""
        return turn in self._running.values()

    def cut(self, turn: TurnNumber) -> list[ResponseId]:
        """Swallow the rest of the replies to a turn; return them."""
        cut = [response for response, own in self._running.items() if own == turn]
        for response in cut:
            del self._running[response]
            self._swallowed.add(response)
        return cut

    def turn_of(self, response: ResponseId) -> TurnNumber | None:
        """Return the turn of one of the latest replies."""
        return self._turns.get(response)
