"""The user's turn, kept until it is answered, so that another backend can take it over."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import assert_never

from appliance.backend.context import Called, Owed
from appliance.errors import BackendError, BackendRefused, BackendUnavailable
from appliance.events import ReplyStarted
from appliance.frames import Frame, samples
from appliance.ports import Backend, Enclosure
from appliance.units import CallId, ResponseId, Seconds, TurnNumber

log = logging.getLogger(__name__)

LONGEST_TURN = Seconds(35.0)
"""Sound that is kept of one turn (1.1 MB); the turn machine ends a turn earlier."""

Command = Callable[[Backend], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Pause:
    """The user might have finished here."""


@dataclass(slots=True)
class UnfinishedTurn:
    """One turn and what is owed for it."""

    private: bool = False
    """It must not leave the house, whatever is switched later."""

    taken: bool = False
    """It is a late reply that was taken, not something that was said."""

    number: TurnNumber | None = None
    """Known once the user has finished."""

    calls: dict[CallId, Called] = field(default_factory=dict)
    """What was published for it, with the results so far."""

    replies: set[ResponseId] = field(default_factory=set)
    """All that began."""

    reply: ResponseId | None = None
    """The one that has begun and not ended."""

    calling: bool = False
    """This reply has called a tool, so that another one follows."""

    settled: bool = False
    """Nothing is owed any more."""

    given_up: bool = False
    """Nobody could take it over; the rest of it is not wanted."""

    losses: int = 0
    """How many backends it has cost."""

    _parts: list[Frame | Enclosure | _Pause] = field(default_factory=list)
    _as_expected: bool = False
    _room: int = samples(LONGEST_TURN)

    @property
    def open(self) -> bool:
        """Whether the user has not finished yet."""
        return self.number is None

    @property
    def owes(self) -> bool:
        """Whether a backend must go on with it."""
        return not self.settled and not self.given_up

    def add_frame(self, frame: Frame) -> None:
        """Keep a frame, if there is still room."""
        self._room -= len(frame.samples)
        if self._room >= 0:
            self._parts.append(frame)

    def enclose(self, enclosure: Enclosure) -> None:
        """Keep an enclosure."""
        self._parts.append(enclosure)

    def expect_end(self) -> None:
        """Take note that the user may have finished; an earlier such note is of no use now."""
        self._parts = [part for part in self._parts if not isinstance(part, _Pause)]
        self._parts.append(_Pause())

    def commit(self, number: TurnNumber, *, as_expected: bool) -> Command:
        """Take note that the user has finished; return the command that says so."""
        self.number, self._as_expected = number, as_expected
        return partial(_commit, number, as_expected)

    def began(self, started: ReplyStarted) -> None:
        """Take note of a reply, if it is one to this turn."""
        if started.turn == self.number:
            self.replies.add(started.response)
            self.reply, self.calling = started.response, False

    def called(self, response: ResponseId, call: Called) -> None:
        """Keep what one of its replies called."""
        self.calls[call.call] = call
        self.calling = self.calling or response == self.reply

    def settle(self) -> None:
        """Forget its sound: nothing is owed any more."""
        self.settled = True
        self._parts.clear()

    def owed(self) -> Owed | None:
        """Return what another backend must know of it; ``None`` while the user speaks."""
        return None if self.number is None else Owed(self.number, tuple(self.calls.values()))

    def replay(self) -> list[Command]:
        """Return the commands that tell another backend all of it; none if its calls tell it."""
        if self.calls or self.taken:
            return []
        commands = [_command(part) for part in self._parts]
        if self.number is not None:
            commands.append(partial(_commit, self.number, self._as_expected))
        return commands


def _command(part: Frame | Enclosure | _Pause) -> Command:
    match part:
        case Frame():
            return partial(send_frame, part)
        case Enclosure():
            return partial(send_enclosure, part)
        case _Pause():
            return send_pause
        case _:
            assert_never(part)


async def send_frame(frame: Frame, backend: Backend) -> None:
    """Give a backend a frame."""
    await backend.send_audio(frame)


async def send_enclosure(enclosure: Enclosure, backend: Backend) -> None:
    """Give a backend an enclosure; one that cannot see goes on without it."""
    try:
        await backend.enclose(enclosure)
    except (BackendUnavailable, BackendRefused):
        raise
    except BackendError as error:
        log.warning("an enclosure was left out: %s", error.code)


async def send_pause(backend: Backend) -> None:
    """Tell a backend that the user may have finished."""
    await backend.expect_end()


async def _commit(number: TurnNumber, as_expected: bool, backend: Backend) -> None:  # noqa: FBT001
    await backend.commit_turn(number, as_expected=as_expected)
