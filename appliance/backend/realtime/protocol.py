"""The rules of a realtime session, without the socket. Pure: text in, events and text out.

Theory of operation
===================

``turns.py`` keeps the user's side (sound, commits), ``responses.py`` the server's (replies),
``calls.py`` their calls, and ``slot.py`` alone asks for a reply; here messages are told apart and
joined with what the conversation does. No clock, no task, no connection: who carries the text
brings the time, and wakes us at ``deadline()``.

A message with an unknown type, or with fields of the wrong type, changes nothing. What ends the
session is raised: what the service says about the key, the account or our settings, a reply that
fails before anything of it was passed on, a silence, and nothing but nonsense in a row. A reply
that fails later simply ends there: what was heard stays heard.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from appliance.backend.context import Owed
from appliance.backend.realtime import billing, dialect, wire
from appliance.backend.realtime.responses import RATE, Responses
from appliance.backend.realtime.terms import Patience, Terms
from appliance.backend.realtime.turns import Turns
from appliance.backend.socket import reading
from appliance.backend.socket.failures import failure
from appliance.backend.socket.outlet import Outlet
from appliance.backend.socket.reading import Message, number_of, object_of, objects_of, text_of
from appliance.backend.socket.rules import Out
from appliance.errors import BackendRefused, BackendStalled, ProtocolViolation
from appliance.events import EndOfTurnFound, Transcribed
from appliance.ports import Enclosure, ToolResult
from appliance.units import CallId, ResponseId, SampleRate, Seconds, TurnNumber

__all__ = ["Out", "Patience", "RateLimit", "RealtimeProtocol", "Terms"]

log = logging.getLogger(__name__)

_MOST_NONSENSE = 20
"""Messages in a row that are no events."""

_MOST_CODES = 16
"""Kinds of errors that are worth a line each."""

_SETTINGS = "session-1"
"""Under this ``event_id`` the settings are sent."""

_BUSY = "conversation_already_has_active_response"
_EMPTY = "input_audio_buffer_commit_empty"
_NOT_ACTIVE = "response_cancel_not_active"
_CODE = re.compile(r"[a-z0-9_.]{1,64}")

_PROVES = ("session.updated", "input_audio_buffer.", "conversation.item.", "response.")
"""The server does not say such things before it took our settings."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What the account may still use."""

    name: str
    limit: int
    remaining: int
    reset: Seconds


