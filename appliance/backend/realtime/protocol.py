"""The rules of a realtime session, without the socket. Pure: text in, events and text out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from appliance.backend.context import Owed
from appliance.events import BackendEvent
from appliance.ports import Enclosure, ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber


@dataclass(frozen=True, slots=True)
class Out:
    """What follows from something."""

    send: tuple[str, ...] = ()
    """Texts for the socket, in order."""

    events: tuple[BackendEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long we wait."""

    setup: Seconds
    """From ``opened`` to the first proof that the server took our settings."""

    stall: Seconds
    """From asking for a reply to its first event, and between its events."""

    tools: Seconds
    """After this long with calls unanswered, an interim reply is asked for."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a session is like; at most six parameters go into a function, hence a class."""

    session: Mapping[str, object]
    """The ready-made object for ``session.update`` (``session.py``)."""

    patience: Patience
    model: str
    """For billing."""

    transcription_model: str = ""
    """For billing."""

    ends_turns: bool = False
    """The server finds the end of the user's turn (server_vad, semantic_vad)."""

    auto_response: bool = False
    """The server then begins its reply by itself (``create_response``)."""

    closing: frozenset[str] = frozenset()
    """Names of the tools with which a conversation ends."""


class RealtimeProtocol:
    """One session; feed it every message, send what it says, wake it at its deadline."""

    def __init__(
        self,
        terms: Terms,
        *,
        history: Sequence[Mapping[str, object]] = (),
        owed: Owed | None = None,
    ) -> None:
        raise NotImplementedError

    @property
    def ready(self) -> bool:
        """Whether the server took our settings; sound may flow."""
        raise NotImplementedError

    @property
    def idle(self) -> bool:
        """Between turns: nothing asked, nothing coming, no call open, no sound uncommitted."""
        raise NotImplementedError

    def opened(self, now: Seconds) -> Out:
        """The socket is open: settings, then what was said before."""
        raise NotImplementedError

    def receive(self, message: str | bytes, now: Seconds) -> Out:
        """Take one message.

        Raises:
            BackendRefused: The server will not serve us until something changes.
            BackendUnavailable: The session, or the reply that is owed, has failed.
            ProtocolViolation: Too much nonsense in a row.
        """
        raise NotImplementedError

    def audio(self, pcm: bytes) -> Out:
        """Add sound, 24 kHz s16le mono, to the user's turn."""
        raise NotImplementedError

    def enclose(self, enclosure: Enclosure) -> Out:
        """Add text or a picture to the user's turn."""
        raise NotImplementedError

    def commit(self, turn: TurnNumber, now: Seconds) -> Out:
        """End the user's turn and see that it is answered."""
        raise NotImplementedError

    def clear(self) -> Out:
        """Forget the user's turn, and the reply that it may wait for."""
        raise NotImplementedError

    def cancel(self, response: ResponseId, heard: Seconds, now: Seconds) -> Out:
        """Stop a reply and make the server forget what was not heard; idempotent."""
        raise NotImplementedError

    def answer(self, call: CallId, result: ToolResult, now: Seconds) -> Out:
        """Give a tool's result back; once per call."""
        raise NotImplementedError

    def take_reply(self, turn: TurnNumber, now: Seconds) -> Out:
        """Ask for the reply that ``ReplyOffered`` offered."""
        raise NotImplementedError

    def retool(self, tools: Sequence[Mapping[str, object]]) -> Out:
        """Replace the tools."""
        raise NotImplementedError

    def deadline(self) -> Seconds | None:
        """When ``expire`` must be called if nothing else happens."""
        raise NotImplementedError

    def expire(self, now: Seconds) -> Out:
        """Take notice of the time.

        Raises:
            BackendStalled: The server did not answer in time.
        """
        raise NotImplementedError
