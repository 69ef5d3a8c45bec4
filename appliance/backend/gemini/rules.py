"""The rules of a Gemini Live session, without the socket. Pure.

Theory of operation
===================

The box finds the end of a turn and says so (``activityStart``, ``activityEnd``). What the model
makes of it comes without a name, so ``model.Model`` keeps the generations in the order in which
they were asked for; here is the user's side, what the tools answer, and the time.

Nothing can be unsent and no reply can be stopped by a message: what is not wanted is dropped until
the server says that it is over; the user's next word interrupts it there. So it is with a turn
that came to nothing, too: its activity ends, and what the model makes of it is dropped, and its
calls are answered ``CANCELLED``.

Words of ours (a tool that answered late) go as an activity of their own: since the models of 3.1
``clientContent`` is only for the conversation before the session.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from appliance.backend.context import Owed
from appliance.backend.gemini import wire
from appliance.backend.gemini.address import said
from appliance.backend.gemini.model import Model
from appliance.backend.gemini.terms import Terms
from appliance.backend.prompting import telling
from appliance.backend.prompting.outputs import output_text
from appliance.backend.prompting.pending import Batch, Call
from appliance.backend.socket.outlet import Outlet
from appliance.backend.socket.reading import LONGEST_MESSAGE, Message, object_of, parse_object
from appliance.backend.socket.rules import Out
from appliance.errors import BackendError, BackendStalled, ProtocolViolation, SessionOver
from appliance.ports import Enclosure, ToolResult
from appliance.units import CallId, ResponseId, SampleRate, Seconds, TurnNumber

RATE: Final = SampleRate(16_000)
"""The only rate of the user's sound that the vendor's guide names."""

_PIECE: Final = 1_280
"""Bytes of sound in a message: 40 ms; the vendor's guide advises 20 to 40."""

_MOST_NONSENSE: Final = 20
"""Messages in a row that are no JSON."""

_AT_ONCE: Final = Seconds(0.0)


