"""What was asked last, so that "no, the bedroom" and the answer to a question make sense."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from appliance.backend.local.understand.sentences import Request
from appliance.backend.local.understand.types import Call, Past
from appliance.units import Seconds

FORGET_AFTER = Seconds(60.0)
"""A correction comes at once; later, "no, the bedroom" is said to somebody else."""

FORGET_TURNS = 3
"""Requests in between after which nothing is corrected any more."""


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked back: a value that some requests lack."""

    requests: tuple[Request, ...]
    parameter: str | None = None
    """Which of them; ``None``: what they are to act on, whatever each calls that."""


@dataclass(frozen=True, slots=True)
class _Done:
    """What was done in one turn."""

    requests: tuple[Request, ...] = field(repr=False)
    at: float
    turn: int
    calls: tuple[Call, ...] = field(default=(), repr=False)
    told: bool = False
    """Somebody else did it."""


@dataclass(slots=True)
class Memory:
    """The last requests. One thread."""

    clock: Callable[[], float] = field(repr=False)
    _requests: tuple[Request, ...] = field(default=(), repr=False)
    _question: Question | None = None
    _at: float = float("-inf")
    _turns: int = 0
    _turn: int = 0
    _done: tuple[_Done, ...] = field(default=(), repr=False)

    def turn(self) -> None:
        """Count a request; forget what is too old."""
        self._turns += 1
        self._turn += 1
        self._done = tuple(
            done
            for done in self._done
            if self._turn - done.turn <= FORGET_TURNS and self.clock() - done.at <= FORGET_AFTER
        )
        if self._turns > FORGET_TURNS or self.clock() - self._at > FORGET_AFTER:
            self._requests, self._question = (), None

    @property
    def requests(self) -> tuple[Request, ...]:
        """The last ones that led to calls."""
        return self._requests

    @property
    def history(self) -> tuple[tuple[Request, ...], ...]:
        """What each of the last turns led to, the newest first: what "it" may be."""
        return tuple(done.requests for done in self._done)

    @property
    def question(self) -> Question | None:
        """What waits for an answer."""
        return self._question

    def did(self, requests: tuple[Request, ...], calls: tuple[Call, ...] = ()) -> None:
        """Keep what led to calls; nothing waits for an answer any more."""
        self._keep(requests, None)
        self._done = (_Done(requests, self.clock(), self._turn, calls), *self._done)

    def told(self, past: Sequence[tuple[tuple[Request, ...], Past]]) -> None:
        """Keep what others did, in its place in time; forget what was told before.

        Whoever tells it does not know what was asked for here: that is not kept twice.
        """
        if not past:
            return
        now = self.clock()
        own = [done for done in self._done if not done.told]
        here = [done.calls for done in own]
        told: list[_Done] = []
        for requests, when in past:
            if when.calls in here:
                here.remove(when.calls)
            else:
                at, turn = now - when.age, self._turn - when.turns
                told.append(_Done(requests, at, turn, when.calls, told=True))
        self._done = tuple(sorted((*told, *own), key=lambda done: done.at, reverse=True))
        newest = self._done[0]
        if newest.told and newest.at > self._at:
            self._requests, self._question = newest.requests, None
            self._at, self._turns = newest.at, self._turn - newest.turn

    def asked(self, question: Question) -> None:
        """Keep what waits for an answer."""
        self._keep((), question)

    def answered(self) -> None:
        """Forget the question: it gets one chance."""
        self._question = None

    def forget(self) -> None:
        """Forget everything."""
        self._keep((), None)
        self._done = ()

    def _keep(self, requests: tuple[Request, ...], question: Question | None) -> None:
        self._requests, self._question = requests, question
        self._at, self._turns = self.clock(), 0
