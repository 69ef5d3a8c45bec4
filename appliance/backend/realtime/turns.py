"""The user's side of a session: sound, commits, and which item is which turn. Pure.

A commit is ours, or the server's own; only ours has a number at once. The server's gets the number
of the next turn that the conversation commits, and what comes before that waits.
"""

from collections import deque
from dataclasses import dataclass, field

from appliance.backend.realtime import wire
from appliance.units import Seconds, TurnNumber

_GRACE = Seconds(0.3)
"""From the server's "speech stopped" to its commit; some servers never tell of the commit."""

_REMEMBERED = 64


@dataclass(slots=True)
class Turns:
    """What has gone to the server of the user's turn, and what it made of it."""

    ends_turns: bool
    """Whether the server commits by itself."""

    turn: TurnNumber | None = None
    """The latest that was committed."""

    appended: bool = False
    """Sound has left since the last commit."""

    enclosed: list[str] = field(default_factory=list)
    """Items that belong to a turn that is not committed."""

    server_ended: bool = False
    """The server has found the end of a turn that has no number yet."""

    stopped_until: Seconds | None = None
    """When to take "speech stopped" for the end of the turn."""

    _closed: bool = False
    """The server said so by a commit: sound that it got after it belongs to nothing."""

    _dropped: TurnNumber | None = None
    _commits: deque[tuple[str, TurnNumber]] = field(default_factory=deque)
    _unnumbered: list[str] = field(default_factory=list)
    _turn_of: dict[str, TurnNumber] = field(default_factory=dict)
    _texts: dict[str, str] = field(default_factory=dict)
    _count: int = 0

    @property
    def unconfirmed(self) -> bool:
        """Whether word of a commit of ours is still to come."""
        return bool(self._commits)

    @property
    def begun(self) -> bool:
        """Whether something of a new turn is on its way."""
        return self.appended or bool(self.enclosed) or self.server_ended

    def audio(self, pcm: bytes) -> list[str]:
        """Send sound."""
        if not pcm:
            return []
        self.appended = True
        return list(wire.appends(pcm))

    def name_enclosure(self) -> str:
        """Return the id of an item that goes with the turn."""
        self._count += 1
        item = f"enclosed-{self._count}"
        self.enclosed.append(item)
        return item

    def commit(self, turn: TurnNumber) -> list[str]:
        """Close the turn; a commit of the server's is not repeated."""
        messages = []
        if self.server_ended:
            for item in self._unnumbered:
                self._remember(item, turn)
            messages += [wire.clear()] if self._closed else []  # what was on its way behind it
        elif self.appended:
            self._count += 1
            event = f"commit-{self._count}"
            self._commits.append((event, turn))
            messages.append(wire.commit(event))
        for item in self.enclosed:
            self._remember(item, turn)
        self.turn = turn
        self._begin_anew()
        return messages

    def clear(self, unanswered: TurnNumber | None) -> list[str]:
        """Forget what was not committed, and a turn that nobody will answer.

        The model would find the request later, and carry it out with the next one.
        """
        messages = [wire.clear()] if self.appended else []
        forgotten = [*self.enclosed, *self._unnumbered]
        if unanswered is not None:
            self._dropped = unanswered
            forgotten += [item for item, turn in self._turn_of.items() if turn == unanswered]
        self._texts.clear()
        self._begin_anew()
        return [*messages, *map(wire.delete_item, forgotten)]

    def confirmed(self, item: str) -> list[str]:
        """Take a commit of ours; return what follows if nobody wants it any more."""
        _, turn = self._commits.popleft()
        self._remember(item, turn)
        return [wire.delete_item(item)] if item and turn == self._dropped else []

    def committed(self, item: str) -> bool:
        """Take a commit of the server's; ``True``: with it the turn ends, for all that is known.

        There may be several before the turn has its number: an early end may be doubted.
        """
        if not self.ends_turns:
            return False
        guessed = self.server_ended and not self._closed  # it was told of already
        self.stopped_until = None
        self.server_ended = self._closed = True
        if item and len(self._unnumbered) < _REMEMBERED:
            self._unnumbered.append(item)
        return not guessed

    def not_committed(self, event: str) -> bool:
        """Take the refusal of a commit of ours, or of the oldest; there was nothing to commit."""
        event = event or (self._commits[0][0] if self._commits else "")
        kept = [commit for commit in self._commits if commit[0] != event]
        found = len(kept) < len(self._commits)
        self._commits = deque(kept)
        return found

    def answered(self, turn: TurnNumber) -> None:
        """Wait no longer for word of its commit; some servers send none."""
        while self._commits and self._commits[0][1] <= turn:
            self._commits.popleft()

    def speech_stopped(self, now: Seconds) -> None:
        """Wait a moment for the server's commit."""
        if self.ends_turns and not self.server_ended:
            self.stopped_until = Seconds(now + _GRACE)

    def speech_started(self) -> None:
        """It goes on after all."""
        self.stopped_until = None

    def stopped(self) -> bool:
        """The wait is over, or was needless; ``True``: the turn ends with it."""
        if self.stopped_until is None:
            return False
        self.stopped_until = None
        self.server_ended = True
        return True

    def transcribed(self, item: str, text: str) -> TurnNumber | None:
        """Return the turn that a text belongs to; one without a number keeps it for later."""
        if item in self._unnumbered:
            self._texts[item] = text
            return None
        return self._turn_of.get(item, self.turn)

    def take_texts(self) -> list[str]:
        """Return the texts that waited for the number of the turn just committed."""
        texts, self._texts = list(self._texts.values()), {}
        return texts

    def _remember(self, item: str, turn: TurnNumber) -> None:
        self._turn_of[item] = turn
        while len(self._turn_of) > _REMEMBERED:
            del self._turn_of[next(iter(self._turn_of))]

    def _begin_anew(self) -> None:
        self.appended = self.server_ended = self._closed = False
        self.stopped_until = None
        self.enclosed.clear()
        self._unnumbered.clear()
