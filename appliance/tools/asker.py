"""Who asked: what the audit log says of a call's origin.

The timeline's happenings say which wake word was heard, which turn a reply belongs to and who
answers; a call that comes another way carries its way with it (``coming_from``).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from appliance.events import (
    BackendChanged,
    ButtonPressed,
    Happening,
    ReplyStarted,
    ToolCalled,
    WakeWordHeard,
)
from appliance.units import ResponseId, Seconds, TurnNumber

VOICE = "voice"

MOST_REPLIES = 32
"""Of which the turn is remembered; calls come with their reply."""

_way: ContextVar[str] = ContextVar("way", default=VOICE)


@dataclass(frozen=True, slots=True)
class Who:
    """Whoever asked for something."""

    source: str
    """``voice``, ``mqtt``, ``mcp``, ``timer`` or ``command``."""

    wake_word: str = ""
    """Or ``button``."""

    turn: int | None = None
    backend: str = ""
    """Who made a call of it."""

    def as_json(self) -> dict[str, object]:
        """Return what is known of it."""
        known: dict[str, object] = {"source": self.source}
        if self.wake_word:
            known["wake_word"] = self.wake_word
        if self.turn is not None:
            known["turn"] = self.turn
        if self.backend:
            known["backend"] = self.backend
        return known


@contextmanager
def coming_from(source: str) -> Iterator[None]:
    """Have every call that is made within count as asked for in this way."""
    token = _way.set(source)
    try:
        yield
    finally:
        _way.reset(token)


class Asker:
    """Follows the timeline; implements ``ports.Observer``. Event loop only."""

    def __init__(self) -> None:
        self._wake_word = ""
        self._backend = ""
        self._turns: dict[ResponseId, TurnNumber] = {}

    def note(self, happening: Happening, at: Seconds) -> None:  # noqa: ARG002 - ports.Observer
        """Take what happened."""
        match happening:
            case WakeWordHeard(word=word):
                self._wake_word = word
            case ButtonPressed():
                self._wake_word = "button"
            case BackendChanged(name=name):
                self._backend = name
            case ReplyStarted(response=response, turn=turn):
                self._turns[response] = turn
                while len(self._turns) > MOST_REPLIES:
                    del self._turns[next(iter(self._turns))]
            case _:
                pass

    def serving(self, name: str) -> None:
        """Take note of who answers from the start."""
        self._backend = name

    def who(self, call: ToolCalled) -> Who:
        """Return who asked for a call that is made now."""
        source = _way.get()
        if source != VOICE:
            return Who(source)
        turn = self._turns.get(call.response)
        return Who(source, self._wake_word, turn, self._backend)