class GeminiRules:
    """One session: ``socket.rules.Rules``.

    Args:
        terms: What the session is like.
        owed: A reply that the last backend did not bring to its end.
    """

    def __init__(self, terms: Terms, *, owed: Owed | None = None) -> None:
        self._terms = terms
        self._owed = owed
        self._outlet = Outlet()
        self._model = Model(terms, self._outlet)
        self._pending = self._model.pending
        self._ready = False
        self._leaving = False
        self._active = False  # the user's activity has begun at the server
        self._sound = bytearray()
        self._enclosed: list[Enclosure] = []
        self._nonsense = 0

    @property
    def rate(self) -> SampleRate:
        """The rate at which the user's sound is sent."""
        return RATE

    @property
    def ready(self) -> bool:
        """Whether the server took our settings."""
        return self._ready

    @property
    def ends_turns(self) -> bool:
        """Never: the box does."""
        return False

    @property
    def idle(self) -> bool:
        """Between turns: nothing asked, nothing coming, no call open, no sound uncommitted."""
        begun = self._active or self._sound or self._enclosed
        return not (begun or self._model.busy or self._pending.batches)

    @property
    def dropped(self) -> int:
        """Pieces of sound that were broken, of another rate, or nobody's."""
        return self._model.dropped

    # -- the conversation --------------------------------------------------------------------

    def opened(self, now: Seconds) -> Out:  # noqa: ARG002 - as every vendor's
        """The socket is open: the settings."""
        self._outlet.send(wire.setup(self._terms.setup))
        return self._outlet.take()

    def audio(self, pcm: bytes) -> Out:
        """Add sound, 16 kHz s16le mono, to the user's turn."""
        if pcm:
            self._model.waiting = None
            self._sound += pcm
            whole = len(self._sound) // _PIECE * _PIECE
            self._send_sound(whole)
        return self._outlet.take()

    def enclose(self, enclosure: Enclosure) -> Out:
        """Keep text or a picture for the user's turn; ``commit`` sends it."""
        if enclosure.text or enclosure.note or enclosure.image is not None:
            self._model.waiting = None
            self._enclosed.append(enclosure)
        return Out()

    def commit(self, turn: TurnNumber, now: Seconds) -> Out:
        """End the user's turn: a reply is owed."""
        self._begin()
        self._settle()
        if notes := self._pending.take_notes():
            self._outlet.send(wire.text(telling.late(notes)))
        for enclosure in self._enclosed:
            texts = (enclosure.note, enclosure.text)
            self._outlet.send(*(wire.text(text) for text in texts if text))
            if enclosure.image is not None:
                self._outlet.send(wire.picture(enclosure.image))
        self._enclosed.clear()
        self._send_sound(len(self._sound))
        self._finish()
        self._model.expect(turn, now)
        return self._outlet.take()

    def clear(self) -> Out:
        """Forget the user's turn as far as that is possible, and the reply that it waits for."""
        self._sound.clear()
        self._enclosed.clear()
        self._model.abandon()
        if self._active:
            self._finish()
            self._model.expect_nothing()
        return self._outlet.take()

    def cancel(self, response: ResponseId, heard: Seconds, now: Seconds) -> Out:  # noqa: ARG002 - nobody can be told
        """Pass on nothing more of a reply; idempotent."""
        self._model.cancel(response)
        return self._outlet.take()

    def answer(self, call: CallId, result: ToolResult, now: Seconds) -> Out:
        """Give a tool's result back; those of one reply go together, once all are there."""
        batch = self._pending.answer(call, result)
        if batch is not None and batch.over:
            if batch.turn == self._model.waiting and not batch.late:
                self._respond(batch, now)
            else:
                self._pending.note(batch)
                if self._model.blocked_by(batch):
                    self._settle()
                self._model.offer(batch)
        return self._outlet.take()

    def take_reply(self, turn: TurnNumber, now: Seconds) -> Out:
        """Ask for the reply that ``ReplyOffered`` offered."""
        words = telling.tell_late(self._pending.take_notes())
        self._ask(turn, words, now, follows=True)
        return self._outlet.take()

    def retool(self, tools: Sequence[Mapping[str, object]]) -> Out:
        """Replace the tools (``setup.tool_objects``)."""
        self._outlet.send(wire.retool(tools))
        return self._outlet.take()

    def farewell(self) -> Out:
        """Nothing: the socket closes."""
        return Out()

    # -- the time ----------------------------------------------------------------------------

    def deadline(self) -> Seconds | None:
        """When ``expire`` must be called if nothing else happens."""
        if self._ending() is not None:
            return _AT_ONCE
        times = (self._model.deadline(), self._pending.interim_at(self._model.waiting))
        return min((time for time in times if time is not None), default=None)

    def expire(self, now: Seconds) -> Out:
        """Take notice of the time.

        Raises:
            BackendStalled: The reply does not come, or does not go on.
            BackendUnavailable: It failed, or the server is about to go away and nothing is on.
        """
        if (ending := self._ending()) is not None:
            raise ending
        for batch in self._pending.overdue(self._model.waiting, now):
            self._respond(batch, now)
        if self._model.expire(now):
            raise BackendStalled("no reply in time, or none of the rest of it")
        return self._outlet.take()

    def _ending(self) -> BackendError | None:
        if self._model.failure is not None:
            return self._model.failure
        if self._leaving and self.idle:
            return SessionOver("the server is about to end the connection")
        return None

    # -- the server --------------------------------------------------------------------------

    def receive(self, message: str | bytes, now: Seconds) -> Out:
        """Take one message: JSON in a text, or in a binary frame.

        Raises:
            BackendRefused: The server will not serve us until something changes.
            BackendUnavailable: The session has failed.
            ProtocolViolation: Too much nonsense in a row.
        """
        event = _parse(message)
        if event is None:
            self._nonsense += 1
            if self._nonsense > _MOST_NONSENSE:
                raise ProtocolViolation(f"{self._nonsense} messages in a row are no JSON")
            return Out()
        self._nonsense = 0
        if error := object_of(event, "error"):
            raise said(error)
        if "setupComplete" in event and not self._ready:
            self._begin_session(now)
        self._model.receive(event, now)
        self._leaving = self._leaving or "goAway" in event
        return self._outlet.take()

    def _begin_session(self, now: Seconds) -> None:
        self._ready = True
        if self._terms.history:
            self._outlet.send(wire.history(self._terms.history))
        owed = self._owed
        if owed is None or not owed.calls:
            return
        self._model.waiting = owed.turn
        batch = Batch(owed.turn, Seconds(now + self._terms.tools), worth_telling=True)
        for called in owed.calls:
            self._pending.is_new(called.call)
            output = None if called.result is None else output_text(called.result)
            batch.calls.append(Call(called.call, called.tool, owed=False, output=output))
        if batch.over:
            self._respond(batch, now)
        else:
            self._pending.keep(batch)

    # -- how it is said ----------------------------------------------------------------------

    def _respond(self, batch: Batch, now: Seconds) -> None:
        """Have a reply made of what tools answered, or of that they are still at work."""
        if any(call.owed for call in batch.calls):
            self._give([call for call in batch.calls if call.owed])
            self._model.goes_on(batch, now)
        elif batch.over:
            lines = [telling.answered(call.tool, call.output or "") for call in batch.calls]
            for call in batch.calls:
                call.told = True
            self._ask(batch.turn, telling.report(lines), now)
        else:
            at_work = (call.tool for call in batch.calls if call.output is None)
            self._ask(batch.turn, telling.slow(at_work), now, interim=True)

    def _settle(self) -> None:
        """Answer what the server still waits for from before; the results follow in words."""
        if owed := self._pending.settle():
            self._give(owed)

    def _give(self, calls: Sequence[Call]) -> None:
        answers = []
        for call in calls:
            call.owed, call.told = False, call.output is not None
            answers.append((call.id, call.tool, {"output": call.output or telling.WORKING}))
        self._outlet.send(wire.tool_response(answers))

    def _ask(
        self,
        turn: TurnNumber,
        words: str,
        now: Seconds,
        *,
        interim: bool = False,
        follows: bool = False,
    ) -> None:
        """Have the model answer words of ours."""
        self._begin()
        self._outlet.send(wire.text(words))
        self._finish()
        self._model.expect(turn, now, interim=interim, follows=follows)

    def _begin(self) -> None:
        if not self._active:
            self._active = True
            self._outlet.send(wire.begin())
            self._model.interrupted_by_us()

    def _finish(self) -> None:
        self._active = False
        self._outlet.send(wire.end())

    def _send_sound(self, size: int) -> None:
        if size:
            self._begin()
            pcm = bytes(self._sound[:size])
            del self._sound[:size]
            pieces = range(0, size, _PIECE)
            self._outlet.send(*(wire.sound(pcm[at : at + _PIECE]) for at in pieces))


def _parse(message: str | bytes) -> Message | None:
    if len(message) > LONGEST_MESSAGE:
        return None
    if isinstance(message, bytes):
        try:
            message = message.decode("utf-8")
        except UnicodeDecodeError:
            return None
    return parse_object(message)
