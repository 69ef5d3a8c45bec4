"""One endless backend made of several: whoever can, answers, within the same conversation.

Theory of operation
===================

The conversation sees one backend that never ends. Behind it one session at a time serves; which
one, ``choice`` decides at the beginning of each turn, and anew when the session fails in a turn.
The turn is then handed over, by what has come of it:

* the user still speaks: the next backend is given the kept sound and hears the rest itself;
* the user has finished: it is given the kept sound and the turn's number;
* a reply had begun: it ends here as a reply that another one follows, and the turn is answered
  again, from the sound;
* tools were called: whoever comes next is told of the calls and their results (``Owed``) and must
  not look into the request again. A call is published once.

Where nobody is left the turn ends in ``BackendLost``, and the next one tries again. Nothing is
awaited on the way: what a session is to be told waits in its own queue (``link``). A better
backend that is back serves from the next turn on (``roster``). Replies and calls are given names
that are unique over all sessions.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

from appliance.backend import choice as choosing
from appliance.backend.choice import Choice, Purse, Standing
from appliance.backend.context import Called
from appliance.backend.link import Link
from appliance.backend.open_calls import OpenCalls
from appliance.backend.roster import Opener, Patience, Roster
from appliance.backend.unfinished import (
    Command,
    UnfinishedTurn,
    send_enclosure,
    send_frame,
    send_pause,
)
from appliance.errors import BackendUnavailable
from appliance.events import (
    BackendChanged,
    BackendEvent,
    BackendLost,
    EndOfTurnFound,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    ToolCalled,
    Used,
)
from appliance.frames import Frame
from appliance.ports import Clock, Enclosure, ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber

log = logging.getLogger(__name__)

MOST_LOSSES = 4
"""Backends that one turn may cost; then the user is told that it failed."""


class Failover:
    """Several backends as one: ``ports.Backend``. Event loop only.

    Args:
        openers: Makes a session, by name of the backend.
        start: Who may serve, to begin with.
        patience: How long sessions and memories live.
        clock: The session's.
        purse: Is given every bill, and asked before every turn.
        jitter: Gives 0 to 1, by chance.
    """

    def __init__(
        self,
        openers: Mapping[str, Opener],
        start: Choice,
        *,
        patience: Patience,
        clock: Clock,
        purse: Purse,
        jitter: Callable[[], float],
    ) -> None:
        start = choosing.with_budget(start, broke=purse.exhausted)
        self._roster = Roster(openers, start, patience=patience, clock=clock, jitter=jitter)
        self._memory = self._roster.memory
        self._clock = clock
        self._purse = purse
        self._events: asyncio.Queue[BackendEvent | None] = asyncio.Queue()
        self._ended = asyncio.Event()
        self._turn: UnfinishedTurn | None = None
        self._calls = OpenCalls()
        self._offered_by: Link | None = None

    @property
    def serving(self) -> str:
        """The name of who serves, or would."""
        return self._roster.serving

    @property
    def reason(self) -> str:
        """Why it is that one, as in ``BackendChanged``; or why nobody may serve at all."""
        return self._roster.why

    @property
    def standings(self) -> Mapping[str, Standing]:
        """How each backend has done; those that are well may be missing."""
        return self._roster.choice.standings

    @property
    def private(self) -> bool:
        """Whether nothing may leave the house."""
        return self._roster.choice.private

    @property
    def choice(self) -> Choice:
        """All that the choice depends on, as it is now."""
        return self._roster.choice

    @property
    def ends_turns(self) -> bool:
        """Whether who serves finds the end of a turn; changes when another one serves."""
        return self._roster.ends_turns

    @property
    def busy(self) -> bool:
        """Whether a turn is in progress, which keeps its session."""
        return self._turn is not None and self._turn.owes

    async def run(self) -> None:
        """Serve the sessions until ``close``; must run beside the conversation."""
        await self._roster.run(self, self._ended)

    def set_private(self, *, private: bool) -> None:
        """Begin or end privacy mode; sessions in the cloud end at once, and their turn goes on."""
        if private and self._turn is not None:
            self._turn.private = True
        if private != self.private:
            if not private:
                self._calls.hush()
            self._roster.set_private(private=private)

    def prefer(self, name: str | None) -> None:
        """Have this backend serve from the next turn on, whenever it may and can.

        Privacy mode and money go over it. A turn in progress ends with whom it has.

        Args:
            name: One of the order; ``None``, or any other: whoever is best by the order.
        """
        self._roster.prefer(name)

    def renew(self) -> None:
        """Have a new session in the next turn: what sessions are told at first has changed."""
        self._roster.renew()

    def configured(self) -> None:
        """Try everybody again: a key or an account has changed."""
        self._roster.set_budget(broke=self._purse.exhausted)
        self._roster.configured()

    def budget_changed(self) -> None:
        """Ask the purse again; a turn in progress keeps its session."""
        self._roster.set_budget(broke=self._purse.exhausted)
        self._roster.refresh()

    async def events(self) -> AsyncIterator[BackendEvent]:
        """Yield what happens; ends only by ``close``."""
        while (event := await self._events.get()) is not None:
            yield event
        raise BackendUnavailable("the backends were closed")

    async def send_audio(self, frame: Frame) -> None:
        """Keep a frame of the user's turn and pass it on; the first one opens a session."""
        turn = self._user_turn()
        turn.add_frame(frame)
        self._pass(turn, partial(send_frame, frame))

    async def enclose(self, enclosure: Enclosure) -> None:
        """Keep what belongs to the turn and pass it on; who cannot see goes on without it."""
        turn = self._user_turn()
        turn.enclose(enclosure)
        self._pass(turn, partial(send_enclosure, enclosure))

    async def expect_end(self) -> None:
        """Pass on that the user may have finished."""
        turn = self._user_turn()
        turn.expect_end()
        self._pass(turn, send_pause)

    async def commit_turn(self, turn: TurnNumber, *, as_expected: bool = False) -> None:
        """Pass on that the user has finished; from now on a reply is owed."""
        own = self._user_turn()
        self._pass(own, own.commit(turn, as_expected=as_expected))

    async def clear_turn(self) -> None:
        """Drop the turn, also what of it has not been sent yet, and what is owed for it."""
        turn, self._turn = self._turn, None
        link = self._roster.current
        if link is not None and turn is not None:
            if not turn.settled:
                link.drop_turn()
            link.send(lambda backend: backend.clear_turn())
        self._roster.refresh()

    async def cancel_reply(self, response: ResponseId, *, heard: Seconds) -> None:
        """Pass on that a reply is not wanted; if its session is gone, only keep what was heard."""
        self._memory.cut(response, heard, self._clock.now())
        link, turn = self._roster.current, self._turn
        wanted = turn is not None and turn.owes and response in turn.replies
        if turn is not None and wanted:
            turn.settle()
        if link is not None and link.owns(response):
            link.cancel_reply(response, heard=heard)
        elif link is not None and wanted:  # it was about to answer the turn again
            link.drop_turn()
            link.send(lambda backend: backend.clear_turn())
        self._roster.refresh()

    async def answer_call(self, call: CallId, result: ToolResult) -> None:
        """Keep a result and pass it on to whoever reports it; offer it if nobody else does."""
        called = self._calls.answer(call, result)
        if called is None:
            return
        self._memory.answered(call, result, self._clock.now())
        link, turn = self._roster.current, self._turn
        passed = link is not None and link.answer_call(call, result)
        self._roster.use()  # it is about to offer what came of it
        if turn is not None and turn.owes and call in turn.calls:
            turn.calls[call] = called
        else:
            self._calls.keep_late(called)
            awaited = {} if link is None else link.calls
            if not passed and self._calls.any_late and not self._calls.orphaned(awaited):
                self._offer()  # all at once
        self._roster.refresh()

    def amend(self, call: CallId, result: ToolResult) -> None:
        """Keep how a call ended after all, for the sessions that follow; nobody reports it."""
        self._memory.answered(call, result, self._clock.now())

    async def take_reply(self, turn: TurnNumber) -> None:
        """Pass on that a late reply is wanted, or have another session tell the results."""
        late = self._calls.take_late()
        taken = UnfinishedTurn(private=self.private, taken=True, number=turn, calls=late)
        self._turn = taken
        link = self._roster.current
        if link is not None and link is self._offered_by:
            link.send(lambda backend: backend.take_reply(turn))
        else:
            self._continue(taken, code=BackendUnavailable.code)

    async def close(self) -> None:
        """End every session and ``run``; idempotent."""
        if not self._ended.is_set():
            self._ended.set()
            self._events.put_nowait(None)

    # What the roster asks for (``duty.Duty``).

    def emit(self, event: BackendEvent) -> None:
        """Tell the conversation."""
        self._events.put_nowait(event)

    def pay(self, used: Used) -> None:
        """Book a bill; a turn in progress may end, however dear it is."""
        self._purse.take(used.usage, used.turn)
        self.emit(used)
        self.budget_changed()

    def deliver(self, link: Link, event: BackendEvent) -> None:
        """Take an event of the session that serves, and pass it on."""
        self._memory.note(event, self._clock.now())
        match event:
            case BackendChanged() | BackendLost():
                log.debug("%s speaks of backends; that is our part", link.label)
                return
            case EndOfTurnFound() if self._turn is None or not self._turn.open:
                return
            case ReplyOffered():
                self._offered_by = link
            case ReplyStarted():
                if self._turn is not None and self._turn.owes:
                    self._turn.began(event)
            case ToolCalled():
                self._publish(event)
            case _:
                pass
        self.emit(event)
        if isinstance(event, ReplyEnded):
            self._over(link, event)

    def hand_over(self, link: Link, code: str) -> None:
        """Have another backend go on, now that a session is gone."""
        turn = self._turn
        if turn is not None and turn.owes:
            turn.losses += 1
            self._continue(turn, code=code, lost=link)
        self._roster.refresh()
        if self._offered_by is link:
            self._offered_by = None
            if self._calls.any_late and not self.busy:
                self._offer()

    def _continue(self, turn: UnfinishedTurn, *, code: str, lost: Link | None = None) -> None:
        """Open a session that goes on with a turn, if somebody is left."""
        if turn.taken and turn.number is not None and not turn.calls:
            self._say_nothing(turn, turn.number)
            return
        name = self._next(turn, lost)
        if name is None:
            self._give_up(turn, code)
            return
        self._roster.announce(name)
        if turn.reply is not None:
            self.emit(ReplyEnded(turn.reply, calls_tool=True))
            turn.reply = None
        link = self._roster.open(name, turn.owed())
        for call in turn.calls:
            if call in self._calls:
                link.adopt(call)
        for command in turn.replay():
            link.send(command, of_turn=True)

    def _next(self, turn: UnfinishedTurn, lost: Link | None) -> str | None:
        name = choosing.serve(self._roster.choice)
        if name is None or turn.losses > MOST_LOSSES or (lost is not None and lost.name == name):
            return None
        private = turn.private and name in self._roster.choice.cloud
        return None if private else name

    def _give_up(self, turn: UnfinishedTurn, code: str) -> None:
        log.warning("nobody can answer: %s", code)
        turn.given_up = True
        self.emit(BackendLost(code))
        self._roster.refresh()

    def _say_nothing(self, turn: UnfinishedTurn, number: TurnNumber) -> None:
        """End a late reply that nobody knows any more, without a word."""
        response = turn.reply or ResponseId(f"nobody/{number}")
        if turn.reply is None:
            self.emit(ReplyStarted(response, number))
        self.emit(ReplyEnded(response, stay=False))
        turn.settle()
        self._roster.refresh()

    def _user_turn(self) -> UnfinishedTurn:
        """Return the turn in which the user speaks; its beginning opens a session."""
        if self._ended.is_set():
            raise BackendUnavailable("the backends were closed")
        turn = self._turn
        if turn is None or not turn.open:
            turn = self._turn = UnfinishedTurn(private=self.private)
            obstacle = self._roster.begin(broke=self._purse.exhausted)
            if obstacle is not None:
                self._give_up(turn, obstacle)
        return turn

    def _pass(self, turn: UnfinishedTurn, command: Command) -> None:
        link = self._roster.current
        if link is not None and not turn.given_up:
            link.send(command, of_turn=True)
            self._roster.use()

    def _offer(self) -> None:
        self._offered_by = None
        self.emit(ReplyOffered())

    def _publish(self, event: ToolCalled) -> None:
        now, turn = self._clock.now(), self._turn
        called = Called(event.call, event.tool, event.arguments, None, now)
        self._calls.publish(called)
        self._memory.called(event.response, called, now)
        if turn is not None and turn.owes and event.response in turn.replies:
            turn.called(event.response, called)

    def _over(self, link: Link, event: ReplyEnded) -> None:
        """Take note of the end of a reply, and perhaps of all that is owed."""
        turn = self._turn
        if turn is None or turn.reply != event.response:
            return
        turn.reply = None
        if turn.owes and not event.calls_tool and not turn.calling:
            turn.settle()
            self._roster.worked(link)
            self._roster.refresh()
