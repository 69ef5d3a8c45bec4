"""Whose the voice is, when a reply begins and ends, and when somebody waits in vain. Pure.

See ``rules`` for the whole. Here is what the conversation and the two models do to each other,
without a word of the wire format of the server.
"""

import logging
from typing import Final

from appliance.backend.context import Owed
from appliance.backend.live.replies import Replies
from appliance.backend.live.terms import Terms
from appliance.backend.live.transcript import Transcript
from appliance.backend.live.voice import TAKEN_UP, Gate, Silence, Voice
from appliance.backend.live.work import STILL_AT_IT, Batch, Run, Work
from appliance.backend.socket.outlet import Outlet
from appliance.backend.socket.reading import Message
from appliance.errors import BackendStalled, BackendUnavailable
from appliance.events import ReplyText, ToolCalled
from appliance.ports import ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber

log = logging.getLogger(__name__)

_BEHIND: Final = Seconds(30.0)
"""How long the model behind may say nothing while it works: it may think, or search the web."""

_SIGN: Final = Seconds(2.0)
"""How often a reply shows that it goes on; without a sign the turn is given up after 6 s."""

_STALE: Final = Seconds(1.0)
"""What the model said so long before the commit, and then no more, was no answer."""

_MOST_ROUNDS: Final = 16
"""Times that the model behind may go on in one turn."""


