"""The server's side of a session: its replies, whose they are, and the calls they make. Pure."""

import logging

from appliance.backend.context import Owed
from appliance.backend.realtime import billing, wire
from appliance.backend.realtime.asking import response_create
from appliance.backend.realtime.calls import Batch, Calls, output_of, working_items
from appliance.backend.realtime.replies import Replies, Reply, reply_problem
from appliance.backend.realtime.slot import Active, Ending, Purpose, Request, Slot
from appliance.backend.realtime.spoken import Spoken
from appliance.backend.realtime.terms import Terms
from appliance.backend.socket.failures import failure
from appliance.backend.socket.outlet import Outlet
from appliance.backend.socket.reading import Message, number_of, object_of, sound_of, text_of
from appliance.errors import BackendRefused, BackendUnavailable
from appliance.events import (
    BackendEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    ReplyText,
)
from appliance.ports import ToolResult
from appliance.units import CallId, ResponseId, SampleRate, Seconds, TurnNumber

log = logging.getLogger(__name__)

RATE = SampleRate(24_000)
"""Of the service's sound, unless a server says otherwise."""

_REMOTE_PATIENCE = Seconds(60.0)
"""How long a reply may stand still while the server carries out a remote call."""

_LONGEST_REPLY = Seconds(600.0)
"""More sound than this is no reply."""

_MOST_ROUNDS = 16
"""Replies to one turn; the one after them may call no tools."""

_SIGN = Seconds(2.0)
"""How often a reply shows that it goes on; without a sign the turn is given up after 6 s."""


