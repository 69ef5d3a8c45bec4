"""What a vendor's rules are to the socket that carries its speech. Pure."""

from dataclasses import dataclass, field
from typing import Protocol

from appliance.errors import BackendError
from appliance.units import SampleRate, Seconds


@dataclass(frozen=True, slots=True)
class Heard:
    """What follows from a message."""

    sound: bytes = field(default=b"", repr=False)
    """Of the reply that goes on: whole samples, in order."""

    send: tuple[str, ...] = field(default=(), repr=False)
    """Messages for the socket, in order."""


class Rules(Protocol):
    """The speech of one connection, reply by reply. Pure: no clock, no task, no connection.

    What ends it is raised, as a ``BackendError``, by ``receive`` and ``expire`` only.
    """

    @property
    def rate(self) -> SampleRate:
        """Of the sound."""
        ...

    @property
    def complete(self) -> bool:
        """Whether the reply was finished, and all of its sound is there."""
        ...

    @property
    def owed(self) -> bool:
        """Whether the server should be sending: silence now means that it has stalled."""
        ...

    @property
    def worn(self) -> bool:
        """Whether too much of older replies is still going on: a new connection is better."""
        ...

    def begin(self) -> None:
        """Begin a reply; sound of any other is dropped from now on."""
        ...

    def say(self, sentence: str, now: Seconds) -> tuple[str, ...]:
        """Return what to send for the next sentence."""
        ...

    def finish(self, now: Seconds) -> tuple[str, ...]:
        """Return what to send after the last sentence."""
        ...

    def cancel(self) -> tuple[str, ...]:
        """Forget the reply, and return what stops it at the vendor; idempotent."""
        ...

    def beat(self) -> tuple[str, ...]:
        """Return what keeps a reply open that waits for its next sentence."""
        ...

    def receive(self, message: str | bytes, now: Seconds) -> Heard:
        """Take a message of the server."""
        ...

    def expire(self) -> None:
        """Take note that what is ``owed`` has not come; raises, unless all is there."""
        ...

    def closed(self, code: int, reason: str) -> BackendError | None:
        """Say what it means that the server closed so; ``None``: what it means anywhere."""
        ...
