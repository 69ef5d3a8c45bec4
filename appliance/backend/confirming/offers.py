"""What is to be said at the next pause: by the box itself, and by the inner backend."""

from collections import deque
from collections.abc import Callable
from typing import Final

from appliance.backend.confirming.question import Question
from appliance.events import ReplyOffered

MOST: Final = 4
"""Of the box's own; the oldest is dropped."""


class Offers:
    """Keeps them; the conversation knows only that there is something.

    Args:
        emit: Tells the conversation.
    """

    def __init__(self, emit: Callable[[ReplyOffered], None]) -> None:
        self._emit = emit
        self._own: deque[Question | str] = deque(maxlen=MOST)
        self._inner = False
        self._held = False

    def add(self, offer: Question | str) -> None:
        """Offer a question, or a sentence."""
        self._own.append(offer)
        self._emit(ReplyOffered())

    def add_inner(self, *, hold: bool) -> None:
        """Offer what the inner backend does; or keep that back, for something else waits."""
        self._inner, self._held = True, hold
        if not hold:
            self._emit(ReplyOffered())

    def take(self) -> Question | str | None:
        """Return what is to be said now, perhaps nothing; ``None``: the inner backend says it."""
        if self._own:
            return self._own.popleft()
        inner, self._inner = self._inner, False
        return None if inner else ""

    def release(self, *, hold: bool) -> None:
        """Offer again what waits; that of the inner backend unless it is to be kept back."""
        if self._own or (self._held and not hold):
            self._held = self._held and hold
            self._emit(ReplyOffered())

    def clear(self) -> None:
        """Forget the box's own: nobody wants to hear it."""
        self._own.clear()
