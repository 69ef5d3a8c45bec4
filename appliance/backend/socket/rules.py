"""What a vendor's rules are to the socket that carries them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from appliance.events import BackendEvent
from appliance.ports import Enclosure, ToolResult
from appliance.units import CallId, ResponseId, SampleRate, Seconds, TurnNumber


@dataclass(frozen=True, slots=True)
class Out:
    """What follows from something."""

    send: tuple[str | bytes, ...] = field(default=(), repr=False)
    """Messages for the socket, in order: texts, or bytes."""

    events: tuple[BackendEvent, ...] = field(default=(), repr=False)


class Rules(Protocol):
    """A session's protocol without the socket. Pure: no clock, no task, no connection.

    Feed it every message, send what it says, wake it at its deadline. What ends the session is
    raised, as a ``BackendError``, by ``receive`` and ``expire`` only.
    """

    @property
    def rate(self) -> SampleRate:
        """The rate at which it wants the user's sound: 16 kHz, or 24 kHz."""
        ...

    @property
    def ready(self) -> bool:
        """Whether the server took our settings; sound may flow."""
        ...

    @property
    def ends_turns(self) -> bool:
        """Whether the server finds the end of the user's turn (``EndOfTurnFound``)."""
        ...

    @property
    def idle(self) -> bool:
        """Whether nothing is going on: it may be closed without a loss."""
        ...

    def opened(self, now: Seconds) -> Out:
        """Take note that the socket is open: send the settings."""
        ...

    def receive(self, message: str | bytes, now: Seconds) -> Out:
        """Take a message of the server; one that is nonsense changes nothing."""
        ...

    def deadline(self) -> Seconds | None:
        """Return when to call ``expire`` if nothing comes; ``None``: never."""
        ...

    def expire(self, now: Seconds) -> Out:
        """Do what is due; not before ``deadline``."""
        ...

    def farewell(self) -> Out:
        """Return what is to be sent before we close; nothing is read any more."""
        ...

    def audio(self, pcm: bytes) -> Out:
        """Add sound to the user's turn: signed 16-bit little-endian mono at ``rate``."""
        ...

    def enclose(self, enclosure: Enclosure) -> Out:
        """Add text or a picture to the user's turn."""
        ...

    def commit(self, turn: TurnNumber, now: Seconds) -> Out:
        """End the user's turn: a reply is owed."""
        ...

    def clear(self) -> Out:
        """Forget the sound of a turn that came to nothing."""
        ...

    def cancel(self, response: ResponseId, heard: Seconds, now: Seconds) -> Out:
        """Stop a reply of which the user heard so much; one that is unknown or over: nothing."""
        ...

    def answer(self, call: CallId, result: ToolResult, now: Seconds) -> Out:
        """Give a tool's result back; one that is unknown or answered: nothing."""
        ...

    def take_reply(self, turn: TurnNumber, now: Seconds) -> Out:
        """Take what ``ReplyOffered`` offered."""
        ...

    def retool(self, tools: Sequence[Mapping[str, object]]) -> Out:
        """Replace the tools, in the vendor's own form."""
        ...