class RealtimeProtocol:
    """One session; feed it every message, send what it says, wake it at its deadline.

    Args:
        terms: What the session is like.
        history: Items of the conversation so far, oldest first.
        owed: A reply that the last backend did not bring to its end.
    """

    def __init__(
        self,
        terms: Terms,
        *,
        history: Sequence[Mapping[str, object]] = (),
        owed: Owed | None = None,
    ) -> None:
        self.rate_limits: tuple[RateLimit, ...] = ()
        self._terms = terms
        self._history = tuple(history)
        self._owed = owed
        self._outlet = Outlet()
        self._turns = Turns(terms.ends_turns)
        self._responses = Responses(terms, self._outlet)
        self._setup_until: Seconds | None = None
        self._ready = False
        self._nonsense = 0
        self._reported: set[str] = set()  # codes of errors that the journal has
        self._handlers: dict[str, Callable[[Message, Seconds], None]] = {
            "session.created": self._on_session,
            "session.updated": self._on_session,
            "error": self._on_error,
            "rate_limits.updated": self._on_rate_limits,
            "conversation.item.added": self._on_item,
            "conversation.item.created": self._on_item,
            "conversation.item.done": self._on_item,
            "conversation.item.input_audio_transcription.completed": self._on_transcribed,
            "conversation.item.input_audio_transcription.failed": self._on_not_transcribed,
            "input_audio_buffer.speech_started": self._on_speech,
            "input_audio_buffer.speech_stopped": self._on_silence,
            "input_audio_buffer.committed": self._on_committed,
            "mcp_list_tools.failed": self._on_no_remote_tools,
            "response.created": self._on_created,
            "response.output_item.added": lambda m, _: self._responses.item(m),
            "response.output_item.done": lambda m, _: self._responses.item(m),
            "response.output_audio.delta": self._responses.audio,
            "response.output_audio_transcript.delta": lambda m, _: self._responses.text(m),
            "response.output_text.delta": lambda m, _: self._responses.text(m),
            "response.function_call_arguments.done": lambda m, _: self._responses.item(m),
            "response.mcp_call.in_progress": self._on_remote_began,
            "response.mcp_call.completed": self._on_remote_ended,
            "response.mcp_call.failed": self._on_remote_ended,
            "response.cancelled": self._on_cancelled,
            "response.done": lambda m, now: self._responses.done(object_of(m, "response"), now),
        }

    @property
    def handled(self) -> frozenset[str]:
        """The types of events from which something follows."""
        return frozenset(self._handlers)

    @property
    def ready(self) -> bool:
        """Whether the server took our settings; sound may flow."""
        return self._ready

    @property
    def rate(self) -> SampleRate:
        """The rate at which the user's sound is sent."""
        return RATE

    def farewell(self) -> Out:
        """Nothing: the socket closes."""
        return Out()

    @property
    def ends_turns(self) -> bool:
        """Whether the server finds the end of the user's turn."""
        return self._terms.ends_turns

    @property
    def idle(self) -> bool:
        """Between turns: nothing asked, nothing coming, no call open, no sound uncommitted."""
        return not (self._responses.busy or self._turns.begun)

    @property
    def dropped(self) -> int:
        """Pieces of sound that were half, or too much."""
        return self._responses.dropped

    # -- the conversation --------------------------------------------------------------------

    def opened(self, now: Seconds) -> Out:
        """The socket is open: settings, then what was said before."""
        self._setup_until = Seconds(now + self._terms.patience.setup)
        self._outlet.send(wire.session_update(self._terms.session, _SETTINGS))
        self._outlet.send(*map(wire.create_item, self._history))
        if self._owed is not None and self._owed.calls:
            self._turns.turn = self._owed.turn
            self._responses.owe(self._owed, now)
        return self._out()

    def audio(self, pcm: bytes) -> Out:
        """Add sound, 24 kHz s16le mono, to the user's turn."""
        self._outlet.send(*self._turns.audio(pcm))
        if pcm:
            self._responses.waiting = None
        return self._out()

    def enclose(self, enclosure: Enclosure) -> Out:
        """Add text or a picture to the user's turn."""
        if enclosure.text or enclosure.note or enclosure.image is not None:
            item = wire.user_message(enclosure, self._turns.name_enclosure())
            self._outlet.send(wire.create_item(item))
            self._responses.waiting = None
        return self._out()

    def commit(self, turn: TurnNumber, now: Seconds) -> Out:
        """End the user's turn and see that it is answered."""
        by_itself = self._terms.auto_response and self._turns.server_ended
        self._outlet.send(*self._turns.commit(turn))
        self._outlet.tell(*(Transcribed(turn, text) for text in self._turns.take_texts()))
        self._responses.await_reply(turn, now, asked=not by_itself)
        return self._out()

    def clear(self) -> Out:
        """Forget the user's turn, and the reply that it may wait for."""
        self._outlet.send(*self._turns.clear(self._responses.unanswered))
        self._responses.abandon()
        return self._out()

    def cancel(self, response: ResponseId, heard: Seconds, now: Seconds) -> Out:
        """Stop a reply and make the server forget what was not heard; idempotent."""
        self._responses.cancel(response, heard, now)
        return self._out()

    def answer(self, call: CallId, result: ToolResult, now: Seconds) -> Out:
        """Give a tool's result back; once per call."""
        self._responses.answer(call, result, now)
        return self._out()

    def take_reply(self, turn: TurnNumber, now: Seconds) -> Out:
        """Ask for the reply that ``ReplyOffered`` offered."""
        self._turns.turn = turn
        self._responses.await_reply(turn, now)
        return self._out()

    def retool(self, tools: Sequence[Mapping[str, object]]) -> Out:
        """Replace the tools."""
        kind = self._terms.session.get("type")
        typed = {} if kind is None else {"type": kind}
        self._outlet.send(wire.session_update({**typed, "tools": list(tools)}, "tools"))
        return self._out()

    def deadline(self) -> Seconds | None:
        """When ``expire`` must be called if nothing else happens."""
        times = (
            None if self._ready else self._setup_until,
            self._turns.stopped_until,
            self._responses.slot.deadline,
            self._responses.interim_at(),
            self._responses.sign_at,
        )
        return min((time for time in times if time is not None), default=None)

    def expire(self, now: Seconds) -> Out:
        """Take notice of the time.

        Raises:
            BackendStalled: The server did not answer in time.
        """
        if not self._ready and self._setup_until is not None and now >= self._setup_until:
            raise BackendStalled("the server did not take the settings in time")
        until = self._turns.stopped_until
        if until is not None and now >= until:
            self._end_turn()
        self._responses.post(self._responses.slot.expire(now))
        self._responses.say_interim(now)
        self._responses.show_life(now)
        return self._out()

    # -- the server --------------------------------------------------------------------------

    def receive(self, message: str | bytes, now: Seconds) -> Out:
        """Take one message.

        Raises:
            BackendRefused: The server will not serve us until something changes.
            BackendUnavailable: The session, or the reply that is owed, has failed.
            ProtocolViolation: Too much nonsense in a row.
        """
        event = reading.parse(message)
        kind = "" if event is None else dialect.ga(text_of(event, "type"))
        if event is None or not kind:
            self._nonsense += 1
            if self._nonsense > _MOST_NONSENSE:
                raise ProtocolViolation(f"{self._nonsense} messages in a row are no events")
            return Out()
        self._nonsense = 0
        self._ready = self._ready or kind.startswith(_PROVES)
        self._responses.alive(text_of(event, "response_id"), now)
        if (handler := self._handlers.get(kind)) is not None:
            handler(event, now)
        elif kind not in dialect.IGNORED:
            log.debug("an event of a type that we do not know")  # whose name may be anything
        return self._out()

    def _out(self) -> Out:
        return self._outlet.take()

    def _on_session(self, message: Message, _now: Seconds) -> None:
        """Take the rate of the sound to come.

        Raises:
            BackendRefused: It will be in a form that we cannot play.
        """
        output = object_of(object_of(object_of(message, "session"), "audio"), "output")
        form = object_of(output, "format")
        kind = text_of(form, "type") or "audio/pcm"
        if kind != "audio/pcm" and text_of(message, "type") == "session.updated":
            raise BackendRefused(
                "unplayable_format", "the server must send PCM: see realtime.dialect"
            )
        rate = int(number_of(form, "rate"))
        self._responses.rate = SampleRate(rate) if 8_000 <= rate <= 48_000 else RATE

    def _on_error(self, message: Message, now: Seconds) -> None:
        error = object_of(message, "error")
        codes = (text_of(error, "code"), text_of(error, "type"))
        event, param = text_of(error, "event_id"), text_of(error, "param")
        code = next((code for code in codes if _CODE.fullmatch(code)), "unknown")
        if (fatal := failure(*codes)) is not None:
            raise fatal
        if not self._ready and (event == _SETTINGS or (not event and param.startswith("session"))):
            key = param if _CODE.fullmatch(param) else "the settings"
            raise BackendRefused(code, f"the server does not take {key}: see [realtime]")
        if len(self._reported) < _MOST_CODES and code not in self._reported:
            self._reported.add(code)
            log.warning("the server reports %s", code)
        if _BUSY in codes:
            self._responses.slot.blocked(event, now)
        elif _NOT_ACTIVE in codes:
            self._responses.post(self._responses.slot.not_active(now))
        elif _EMPTY in codes:
            self._turns.not_committed(event)
        elif event and not self._turns.not_committed(event):
            self._responses.refused(event, code, now)

    def _on_rate_limits(self, message: Message, _now: Seconds) -> None:
        self.rate_limits = tuple(
            RateLimit(
                text_of(limit, "name")[:32],
                int(number_of(limit, "limit")),
                int(number_of(limit, "remaining")),
                Seconds(number_of(limit, "reset_seconds")),
            )
            for limit in objects_of(message, "rate_limits")[:8]
        )

    def _on_item(self, message: Message, _now: Seconds) -> None:
        """Take an item: the remote calls that we allowed show themselves by these only."""
        item = object_of(message, "item")
        if text_of(item, "type") == "mcp_call" and text_of(item, "approval_request_id"):
            self._responses.calls.remote_began(text_of(item, "id"))

    def _on_transcribed(self, message: Message, _now: Seconds) -> None:
        text = text_of(message, "transcript").strip()
        turn = self._turns.transcribed(text_of(message, "item_id"), text)
        if turn is not None and text:
            self._outlet.tell(Transcribed(turn, text))
        usage = object_of(message, "usage")
        model = self._terms.transcription_model
        if (used := billing.of_transcription(usage, model)) is not None:
            self._outlet.tell(self._terms.bill(used, turn))

    def _on_not_transcribed(self, _message: Message, _now: Seconds) -> None:
        log.warning("the server could not write down what was said")

    def _on_no_remote_tools(self, _message: Message, _now: Seconds) -> None:
        log.warning("the server could not get the tools of a remote server: see [[realtime.mcp]]")

    def _on_speech(self, _message: Message, _now: Seconds) -> None:
        self._turns.speech_started()

    def _on_silence(self, _message: Message, now: Seconds) -> None:
        self._turns.speech_stopped(now)

    def _on_committed(self, message: Message, _now: Seconds) -> None:
        item = text_of(message, "item_id")
        if self._turns.unconfirmed:
            self._outlet.send(*self._turns.confirmed(item))
        elif self._turns.committed(item):
            self._outlet.tell(EndOfTurnFound())

    def _end_turn(self) -> None:
        if self._turns.stopped():
            self._outlet.tell(EndOfTurnFound())

    def _on_created(self, message: Message, now: Seconds) -> None:
        if self._terms.auto_response:
            self._end_turn()
        expected = self._terms.auto_response and self._turns.server_ended
        self._responses.created(object_of(message, "response"), now, expected=expected)
        if (turn := self._responses.turn) is not None:
            self._turns.answered(turn)

    def _on_cancelled(self, message: Message, now: Seconds) -> None:
        """Take what one server says, of its own accord, before or instead of ``response.done``."""
        known = text_of(object_of(message, "response"), "id") or text_of(message, "response_id")
        self._responses.done({"id": known, "status": "cancelled"}, now)

    def _on_remote_began(self, message: Message, now: Seconds) -> None:
        self._responses.remote_began(text_of(message, "item_id"), now)

    def _on_remote_ended(self, message: Message, now: Seconds) -> None:
        self._responses.remote_ended(text_of(message, "item_id"), now)
