"""The rules of a Live session, without the socket. Pure: messages in, messages and events out.

Theory of operation
===================

The model is full duplex. It has no turns, no end of speech, no truncation and nothing that
cancels a reply: it hears all the time, speaks when it thinks fit, and hears that it is
interrupted. Behind it a second model calls the tools (``delegation`` of the type ``responses``).
The conversation of the box has turns, replies and calls (``ports.Backend``). They are brought
together like this:

* **The box finds the end of a turn** (``ends_turns`` is ``False``). The protocol has no event for
  it, and that the model speaks is none: it may say "mhm" or speak too soon. What it says before
  the commit is held and becomes the beginning of the reply to the turn that is coming, unless
  the user went on after it.
* **A reply** begins with the first voice, text or work of the model behind after the commit, and
  ends when the stream has been silent for 0.8 s and nobody is at work behind (``voice``,
  ``talk``). While the model behind works, empty texts show that the reply goes on.
* **The clock of the model is the sound that it hears.** During the user's turn that is the
  microphone. While a reply is owed or comes, silence is sent in real time, 100 ms at a time; while
  nothing goes on, the input is muted and nothing is sent.
* **Talked over**, everything of the reply is dropped until the model has fallen silent, or until
  it has heard the user (a transcript of what was said since) and speaks again after 0.3 s. The
  user's speech itself is what stops it.
* **Calls** belong to the turn in which their work was handed over, however late they come. Those
  of a turn that is over are not carried out. Calls that take long are answered by a stand-in, so
  that the model says so; the results are offered and then told to it as commentary (``work``).
* **Silence after a commit**, longer than ``backend.stall_s``, ends the session. So does a stream
  that stops within a reply: a Live stream never does.
* **Usage** is told cumulatively, in seconds of session; what is new since the last is billed.

A message with an unknown type, or with fields of the wrong type, changes nothing. ``talk``
decides, ``work`` knows the model behind, ``replies`` speaks to the conversation; here the messages
are told apart and the model's clock is kept.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from appliance.backend.context import Owed
from appliance.backend.live import billing, refusals, wire
from appliance.backend.live.clock import SilenceClock
from appliance.backend.live.talk import Talk
from appliance.backend.live.terms import Terms
from appliance.backend.socket import reading
from appliance.backend.socket.failures import failure
from appliance.backend.socket.outlet import Outlet
from appliance.backend.socket.reading import (
    Message,
    number_of,
    object_of,
    sound_of,
    text_of,
)
from appliance.backend.socket.rules import Out
from appliance.errors import (
    BackendError,
    BackendRefused,
    BackendStalled,
    BackendUnavailable,
    ProtocolViolation,
    SessionOver,
)
from appliance.events import ReplyOffered, Usage
from appliance.ports import Enclosure, ToolResult
from appliance.units import CallId, ResponseId, SampleRate, Seconds, TurnNumber

log = logging.getLogger(__name__)

_DROP_FOR: Final = Seconds(10.0)
"""How long a model that is talked over may take to fall silent before its clock stands still."""

_MOST_NONSENSE: Final = 20
"""Messages in a row that are no events."""

_MOST_CODES: Final = 16
"""Kinds of errors that are worth a line each."""

_START: Final = "start-1"
"""Under this ``event_id`` the session is begun."""

_CODE: Final = re.compile(r"[a-z0-9_.]{1,64}")

ASK: Final = (
    "Reply to the user now, without repeating what they wrote, and without waiting for them to"
    " speak first. They wrote:"
)
SHOWN: Final = "The user shows a picture; only the model behind sees it. Have it look, and reply."
"""Appended as commentary: what the voice model should speak of."""


class LiveRules:
    """One session; feed it every message, send what it says, wake it at its deadline.

    Args:
        terms: What the session is like.
        owed: A reply that the last backend did not bring to its end.
    """

    def __init__(self, terms: Terms, *, owed: Owed | None = None) -> None:
        self.dropped = 0
        """Pieces that were no sound, or too much of it."""

        self._terms = terms
        self._owed = owed
        self._outlet = Outlet()
        self._talk = Talk(terms, self._outlet)
        self._setup_until: Seconds | None = None
        self._ready = False
        self._clock = SilenceClock(self._outlet, terms.rate)
        self._drop_until: Seconds | None = None
        self._ended: BackendError | None = None  # told once the last bill is
        self._seconds = 0.0  # that were billed
        self._nonsense = 0
        self._reported: set[str] = set()
        self._handlers: dict[str, Callable[[Message, Seconds], None]] = {
            "session.started": self._on_started,
            "session.closed": self._on_closed,
            "session.usage.updated": self._on_usage,
            "session.output_audio.delta": self._on_audio,
            "session.output_transcript.delta": self._on_text,
            "session.input_transcript.delta": self._on_heard,
            "session.delegation.created": self._on_delegated,
            "response.event": self._on_behind,
            "error": self._on_error,
        }

    @property
    def handled(self) -> frozenset[str]:
        """The types of events from which something follows."""
        return frozenset(self._handlers)

    @property
    def rate(self) -> SampleRate:
        """The rate at which the user's sound is sent."""
        return self._terms.rate

    @property
    def ready(self) -> bool:
        """Whether the session has started; sound may flow."""
        return self._ready

    @property
    def ends_turns(self) -> bool:
        """The box finds the end of the user's turn."""
        return False

    @property
    def idle(self) -> bool:
        """Between turns: nothing said, nothing owed, no call open."""
        talk = self._talk
        return not (talk.waiting or talk.speaking or talk.work.open)

    # -- the conversation --------------------------------------------------------------------

    def opened(self, now: Seconds) -> Out:
        """The socket is open: begin the session."""
        self._setup_until = Seconds(now + self._terms.patience.setup)
        self._outlet.send(wire.start(self._terms.session, _START))
        return self._out(now)

    def audio(self, pcm: bytes) -> Out:
        """Let the model hear the user."""
        if pcm:
            self._talk.listen(Seconds(len(pcm) / 2 / self.rate))
            self._clock.listen()
            self._outlet.send(*wire.appends(pcm))
        return self._out(None)

    def enclose(self, enclosure: Enclosure) -> Out:
        """Tell the model a note; have it reply to a text or a picture."""
        self._talk.listen()
        self._clock.listen()
        name = self._talk.work.name
        if enclosure.note:
            self._outlet.send(wire.instruct(name("note"), enclosure.note))
        if enclosure.image is not None:
            self._outlet.send(wire.create_item(name("item"), wire.picture(enclosure.image)))
        asks = [SHOWN] if enclosure.image is not None else []
        asks += [f"{ASK}\n{enclosure.text}"] if enclosure.text else []
        if asks:
            self._talk.work.comment("\n\n".join(asks))
        return self._out(None)

    def commit(self, turn: TurnNumber, now: Seconds) -> Out:
        """The user has finished: a reply is owed."""
        self._talk.commit(turn, now)
        return self._out(now)

    def clear(self) -> Out:
        """The user's turn came to nothing."""
        self._talk.move_on()
        return self._out(None)

    def cancel(self, response: ResponseId, heard: Seconds, now: Seconds) -> Out:  # noqa: ARG002 - the model hears for itself how far it came
        """Drop a reply until the model has fallen silent; idempotent."""
        if self._talk.cancel(response):
            self._drop_until = Seconds(now + _DROP_FOR)
        return self._out(now)

    def answer(self, call: CallId, result: ToolResult, now: Seconds) -> Out:
        """Give a tool's result back; once per call."""
        if self._talk.answer(call, result, now):
            self._outlet.tell(ReplyOffered())
        return self._out(now)

    def take_reply(self, turn: TurnNumber, now: Seconds) -> Out:
        """Have told what ``ReplyOffered`` offered."""
        self._talk.take(turn, now)
        return self._out(now)

    def retool(self, tools: Sequence[Mapping[str, object]]) -> Out:
        """Replace the tools of the model behind."""
        self._outlet.send(wire.update_tools(list(tools)))
        return self._out(None)

    def farewell(self) -> Out:
        """End the session, so that it is billed no longer."""
        return Out((wire.close("close-1"),))

    def deadline(self) -> Seconds | None:
        """When ``expire`` must be called if nothing else happens."""
        if self._ended is not None:
            return Seconds(0.0)
        if not self._ready:
            return self._setup_until
        times = (self._clock.due, self._drop_until, self._talk.deadline())
        return min((time for time in times if time is not None), default=None)

    def expire(self, now: Seconds) -> Out:
        """Take notice of the time.

        Raises:
            BackendError: The session has ended, or somebody waits in vain.
        """
        if self._ended is not None:
            raise self._ended
        if not self._ready:
            if self._setup_until is not None and now >= self._setup_until:
                raise BackendStalled("the session did not start in time")
            return Out()
        if self._drop_until is not None and now >= self._drop_until:
            self._drop_until = None
        self._clock.expire(now)
        self._talk.expire(now)
        return self._out(now)

    def _keep_clock(self, now: Seconds | None) -> None:
        """Run the model's clock while it is needed, and let it stand still otherwise."""
        talk = self._talk
        if not talk.dropping or talk.speaking:
            self._drop_until = None
        if talk.speaking:
            return
        if now is not None and (talk.waiting or self._drop_until is not None):
            self._clock.run(now)
        elif not talk.waiting:
            self._clock.rest()

    def _out(self, now: Seconds | None) -> Out:
        if self._ready and self._ended is None:
            self._keep_clock(now)
        return self._outlet.take()

    # -- the server --------------------------------------------------------------------------

    def receive(self, message: str | bytes, now: Seconds) -> Out:
        """Take one message.

        Raises:
            BackendRefused: The server will not serve us until something changes.
            BackendUnavailable: The session, or the reply that is owed, has failed.
            ProtocolViolation: Too much nonsense in a row.
        """
        if self._ended is not None:
            raise self._ended
        event = reading.parse(message)
        kind = "" if event is None else text_of(event, "type")
        if event is None or not kind:
            self._nonsense += 1
            if self._nonsense > _MOST_NONSENSE:
                raise ProtocolViolation(f"{self._nonsense} messages in a row are no events")
            return Out()
        self._nonsense = 0
        if (handler := self._handlers.get(kind)) is not None:
            handler(event, now)
        return self._out(now)

    def _on_started(self, message: Message, now: Seconds) -> None:
        """Take the rate of the sound to come.

        Raises:
            BackendRefused: It will be in a form that we cannot play.
        """
        form = object_of(object_of(object_of(message, "session"), "audio"), "format")
        if (text_of(form, "type") or "audio/pcm") != "audio/pcm":
            raise BackendRefused("unplayable_format", "the server must send PCM: see live.rate")
        rate = int(number_of(form, "rate"))
        self._talk.rate = SampleRate(rate) if 8_000 <= rate <= 48_000 else self._terms.rate
        begins = not self._ready
        self._ready = True
        if begins and self._owed is not None and self._owed.calls:
            self._talk.owe(self._owed, now)

    def _on_closed(self, message: Message, _now: Seconds) -> None:
        self._bill(object_of(message, "usage"))
        reason = text_of(message, "reason")
        over = SessionOver if reason == "expired" else BackendUnavailable
        self._ended = over(refusals.closing(reason))

    def _on_usage(self, message: Message, _now: Seconds) -> None:
        self._bill(object_of(message, "usage"))

    def _bill(self, usage: Message) -> None:
        seconds = number_of(usage, "seconds")
        if seconds > self._seconds:
            more = Seconds(seconds - self._seconds)
            self._seconds = seconds
            used = Usage(self._terms.model, audio_s=more)
            self._outlet.tell(self._terms.bill(used, self._talk.turn))

    def _on_audio(self, message: Message, now: Seconds) -> None:
        pcm = sound_of(message, "delta")
        if pcm:
            self._talk.stream(pcm, now)
        else:
            self.dropped += 1

    def _on_text(self, message: Message, now: Seconds) -> None:
        if piece := text_of(message, "delta"):
            self._talk.text(piece, now)

    def _on_heard(self, message: Message, now: Seconds) -> None:
        if piece := text_of(message, "delta"):
            self._talk.heard(piece, now)

    def _on_delegated(self, message: Message, now: Seconds) -> None:
        if known := text_of(object_of(message, "delegation"), "id"):
            self._talk.delegated(known, now)

    def _on_behind(self, message: Message, now: Seconds) -> None:
        """Take what the model behind does.

        Raises:
            BackendRefused: It failed for a reason that stays.
            BackendUnavailable: It failed, and somebody waits for it.
        """
        delegation, event = text_of(message, "delegation_id"), object_of(message, "event")
        kind = text_of(event, "type")
        match kind:
            case "response.created":
                self._talk.run_began(delegation, now)
            case "response.output_item.done":
                self._talk.run_goes_on(delegation, now)
                self._talk.call(object_of(event, "item"), delegation, now)
            case "response.completed":
                self._bill_behind(event)
                self._talk.run_ended(delegation, now)
            case "response.failed" | "response.incomplete" | "error":
                self._bill_behind(event)
                waited = self._talk.run_failed(delegation)
                if waited:
                    raise refusals.of_work(event)
            case _:
                writes = kind == "response.output_text.delta"
                self._talk.run_goes_on(delegation, now, writes=writes)

    def _bill_behind(self, event: Message) -> None:
        usage = object_of(object_of(event, "response"), "usage")
        if (used := billing.of_work(usage, self._terms.delegate_model)) is not None:
            self._outlet.tell(self._terms.bill(used, self._talk.turn))

    def _on_error(self, message: Message, _now: Seconds) -> None:
        error = object_of(message, "error")
        codes = (text_of(error, "code"), text_of(error, "type"))
        code = next((code for code in codes if _CODE.fullmatch(code)), "unknown")
        if (fatal := failure(*codes, section="live")) is not None:
            raise fatal
        event = text_of(error, "client_event_id") or text_of(message, "client_event_id")
        if not self._ready and event in ("", _START):
            raise refusals.of_start(code, error)
        if len(self._reported) < _MOST_CODES and code not in self._reported:
            self._reported.add(code)
            log.warning("the server reports %s", code)
        if self._talk.refused(event):
            raise refusals.of_request(code, error)
