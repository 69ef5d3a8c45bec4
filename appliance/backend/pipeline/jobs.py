"""What the session of the pipeline does, one after the other, and the work on one of them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from appliance.backend.pipeline.calls import Calls
from appliance.backend.pipeline.enclosed import Enclosed
from appliance.backend.pipeline.parts import Recognition
from appliance.backend.pipeline.replies import Reply
from appliance.backend.pipeline.speech import Speech
from appliance.errors import BackendError
from appliance.events import BackendEvent, Usage
from appliance.units import TurnNumber


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """The user has finished."""

    number: TurnNumber
    recognition: Recognition | None
    """``None``: there was no sound."""

    enclosed: Enclosed
    as_expected: bool


@dataclass(frozen=True, slots=True)
class Overdue:
    """The answers to some calls take long."""

    calls: Calls


@dataclass(frozen=True, slots=True)
class Taken:
    """What was offered is wanted as the reply to this turn."""

    turn: TurnNumber


@dataclass(frozen=True, slots=True)
class Dropped:
    """What a turn cost that came to nothing."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing comes any more."""


Job = Turn | Calls | Overdue | Taken | Dropped | Closed


def turn_of(job: Job) -> TurnNumber:
    """Return the turn that a job makes a reply to."""
    match job:
        case Turn(number=number):
            return number
        case Calls(turn=number) | Taken(turn=number) | Overdue(calls=Calls(turn=number)):
            return number
        case _:
            raise ValueError(job)


@dataclass(slots=True, eq=False)
class Work:
    """The work on one job, in a task of its own that can be ended at any time.

    Args:
        reply: That comes of it.
        voice: Makes its sound.
    """

    reply: Reply
    voice: Callable[[Reply, Callable[[BackendEvent], None]], Speech]
    firm: bool = False
    """It must not be ended, but when the session is."""

    calls: Calls | None = None
    """What the reply has called."""

    stay: bool | None = None
    """How the reply ends; ``None``: there is none."""

    failed: BackendError | None = None
    """The session ends with this."""

    speech: Speech = field(init=False)
    _task: asyncio.Task[None] | None = None
    _out: asyncio.Queue[BackendEvent | None] = field(default_factory=asyncio.Queue)

    def __post_init__(self) -> None:
        """Give the reply a voice."""
        self.speech = self.voice(self.reply, self.tell)

    def tell(self, event: BackendEvent) -> None:
        """Have an event come out."""
        self._out.put_nowait(event)

    def begin(self, task: asyncio.Task[None]) -> None:
        """Take note of the task; when it ends, there are no more events."""
        self._task = task
        task.add_done_callback(lambda _: self._out.put_nowait(None))

    async def next(self) -> BackendEvent | None:
        """Return the next event; ``None``: that was all."""
        return await self._out.get()

    def interrupt(self) -> None:
        """End it now, with all that its parts do for it."""
        if self._task is not None:
            self._task.cancel()
