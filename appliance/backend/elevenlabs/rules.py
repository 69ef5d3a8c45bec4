"""The rules of a conversation with an agent of ElevenLabs, without the socket. Pure.

Theory of operation
===================

The agent listens all the time and finds the end of a turn itself; there is no message for it. The
box finds it, too, by its own ears, and counts (``ends_turns`` is ``False``): until the commit the
agent hears the user's pause just as the box does; after it silence is sent in real time until the
agent speaks, for without sound its detection stands still. Which of the things that it says is the
reply, ``agent.Speech`` tells.

Nothing can be unsent, and no message stops a reply: what is not wanted is dropped until something
new begins. A turn that came to nothing is followed by silence, so that the agent is done with it
before the next; what it makes of it is dropped, and its calls are answered ``CANCELLED``.

It is paid by the minute and tells no sum, so the time is told (``Used``) under a name of ours.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from appliance.backend.context import Owed
from appliance.backend.elevenlabs import wire
from appliance.backend.elevenlabs.address import meaning
from appliance.backend.elevenlabs.agent import Piece, Segment, Speech
from appliance.backend.elevenlabs.formats import output_rate
from appliance.backend.elevenlabs.terms import BILLED, Terms
from appliance.backend.elevenlabs.tools import Tools
from appliance.backend.elevenlabs.user import RATE, User
from appliance.backend.prompting import telling
from appliance.backend.prompting.pending import Batch
from appliance.backend.socket.outlet import Outlet
from appliance.backend.socket.reading import (
    Message,
    dump,
    number_of,
    object_of,
    parse,
    sound_of,
    text_of,
)
from appliance.backend.socket.rules import Out
from appliance.errors import (
    BackendStalled,
    BackendUnavailable,
    ProtocolViolation,
)
from appliance.events import ReplyStarted, Usage, Used
from appliance.ports import Enclosure, ToolResult
from appliance.units import CallId, ResponseId, SampleRate, Seconds, TurnNumber

BILL_S: Final = Seconds(60.0)
"""How often the time is told while nobody speaks."""

_MOST_NONSENSE: Final = 20
_REMEMBERED: Final = 16


class AgentRules:
    """One conversation: ``socket.rules.Rules``.

    Args:
        terms: What it is like.
        owed: A reply that the last backend did not bring to its end.
    """

    def __init__(self, terms: Terms, *, owed: Owed | None = None) -> None:
        self.dropped = 0
        self._terms = terms
        self._owed = owed
        self._outlet = Outlet()
        self._speech = Speech()
        self._tools = Tools(terms.tools, self._outlet)
        self._user = User(self._outlet)
        self._ready = False
        self._waiting: TurnNumber | None = None
        self._owes = False  # a reply to it is still to begin
        self._until = Seconds(0.0)  # when that has stalled
        self._turns: dict[ResponseId, TurnNumber] = {}
        self._closed: TurnNumber | None = None
        self._billed: Seconds | None = None
        self._nonsense = 0
        self._handlers: dict[str, Callable[[Message, Seconds], None]] = {
            "conversation_initiation_metadata": self._on_metadata,
            "ping": self._on_ping,
            "audio": self._on_sound,
            "agent_response": self._on_text,
            "agent_response_complete": self._on_complete,
            "user_transcript": self._on_transcript,
            "interruption": self._on_interruption,
            "client_tool_call": self._on_call,
            "error": self._on_error,
            "client_error": self._on_error,
        }

    @property
    def rate(self) -> SampleRate:
        """The rate at which the user's sound is sent."""
        return RATE

    @property
    def ready(self) -> bool:
        """Whether the agent took our settings."""
        return self._ready

    @property
    def ends_turns(self) -> bool:
        """It does, but tells nobody in time: the box decides."""
        return False

    @property
    def idle(self) -> bool:
        """Between turns."""
        speech = self._speech
        begun = speech.speaking or speech.held or speech.segment
        return not (begun or self._owes or self._tools.pending.batches)

    # -- the conversation --------------------------------------------------------------------

    def opened(self, now: Seconds) -> Out:  # noqa: ARG002 - as every vendor's
        """The socket is open: the settings."""
        self._outlet.send(wire.initiation(self._terms.initiation))
        return self._outlet.take()

    def audio(self, pcm: bytes) -> Out:
        """Add sound, 16 kHz s16le mono, to the user's turn."""
        if pcm:
            self._begin_turn()
            self._user.add(pcm)
        return self._outlet.take()

    def enclose(self, enclosure: Enclosure) -> Out:
        """Keep text for the user's turn; of a picture the agent is only told that there is one."""
        if enclosure.text or enclosure.note or enclosure.image is not None:
            self._begin_turn()
            self._user.enclose(enclosure)
        return Out()

    def commit(self, turn: TurnNumber, now: Seconds) -> Out:
        """End the user's turn: a reply is owed."""
        self._tools.settle()
        if notes := self._tools.pending.take_notes():
            self._outlet.send(wire.context(telling.late(notes)))
        self._user.commit(turn, now)
        held, self._speech.held = self._speech.held, []
        self._speech.speaking = self._speech.transcribed = False
        self._expect(turn, now)
        for piece in held:
            self._pass(piece, now)
        return self._outlet.take()

    def clear(self) -> Out:
        """Forget the user's turn as far as that is possible, and the reply that it waits for."""
        self._waiting, self._owes = None, False
        self._user.clear()
        self._speech.cancel()
        self._drop_held()
        self._speech.speaking = self._speech.transcribed = False
        return self._outlet.take()

    def cancel(self, response: ResponseId, heard: Seconds, now: Seconds) -> Out:  # noqa: ARG002 - nobody can be told
        """Pass on nothing more of a reply; idempotent."""
        turn = self._turns.pop(response, None)
        segment = self._speech.segment
        if segment is not None and segment.response == response:
            self._speech.cancel()
        if turn is not None and turn == self._waiting:
            self._waiting, self._owes = None, False
        return self._outlet.take()

    def answer(self, call: CallId, result: ToolResult, now: Seconds) -> Out:
        """Give a tool's result back; once."""
        batch = self._tools.answer(call, result)
        if batch is not None and batch.over:
            if batch.turn == self._waiting and not batch.late:
                self._follow(batch, now)
            else:
                self._tools.offer(batch)
        return self._outlet.take()

    def take_reply(self, turn: TurnNumber, now: Seconds) -> Out:
        """Ask for the reply that ``ReplyOffered`` offered."""
        notes = self._tools.pending.take_notes()
        self._outlet.send(wire.message(telling.tell_late(notes)))
        self._expect(turn, now)
        return self._outlet.take()

    def retool(self, tools: Sequence[Mapping[str, object]]) -> Out:  # noqa: ARG002 - as said
        """Nothing: an agent's tools are kept by the vendor."""
        return Out()

    def farewell(self) -> Out:
        """Nothing: the socket closes."""
        return Out()

    def _begin_turn(self) -> None:
        if not self._speech.speaking:
            self._speech.speaking, self._speech.transcribed = True, False
            self._user.begin()
        self._waiting, self._owes = None, False

    def _expect(self, turn: TurnNumber, now: Seconds) -> None:
        self._waiting, self._owes = turn, True
        self._until = Seconds(now + self._terms.stall)

    def _drop(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            if piece.call is not None:
                self._tools.refuse(piece.call[0])
            else:
                self._speech.drop()

    def _drop_held(self) -> None:
        held, self._speech.held = self._speech.held, []
        self._drop(held)

    def _follow(self, batch: Batch, now: Seconds) -> None:
        """Have what tools answered, or that they work, told."""
        if words := self._tools.in_words(batch):
            self._outlet.send(wire.message(words))
        if self._speech.segment is not None:
            self._speech.segment.answered = True
        self._expect(batch.turn, now)

    # -- the time ----------------------------------------------------------------------------

    def deadline(self) -> Seconds | None:
        """When ``expire`` must be called if nothing else happens."""
        segment = self._speech.segment
        billed = None if self._billed is None else Seconds(self._billed + BILL_S)
        times = (
            self._user.deadline(),
            billed,
            self._tools.pending.interim_at(self._waiting),
            None if segment is None else segment.over_at(self._terms.stall),
            self._until if self._watched else None,
        )
        return min((time for time in times if time is not None), default=None)

    def expire(self, now: Seconds) -> Out:
        """Take notice of the time.

        Raises:
            BackendStalled: The reply does not come.
        """
        self._user.be_silent(now, awaited=self._owes)
        if self._billed is not None and now >= self._billed + BILL_S:
            self._bill(now)
        for batch in self._tools.pending.overdue(self._waiting, now):
            self._tools.say_slow(batch)
            self._follow(batch, now)
        segment = self._speech.segment
        if segment is not None and now >= segment.over_at(self._terms.stall):
            if not (segment.sound or self._tools.pending.works(segment.turn)):
                raise BackendStalled("a reply without any sound")
            self._end_segment(now)
        if self._watched and now >= self._until:
            raise BackendStalled("the agent does not answer in time")
        return self._outlet.take()

    @property
    def _watched(self) -> bool:
        works = self._tools.pending.works(self._waiting)
        return self._owes and not works and self._speech.segment is None

    def _bill(self, now: Seconds) -> None:
        if self._billed is not None and now > self._billed:
            took, self._billed = Seconds(now - self._billed), now
            self._outlet.tell(Used(Usage(BILLED, audio_s=took), self._waiting))

    # -- the agent ---------------------------------------------------------------------------

    def receive(self, message: str | bytes, now: Seconds) -> Out:
        """Take one message.

        Raises:
            BackendRefused: The agent cannot serve us until something changes.
            BackendUnavailable: The conversation has failed.
            ProtocolViolation: Too much nonsense in a row.
        """
        event = parse(message)
        kind = "" if event is None else text_of(event, "type")
        self._nonsense = 0 if kind else self._nonsense + 1
        if self._nonsense > _MOST_NONSENSE:
            raise ProtocolViolation(f"{self._nonsense} messages in a row are no events")
        if event is not None and (handler := self._handlers.get(kind)) is not None:
            handler(event, now)
        return self._outlet.take()

    def _on_metadata(self, event: Message, now: Seconds) -> None:
        if self._ready:
            return
        self._speech.rate = output_rate(event)
        self._ready, self._billed = True, now
        if self._terms.context:
            self._outlet.send(wire.context(self._terms.context))
        owed = self._owed
        if owed is not None and owed.calls:
            self._waiting = owed.turn
            batch = self._tools.owe(owed, now)
            if batch.over:
                self._follow(batch, now)

    def _on_ping(self, event: Message, _now: Seconds) -> None:
        self._outlet.send(wire.pong(object_of(event, "ping_event").get("event_id")))

    def _on_error(self, event: Message, _now: Seconds) -> None:
        raise meaning(0, dump(event)) or BackendUnavailable("the server reports an error")

    def _on_sound(self, event: Message, now: Seconds) -> None:
        event = object_of(event, "audio_event")
        late = self._speech.is_late(number_of(event, "event_id"), now)
        pcm = sound_of(event, "audio_base_64")
        if not pcm:
            self.dropped += 1
        elif not late:
            self._pass(Piece(pcm=pcm), now)

    def _on_text(self, event: Message, now: Seconds) -> None:
        said = object_of(event, "agent_response_event")
        text = text_of(said, "agent_response").strip()
        if not text or self._speech.is_late_text(now):
            return
        segment = self._speech.segment
        if segment is not None and segment.answered and segment.texted:
            self._end_segment(now)  # what the tools answered is another reply
        self._pass(Piece(text=text), now)

    def _on_call(self, event: Message, now: Seconds) -> None:
        event = object_of(event, "client_tool_call")
        call, tool = text_of(event, "tool_call_id"), text_of(event, "tool_name")
        if call and self._tools.pending.is_new(call):
            piece = Piece(call=(call, tool, event.get("parameters")))
            self._drop((piece,)) if self._speech.stale else self._pass(piece, now)

    def _on_transcript(self, event: Message, now: Seconds) -> None:
        heard = object_of(event, "user_transcription_event")
        self._speech.fresh()
        self._speech.transcribed = True
        segment = self._speech.segment
        if segment is not None and self._speech.speaking:
            self._end_segment(now)
        self._user.heard(text_of(heard, "user_transcript").strip())

    def _on_interruption(self, event: Message, now: Seconds) -> None:
        """The agent hears the user: what it said up to there is not to be heard."""
        interrupted = object_of(event, "interruption_event")
        self._speech.interrupted(number_of(interrupted, "event_id"))
        self._drop_held()
        self._speech.fresh()
        self._speech.transcribed = False
        if self._speech.segment is not None:
            self._end_segment(now)

    def _on_complete(self, _event: Message, now: Seconds) -> None:
        self._speech.fresh()
        if self._speech.segment is not None:
            self._speech.segment.complete = now

    def _pass(self, piece: Piece, now: Seconds) -> None:
        """Pass on what is the reply, keep what may become it, and drop the rest."""
        segment = self._speech.segment or self._begin_segment(now)
        if segment is None:
            if not self._speech.hold(piece):
                self._drop((piece,))
        elif piece.call is None:
            self._outlet.tell(*segment.take(piece, now))
        else:
            self._open_call(piece.call, segment, now)

    def _begin_segment(self, now: Seconds) -> Segment | None:
        """Begin a reply, if one is owed, or the agent goes on while its tools work."""
        turn = self._waiting
        if turn is None or not (self._owes or self._tools.pending.works(turn)):
            return None
        self._owes = False
        segment = self._speech.begin(turn, now)
        self._turns[segment.response] = turn
        if len(self._turns) > _REMEMBERED:
            del self._turns[next(iter(self._turns))]
        self._outlet.tell(ReplyStarted(segment.response, turn))
        return segment

    def _open_call(self, call: tuple[str, str, object], segment: Segment, now: Seconds) -> None:
        if not self._tools.open(call, (segment.response, segment.turn), now):
            segment.answered = True
            self._expect(segment.turn, now)
        elif call[1] in self._terms.closing:
            self._closed = segment.turn
        if not (segment.sound or segment.texted):
            self._end_segment(now)

    def _end_segment(self, now: Seconds) -> None:
        segment, self._speech.segment = self._speech.segment, None
        if segment is not None:
            calls = self._tools.pending.works(segment.turn)
            follows = self._owes and self._waiting == segment.turn
            stay = self._closed is None or self._closed != segment.turn
            self._outlet.tell(segment.end(calls_tool=calls or follows, stay=stay))
            self._bill(now)
