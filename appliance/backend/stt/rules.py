"""What a vendor's rules of streaming speech to text are to the carrier."""

from dataclasses import dataclass
from typing import Final, Protocol

from appliance.units import Seconds

SECTION: Final = "pipeline.stt"
"""The table of the settings, for advice."""

CLOSE_STREAM: Final = '{"type":"CloseStream"}'
"""Deepgram's, both versions: write down what there is, then end."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things may take."""

    connect: Seconds
    """From the first sound to the open connection."""

    stall: Seconds
    """For the transcript, once the user has finished; and for the network to take what we send."""

    idle: Seconds
    """A connection that nobody has used for so long is closed."""

    longest: Seconds
    """Sound of one turn; what comes after it is left out."""


class Rules(Protocol):
    """The protocol on one connection, turn by turn. Pure: no clock, no task, no connection.

    The carrier sends sound itself, in binary messages, and tells how much. What these methods
    return is to be sent after the sound that was told of before.
    """

    @property
    def keep_alive(self) -> str | None:
        """What to send now and then while there is no sound; ``None``: nothing keeps it open."""
        ...

    @property
    def reusable(self) -> bool:
        """Whether another turn may follow on this connection."""
        ...

    @property
    def patience(self) -> Seconds | None:
        """How long to wait for the answer to a flush before ``insist``; ``None``: for good."""
        ...

    def begin(self) -> None:
        """Begin with a turn: what comes for sound that was sent before is not of it."""
        ...

    def sound(self, samples: int) -> None:
        """Take note that so many samples, at 16 kHz, are sent."""
        ...

    def flush(self) -> tuple[str, ...]:
        """Ask for all that was said so far; more may follow."""
        ...

    def insist(self) -> tuple[str, ...]:
        """Ask for it in a way that is always answered, at the price of the connection."""
        ...

    def end(self) -> tuple[str, ...]:
        """End the turn, whatever became of it: what was sent so far is never of another one."""
        ...

    def receive(self, message: str | bytes) -> None:
        """Take a message of the server; one that is nonsense changes nothing.

        Raises:
            BackendError: It says that it serves no more.
        """
        ...

    def hung_up(self, *, clean: bool) -> bool:
        """Return whether the server may close the connection now, for it was asked to.

        Args:
            clean: It said that it does; else the connection just broke.
        """
        ...

    @property
    def flushed(self) -> bool:
        """Whether the latest flush is answered: ``text`` is all that was said before it."""
        ...

    @property
    def text(self) -> str:
        """What was said in the turn, as far as it is certain; without spaces around it."""
        ...