class Talk:
    """One conversation with the two models.

    Args:
        terms: What the session is like.
        outlet: Takes what is to be sent and told.
    """

    def __init__(self, terms: Terms, outlet: Outlet) -> None:
        self.work = Work(outlet)
        self.replies = Replies(outlet)
        self.gate = Gate()
        self.rate = terms.rate
        self.turn: TurnNumber | None = None
        self.epoch = 0
        self.speaking = False  # the user: sound of a turn that is not committed
        self.waiting = False  # for what the turn is owed
        self.dropping = False  # what the model says, until it has fallen silent
        self.until: Seconds | None = None  # by when something must come
        self.sign_at = Seconds(0.0)
        self._terms = terms
        self._outlet = outlet
        self._transcript = Transcript(outlet)
        self._taken_up = False  # the model has heard the user since it was talked over
        self._expecting = False  # the voice should tell what the model behind has written
        self._closed_epoch = -1  # in which a closing tool was called

    @property
    def works(self) -> bool:
        """Whether the reply goes on though nothing is said: the model behind is at work."""
        silent = self.replies.goes_on and not self.gate.open
        return silent and self.waiting and (self._expecting or self.work.at_work(self.epoch))

    # -- the conversation -------------------------------------------------------------------

    def listen(self, heard: Seconds = Seconds(0.0)) -> None:
        """The user's turn begins, or goes on for so long."""
        if self.speaking:
            self.replies.age += heard
            return
        if self.replies.goes_on:  # nobody has cancelled it, and nobody hears it any more
            self.replies.end(calls_tool=False, stay=True)
        self.move_on()
        self.speaking = True

    def commit(self, turn: TurnNumber, now: Seconds) -> None:
        """The user has finished."""
        if not self.speaking:
            self.move_on()
        self.speaking = False
        self._wait_for(turn, now)
        self._transcript.wait(now)
        if self.replies.closed and not self.replies.called and self.replies.age >= _STALE:
            self.replies.drop()  # it was said into a pause of the user's
        if self.replies.held is not None:
            self._transcript.tell(turn)
            self.replies.number(turn)
            self.sign_at = Seconds(now + _SIGN)
        self._look(now)

    def cancel(self, response: ResponseId) -> bool:
        """Somebody talks over a reply; ``False``: it is not one of this turn."""
        if self.speaking or not self.replies.of_turn(response):
            return False
        self.move_on()
        return True

    def take(self, turn: TurnNumber, now: Seconds) -> None:
        """Tell what was offered."""
        self.move_on()
        self._wait_for(turn, now)
        results = self.work.take_late()
        if results:
            self.work.tell(results)
            return
        self.replies.begin(turn)
        self._end(calls_tool=False)

    def owe(self, owed: Owed, now: Seconds) -> None:
        """Take over the calls of another session."""
        self._wait_for(owed.turn, now)
        batch = self.work.owe(owed, self.epoch, Seconds(now + self._terms.patience.tools))
        if batch.open:
            self.until = None
        else:
            self._go_on(batch, now)

    def answer(self, call: CallId, result: ToolResult, now: Seconds) -> bool:
        """Give a result back; ``True``: it is to be offered."""
        batch = self.work.answer(call, result)
        if batch is None or batch.open:
            return False
        if batch.late:
            return bool(self.work.late_results)
        if not self.waiting or batch.epoch != self.epoch:
            return False
        if batch.worth_telling:
            self._go_on(batch, now)
        elif self.replies.goes_on:
            self._look(now)
        elif not self.work.at_work(self.epoch):
            self.waiting, self.until = False, None  # all were cancelled: nothing is told
        return False

    def _wait_for(self, turn: TurnNumber, now: Seconds) -> None:
        self.turn, self.waiting = turn, True
        self.until = Seconds(now + self._terms.patience.stall)

    def move_on(self) -> None:
        """Leave the turn: what comes of it from now on is nobody's."""
        if not self.speaking:
            self._transcript.tell(self.turn)
        self._transcript.forget()
        self.dropping = self.dropping or self.gate.open
        self.epoch += 1
        self.turn = None
        self.speaking = self.waiting = self._expecting = False
        self._taken_up = False
        self.until = None
        for call in self.replies.new_turn():
            self.work.withdraw(call)
        self.work.leave()

    # -- the voice --------------------------------------------------------------------------

    def heard(self, piece: str, now: Seconds) -> None:
        """The model has written down something of what the user said."""
        self._taken_up = True
        self._transcript.add(piece)
        if self.replies.closed and not self.replies.called:
            self.replies.drop()  # it was said into a pause of the user's
        if not self.speaking:
            self._transcript.wait(now)

    def stream(self, pcm: bytes, now: Seconds) -> None:
        """Take the next of the model's sound, silence included."""
        for part in self.gate.feed(pcm, self.rate):
            if isinstance(part, Silence):
                self._fell_silent(now)
            else:
                self._voice(part, now)
        if self.replies.goes_on and self.gate.open:
            self._alive(now)

    def text(self, piece: str, now: Seconds) -> None:
        """Take a piece of what the model says, in writing."""
        if self.dropping or not (self.speaking or self.waiting):
            return
        self._begin(now)
        self.replies.text(piece)
        if self.waiting:
            self._alive(now)

    def _voice(self, voice: Voice, now: Seconds) -> None:
        if self.dropping and self._taken_up and voice.paused >= TAKEN_UP:
            self.dropping = False
        if not (self.speaking or self.waiting):
            self.dropping = True
        if self.dropping:
            return
        self._begin(now)
        self._expecting = False
        self.work.spoke(self.epoch)
        if not self.replies.sound(voice, self.rate):
            log.warning("a reply that does not end was cut")
            self.dropping = True
            self._end(calls_tool=False)

    def _begin(self, now: Seconds) -> None:
        """Have a reply go on, of this turn or of the one that is coming."""
        if self.replies.goes_on or (self.replies.held is not None and not self.replies.closed):
            return
        if not self.speaking:
            self._transcript.tell(self.turn)
        self.replies.begin(None if self.speaking else self.turn)
        self.sign_at = Seconds(now + _SIGN)

    def _fell_silent(self, now: Seconds) -> None:
        self.dropping = False
        if self.replies.held is not None:
            self.replies.closed, self.replies.age = True, 0.0
            if not self.replies.worth_keeping:
                self.replies.drop()
            return
        if self.replies.goes_on:
            self._alive(now)
        self._look(now)

    def _alive(self, now: Seconds) -> None:
        stall = self._terms.patience.stall
        silent_work = not self.gate.open and self.work.at_work(self.epoch)
        self.until = Seconds(now + (max(_BEHIND, stall) if silent_work else stall))

    # -- the end of a reply -----------------------------------------------------------------

    def _look(self, now: Seconds) -> None:
        """End the reply if nothing more of it can come."""
        if not self.replies.goes_on or self.gate.open or not self.waiting:
            return
        if self._expecting or self.work.at_work(self.epoch):
            return
        goes_on = self.work.goes_on
        if not (self.replies.said or self.replies.called or goes_on):
            return  # it has only begun
        awaits = self.work.awaits(self.epoch)
        self._end(calls_tool=self.replies.called or awaits or goes_on)
        if awaits:
            self.until = None
        elif self.waiting:
            self._alive(now)

    def _end(self, *, calls_tool: bool) -> None:
        self.replies.end(calls_tool=calls_tool, stay=self.epoch != self._closed_epoch)
        if not calls_tool:
            self.waiting, self.until = False, None

    # -- the model behind -------------------------------------------------------------------

    def delegated(self, delegation: str, now: Seconds) -> None:
        """The voice model hands something over."""
        self.work.delegated(delegation, self.epoch)
        if self.waiting:
            self._alive(now)

    def run_began(self, delegation: str, now: Seconds) -> None:
        """The model behind begins a response; does it so again and again, that is raised."""
        self.work.creating = ""
        if self.work.rounds > _MOST_ROUNDS and self.waiting:
            raise BackendUnavailable("the model behind does not come to an end")
        if self._concerns(self.work.began(delegation, self.epoch)):
            self._begin(now)
            self._alive(now)

    def run_goes_on(self, delegation: str, now: Seconds, *, writes: bool = False) -> None:
        """Take a sign of life of the model behind."""
        run = self.work.runs.get(delegation)
        if run is not None:
            run.written = run.written or writes
            if self._concerns(run):
                self._alive(now)

    def call(self, item: Message, delegation: str, now: Seconds) -> None:
        """The model behind calls a tool."""
        run = self.work.run(delegation, self.epoch)
        wanted = run.epoch == self.epoch and (self.speaking or self.waiting)
        interim_at = Seconds(now + self._terms.patience.tools)
        called = self.work.take(item, run, interim_at, wanted=wanted)
        if called is None:
            return
        self._begin(now)
        if called.tool in self._terms.closing:
            self._closed_epoch = self.epoch
        response = self.replies.id or ResponseId("")
        self.replies.tell(ToolCalled(called.call, response, called.tool, called.arguments))

    def run_ended(self, delegation: str, now: Seconds) -> None:
        """The model behind has completed a response."""
        run = self.work.ended(delegation)
        if run is not None and run.epoch == self.epoch and (self.waiting or self.speaking):
            self._run_over(run, now)
        self._create(now)

    def run_failed(self, delegation: str) -> bool:
        """The model behind has failed; ``True``: somebody waited for it."""
        run = self.work.ended(delegation)
        if run is None:
            return False
        self.work.fail(run)
        return self._concerns(run)

    def _run_over(self, run: Run, now: Seconds) -> None:
        if run.calls or run.settled:
            over = not self.work.awaits(self.epoch)
            worth = self.work.batch is not None and self.work.batch.worth_telling
            if over and worth and not self.work.creating:
                self.work.create_due = True
            if self.waiting:
                self.until = None
        elif self.waiting:
            self._expecting = not run.told
            self._alive(now)
        self._look(now)

    def _concerns(self, run: Run) -> bool:
        return self.waiting and run.epoch == self.epoch

    def _go_on(self, batch: Batch, now: Seconds) -> None:
        """Have told what came of the calls."""
        if self.replies.goes_on and self.replies.called:
            self._end(calls_tool=True)
        if batch.foreign:
            results, batch.results = batch.results, []
            self.work.tell(results)
            self._alive(now)
            return
        self.work.create_due = True
        self._create(now)

    def _create(self, now: Seconds) -> None:
        """Have the model behind go on, if that is due and it does nothing else."""
        if self.work.runs or not self.work.create_due:
            return
        if self.waiting and self.replies.goes_on and self.replies.called:
            self._end(calls_tool=True)
        if self.waiting:
            self._alive(now)
        self.work.create()

    def refused(self, event: str) -> bool:
        """Whether the request to go on was refused, for which somebody waits."""
        asked = (self.work.creating, self.work.asked)
        return bool(event) and event in asked and self.waiting

    # -- the time ---------------------------------------------------------------------------

    def deadline(self) -> Seconds | None:
        """When to ``expire``."""
        batch = self.work.batch
        interim = batch.interim_at if self.waiting and batch is not None and batch.open else None
        sign = self.sign_at if self.works else None
        times = (self.until, self._transcript.tell_at, interim, sign)
        return min((time for time in times if time is not None), default=None)

    def expire(self, now: Seconds) -> None:
        """Take notice of the time.

        Raises:
            BackendStalled: Somebody waits in vain.
        """
        tell_at = self._transcript.tell_at
        if tell_at is not None and now >= tell_at:
            self._transcript.tell(self.turn)
        self._say_interim(now)
        if self.works and now >= self.sign_at and self.replies.id is not None:
            self.sign_at = Seconds(now + _SIGN)
            self._outlet.tell(ReplyText(self.replies.id, ""))
        if self.until is not None and now >= self.until:
            self._stalled(now)

    def _say_interim(self, now: Seconds) -> None:
        batch = self.work.batch
        if not self.waiting or batch is None or not batch.open or batch.interim_at is None:
            return
        if now < batch.interim_at:
            return
        self.work.stand_in(batch, STILL_AT_IT)
        if batch.foreign:
            self.work.late_results += batch.results
            batch.results = []
            self.work.say_still()
            self._alive(now)
        else:
            self._go_on(batch, now)

    def _stalled(self, now: Seconds) -> None:
        self.until = None
        if not self.waiting:
            return None
        begun = self.replies.goes_on
        if begun and self.replies.said and not (self.gate.open or self.works):
            return self._look(now)  # only its text has come, or its end was lost
        late = "the reply did not go on in time" if begun else "no reply began in time"
        raise BackendStalled(late)