class Responses:
    """Asks for replies, passes on the one that is wanted, and keeps its calls until answered.

    Args:
        terms: What the session is like.
        outlet: Takes what is to be sent and told.
    """

    def __init__(self, terms: Terms, outlet: Outlet) -> None:
        self.slot = Slot(terms.patience.stall)
        self.calls = Calls(outlet)
        self.rate = RATE
        self.waiting: TurnNumber | None = None  # whose reply the user still waits for
        self.dropped = 0  # pieces that were no sound or too much of it
        self._terms = terms
        self._outlet = outlet
        self._replies = Replies()
        self._echoes = False  # whether the server repeats our metadata
        self._closed: TurnNumber | None = None  # the turn that a closing tool was called in
        self._rounds = 0  # replies asked for to the same turn
        self._begun = False  # a reply to the turn that waits
        self._sign_at = Seconds(0.0)  # when the reply that comes should show that it goes on

    @property
    def busy(self) -> bool:
        """Whether a reply is asked for or comes, or a call is open."""
        comes = isinstance(self.slot.state, Active | Ending)
        return comes or self.slot.owes or bool(self.calls.batches)

    @property
    def unanswered(self) -> TurnNumber | None:
        """The turn that waits and to which no reply has begun."""
        return None if self._begun else self.waiting

    @property
    def turn(self) -> TurnNumber | None:
        """The turn whose reply comes."""
        return None if (reply := self._active()) is None else reply.turn

    # -- asking -----------------------------------------------------------------------------

    def await_reply(self, turn: TurnNumber, now: Seconds, *, asked: bool = True) -> None:
        """Have the turn answered; not ``asked``: the server does it by itself."""
        self.waiting = turn
        self._rounds, self._begun = 0, False
        held = self._replies.held()
        if not asked and held:
            for reply in held:
                self._number(reply, Request(turn, asked=False), now)
        else:
            self._want(Request(turn, asked=asked), now)

    def post(self, request: Request | None) -> None:
        """Send a request that the slot let through."""
        if request is None or not request.asked:
            return
        instructions = text_of(self._terms.session, "instructions")
        self._outlet.send(response_create(request, instructions))

    def abandon(self, now: Seconds | None = None) -> None:
        """Nobody waits any more: what comes is not passed on."""
        self.waiting = None
        self.slot.abandon()
        for reply in self._replies.held():
            reply.held.clear()
            self._stop(reply, now)
            if reply.done is not None:
                self.calls.settle(output_of(reply.done, reply.collected))

    def _want(self, request: Request, now: Seconds) -> None:
        self.post(self.slot.want(request, now))

    def _follow_up(self, turn: TurnNumber, now: Seconds) -> None:
        self._rounds += 1
        self._want(Request(turn, tools=self._rounds < _MOST_ROUNDS), now)

    # -- a reply comes ----------------------------------------------------------------------

    def created(self, response: Message, now: Seconds, *, expected: bool) -> None:
        """Take a reply that begins.

        Args:
            response: The server's object.
            now: The time.
            expected: The server may have begun it by itself, to what the user just said.
        """
        known = ResponseId(text_of(response, "id"))
        metadata = object_of(response, "metadata")
        if not known or self._replies.get(known) is not None:
            return
        if "aside" in metadata:  # beside the conversation: nothing to play, but to be paid
            self._replies.add(Reply(known, Spoken(self.rate), cancelled=True))
            return
        answers = text_of(metadata, "request")
        self._echoes = self._echoes or bool(answers)
        reply = Reply(known, Spoken(self.rate))
        self._replies.add(reply)
        by_order = self._terms.auto_response or not self._echoes
        taken = self.slot.created(known, answers, now, by_order=by_order)
        if taken is not None and taken.purpose is not Purpose.NOBODYS:
            self._number(reply, taken, now)
        elif taken is not None or not (expected and self.slot.occupy(known, now)):
            reply.request = taken
            self._stop(reply, now)

    def alive(self, response: str, now: Seconds) -> None:
        """Take a sign of life of a reply."""
        if (reply := self._replies.get(response)) is not None:
            patience = _REMOTE_PATIENCE if reply.working else None
            self.slot.heard(reply.id, now, patience)
            self.show_life(now)

    @property
    def sign_at(self) -> Seconds | None:
        """When to ``show_life``, although nothing comes: the server works on a remote call."""
        return self._sign_at if (reply := self._passing()) is not None and reply.working else None

    def show_life(self, now: Seconds) -> None:
        """Tell, now and then, that the reply goes on; the conversation sees only its words."""
        if (reply := self._passing()) is not None and now >= self._sign_at:
            self._sign_at = Seconds(now + _SIGN)
            self._outlet.tell(ReplyText(reply.id, ""))

    def _passing(self) -> Reply | None:
        return reply if (reply := self._active()) is not None and reply.passed_on else None

    def audio(self, message: Message, now: Seconds) -> None:
        """Take a piece of sound."""
        reply = self._live(message)
        if reply is None:
            return
        item, pcm = text_of(message, "item_id"), sound_of(message, "delta")
        if reply.cancelled:
            reply.late(item)
            return
        content = int(number_of(message, "content_index"))
        if not pcm or not reply.spoken.add(item, content, len(pcm) // 2):
            self.dropped += 1
            return
        self._pass(reply, ReplyAudio(reply.id, pcm, reply.spoken.rate))
        if reply.spoken.samples > _LONGEST_REPLY * reply.spoken.rate:
            log.warning("a reply of more than %.0f s was cut", _LONGEST_REPLY)
            self._pass(reply, ReplyEnded(reply.id))
            self._stop(reply, now)

    def text(self, message: Message) -> None:
        """Take a piece of what is being said."""
        reply = self._live(message)
        if reply is None:
            return
        item, piece = text_of(message, "item_id"), text_of(message, "delta")
        if reply.cancelled:
            reply.late(item)
        elif piece and reply.takes_text(piece):
            reply.spoken.add(item, int(number_of(message, "content_index")), 0)
            self._pass(reply, ReplyText(reply.id, piece))

    def item(self, message: Message) -> None:
        """Take an item that begins or is whole, or the arguments of a call."""
        if (reply := self._live(message)) is not None:
            reply.take_item(message)

    def _live(self, message: Message) -> Reply | None:
        reply = self._replies.get(text_of(message, "response_id"))
        return None if reply is None or reply.ended else reply

    def _pass(self, reply: Reply, event: BackendEvent) -> None:
        reply.said = True
        if reply.request is None:
            reply.held.append(event)
        else:
            self._outlet.tell(event)

    def _number(self, reply: Reply, request: Request, now: Seconds) -> None:
        """Say which turn a reply answers, and what has come of it already."""
        reply.request = request
        self._begun = self._begun or request.turn == self.waiting
        self.slot.assign(reply.id, request)
        self._sign_at = Seconds(now + _SIGN)
        self._outlet.tell(ReplyStarted(reply.id, request.turn), *reply.held)
        reply.held.clear()
        if reply.done is not None:
            done, reply.done = reply.done, None
            self._finish(reply, done, now)

    def _stop(self, reply: Reply, now: Seconds | None) -> None:
        """Have the server stop a reply, and pass on nothing more of it."""
        reply.cancelled = True
        if reply.ended:
            return
        self._outlet.send(wire.cancel_response(reply.id))
        if now is not None:
            self.slot.cancelled(reply.id, now)

    def cancel(self, response: ResponseId, heard: Seconds, now: Seconds) -> None:
        """Stop a reply and have the server forget what was not heard; once."""
        reply = self._replies.get(response)
        if reply is None or reply.cut:
            return
        reply.cut = True
        if reply.turn is not None and reply.turn == self.waiting:
            self.abandon(now)
        if not reply.cancelled:
            self._stop(reply, now)
        for cut in reply.spoken.unheard(heard):
            if cut.keep_ms is None:
                self._outlet.send(wire.delete_item(cut.item))
            else:
                self._outlet.send(wire.truncate_item(cut.item, cut.content, cut.keep_ms))

    # -- a reply ends -----------------------------------------------------------------------

    def done(self, response: Message, now: Seconds) -> None:
        """Take the end of a reply.

        Raises:
            BackendRefused: It failed for a reason that stays.
            BackendUnavailable: It failed before anything of it could be passed on.
        """
        reply = self._replies.get(text_of(response, "id"))
        if reply is None:
            return
        self._bill(reply, response)
        if reply.ended:
            return
        reply.ended = True
        following = self.slot.ended(reply.id, now)
        if reply.request is None and not reply.cancelled:
            reply.done = response
        else:
            self._finish(reply, response, now)
        self.post(following)

    def _bill(self, reply: Reply, response: Message) -> None:
        usage = billing.of_response(object_of(response, "usage"), self._terms.model)
        if usage is not None and not reply.billed:
            reply.billed = True
            self._outlet.tell(self._terms.bill(usage, reply.turn))

    def _finish(self, reply: Reply, response: Message, now: Seconds) -> None:
        output = output_of(response, reply.collected)
        if reply.cancelled:
            self.calls.settle(output)
            if reply.cut:
                self._outlet.send(*(wire.delete_item(item) for item in reply.late_items))
            return
        details = object_of(response, "status_details")
        if (
            problem := reply_problem(text_of(response, "status"), text_of(details, "reason"))
        ) is not None:
            self.calls.settle(output)
            error = object_of(details, "error")
            fatal = failure(text_of(error, "code"), text_of(error, "type"))
            if isinstance(fatal, BackendRefused):
                raise fatal
            awaited = reply.turn == self.waiting and not reply.interim
            if problem and awaited and not reply.said:
                raise BackendUnavailable(f"the reply {problem}")
            self._outlet.tell(self._end(reply))
        else:
            self._complete(reply, output, now)

    def _complete(self, reply: Reply, output: list[Message], now: Seconds) -> None:
        request = reply.request
        if request is None:
            return
        if not request.tools:
            self.calls.settle(output)
            self._outlet.tell(self._end(reply))
            return
        batch = Batch(request.turn, Seconds(now + self._terms.patience.tools))
        tools = self.calls.open(reply.id, output, batch)
        if not self._terms.closing.isdisjoint(tools):
            self._closed = request.turn
        working, silent = working_items(output, reply.working)
        batch.open |= working
        batch.worth_telling = batch.worth_telling or silent
        self.calls.keep(batch)
        follow_up = batch.over and batch.worth_telling and request.turn == self.waiting
        self._outlet.tell(self._end(reply, calls_tool=follow_up or not batch.over))
        if follow_up:
            self._follow_up(request.turn, now)

    def _end(self, reply: Reply, *, calls_tool: bool = False) -> ReplyEnded:
        stay = self._closed is None or reply.turn != self._closed
        return ReplyEnded(reply.id, calls_tool=calls_tool, stay=stay)

    # -- calls ------------------------------------------------------------------------------

    def answer(self, call: CallId, result: ToolResult, now: Seconds) -> None:
        """Give a result back; once."""
        if (batch := self.calls.answer(call, result)) is not None:
            self._settled(batch, now)

    def owe(self, owed: Owed, now: Seconds) -> None:
        """Take over the calls of another session, whose results the user waits for."""
        self.waiting, self._begun = owed.turn, True
        self._settled(self.calls.owe(owed, Seconds(now + self._terms.patience.tools)), now)

    def remote_began(self, item: str, now: Seconds) -> None:
        """The server carries out a remote call."""
        if (reply := self._active()) is not None and item:
            reply.working.add(item)
            self.alive(reply.id, now)
        else:
            self.calls.remote_began(item)

    def remote_ended(self, item: str, now: Seconds) -> None:
        """The server has carried out a remote call."""
        reply = self._active()
        if reply is not None and item in reply.working:
            reply.working.discard(item)
            self.alive(reply.id, now)
        elif (batch := self.calls.remote_ended(item)) is not None:
            self._settled(batch, now)

    def _active(self) -> Reply | None:
        state = self.slot.state
        return self._replies.get(state.response) if isinstance(state, Active) else None

    def interim_at(self) -> Seconds | None:
        """Return when to say that a tool is still at work."""
        return self.calls.interim_at(self.waiting)

    def say_interim(self, now: Seconds) -> None:
        """Say so, of what is late enough."""
        for batch in self.calls.overdue(self.waiting, now):
            self._want(Request(batch.turn, Purpose.INTERIM, tools=False), now)

    def _settled(self, batch: Batch, now: Seconds) -> None:
        if not batch.over:
            return
        self.calls.drop(batch)
        if batch.turn == self.waiting and not batch.late:
            self._follow_up(batch.turn, now)
        elif batch.worth_telling:
            self._outlet.tell(ReplyOffered())

    # -- refusals ---------------------------------------------------------------------------

    def refused(self, event: str, code: str, now: Seconds) -> None:
        """Take an error that names one of our requests.

        Raises:
            BackendUnavailable: The reply that somebody waits for will not come.
        """
        if (refused := self.slot.refused(event)) is not None:
            if refused.purpose is Purpose.REPLY:
                raise BackendUnavailable(f"the request for a reply was refused ({code})")
            self.calls.postpone(refused.turn, Seconds(now + self._terms.patience.tools))
            self.post(self.slot.next(now))
            return
        match self.slot.state:
            case Active(response=response, request=Request() as request) if event == request.id:
                self.done({"id": response, "status": "failed"}, now)
