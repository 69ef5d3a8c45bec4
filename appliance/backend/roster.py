"""Who is on duty: opens and ends the sessions, tries those that were lost, keeps the choice.

At most two sessions are there at a time: the one that serves, and one that is tried in the
background or waits, proven, for the next turn. A session is told the conversation when it is
opened, so a proven one serves only if nothing has been said since; else a new one takes its place.
There is one timer, for whatever comes first: a session that nobody uses is closed, a lost backend
is tried again, old talk is forgotten.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from appliance.backend import choice as choosing
from appliance.backend.choice import CHOSEN, PRIVACY, Choice
from appliance.backend.context import Handover, Owed
from appliance.backend.duty import Duty
from appliance.backend.keeping import Memory
from appliance.backend.link import Link
from appliance.errors import (
    BackendError,
    BackendRefused,
    BackendStalled,
    BackendUnavailable,
    SessionOver,
)
from appliance.events import BackendChanged, BackendEvent, Used
from appliance.ports import Backend, Clock
from appliance.units import Seconds

log = logging.getLogger(__name__)

LOOK_S = 0.1
"""How often a session that is being tried is asked whether it is ready."""

RIPE_S = 1e-3
"""A timer may come this much early: clocks round."""

CONFIGURED = "configured"

Opener = Callable[[Handover], Backend]
"""Makes a session, which connects when its events are asked for. Quick; never fails."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long sessions and memories live."""

    try_for: Seconds = Seconds(10.0)
    """Longest wait until a session that is tried is ready; it should give up earlier itself."""

    idle_close: Seconds = Seconds(60.0)
    """A session in the cloud that nobody has used for so long is closed."""

    idle_closes: Mapping[str, Seconds] = field(default_factory=dict)
    """The same of a backend that wants it sooner, by name."""

    recycle: Seconds = Seconds(3000.0)
    """A session in the cloud that is older is replaced before the next turn."""

    remote: frozenset[str] = frozenset()
    """Backends within the house whose sessions are connections all the same: these are closed and
    replaced like those in the cloud."""

    remember_turns: int = 12
    remember: Seconds = Seconds(600.0)
    """How many turns a new session is told, and how old they may be."""

    def idle(self, name: str) -> Seconds:
        """Return after how long without use a session of this backend is closed."""
        return min(self.idle_close, self.idle_closes.get(name, self.idle_close))


class Roster:
    """Owns the sessions. Event loop only.

    Args:
        openers: Makes a session, by name of the backend.
        start: Who may serve, to begin with.
        patience: How long things live.
        clock: The session's.
        jitter: Gives 0 to 1, by chance.
    """

    def __init__(
        self,
        openers: Mapping[str, Opener],
        start: Choice,
        *,
        patience: Patience,
        clock: Clock,
        jitter: Callable[[], float],
    ) -> None:
        self.choice = start
        self.memory = Memory(turns=patience.remember_turns, length=patience.remember)
        self.memory.private = start.private
        self.current: Link | None = None
        self.serving = choosing.serve(start) or start.order[-1]
        self.reason = CHOSEN if self.serving == start.preferred else CONFIGURED
        self._openers = openers
        self._patience = patience
        self._clock = clock
        self._jitter = jitter
        self._trial: Link | None = None
        self._proven = False
        self._ends_turns: dict[str, bool] = {}
        self._noticed = False  # the user knows that the best does not serve
        self._chosen = False  # somebody chose, and who serves from now on is not yet told
        self._outdated: Link | None = None  # serves no further turn
        self._opened = 0
        self._duty: Duty | None = None
        self._group: asyncio.TaskGroup | None = None
        self._undo: Callable[[], None] | None = None

    async def run(self, duty: Duty, ended: asyncio.Event) -> None:
        """Serve ``duty`` until ``ended``; every session is closed then."""
        self._duty = duty
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for link in (self.current, self._trial):
                    if link is not None:
                        link.start(group)
                self.refresh()
                await ended.wait()
                self.retire()
                self._retire_trial()
        finally:
            self._group = None
            if self._undo is not None:
                self._undo()

    @property
    def ends_turns(self) -> bool:
        """Whether who serves finds the end of a turn; ``False`` where that is not known yet."""
        link = self.current
        if link is not None and link.name == self.serving:
            return link.backend.ends_turns
        return self._ends_turns.get(self.serving, False)

    @property
    def why(self) -> str:
        """Why that one serves, as in ``BackendChanged``; or why nobody may serve at all."""
        nobody = choosing.serve(self.choice) is None
        return (nobody and choosing.obstacle(self.choice, self.choice.best)) or self.reason

    def begin(self, *, broke: bool) -> str | None:
        """Have a session for a new turn; return what speaks against every backend, or nothing."""
        self.set_budget(broke=broke)
        name = choosing.serve(self.choice)
        if name is None:
            obstacle = choosing.obstacle(self.choice, self.choice.best)
            return obstacle or BackendUnavailable.code
        self.announce(name)
        if not self._fits(name):
            self.open(name)
        return None

    def open(self, name: str, owed: Owed | None = None) -> Link:
        """Replace the session that serves.

        Args:
            name: Of the backend.
            owed: What the user waits for already.
        """
        notice = self._notices(name)
        trial = self._trial
        if trial is not None and trial.name == name:
            fresh = trial.version == self.memory.version and self._proven
            if fresh and owed is None and not notice:
                self._trial = None
            else:
                trial = None
                self._retire_trial()
        else:
            trial = None
        if self.current is not None:
            self.current.retire()
        self._noticed = self._noticed or notice
        self.current = trial or self._connect(name, owed, notice=notice)
        self.use()
        return self.current

    def use(self) -> None:
        """Take note that the session that serves is used now."""
        if self.current is not None:
            self.current.used_at = self._clock.now()

    def retire(self) -> None:
        """End the session that serves."""
        if self.current is not None:
            self.current.retire()
            self.current = None

    def worked(self, link: Link) -> None:
        """Take note that a session brought a turn to its end."""
        self.choice = choosing.worked(self.choice, link.name)
        if link.name == self.choice.best:
            self._noticed = False

    def announce(self, name: str, reason: str | None = None) -> None:
        """Tell who serves from now on, if it is another one."""
        previous, chosen = self.serving, self._chosen
        if self._duty is None:
            return
        self._chosen = False
        if name == previous:
            return
        self.serving = name
        self.reason = reason or choosing.why(self.choice, name, previous, chosen=chosen)
        log.info("backend: %s instead of %s (%s)", name, previous, self.reason)
        self._duty.emit(BackendChanged(name, self.reason, previous))

    def refresh(self, reason: str | None = None) -> None:
        """Between turns: tell who would serve the next, and set the timer."""
        if self._duty is not None and not self._duty.busy:
            name = choosing.serve(self.choice)
            if name is not None:
                self.announce(name, reason)
        self._plan()

    def set_private(self, *, private: bool) -> None:
        """Begin or end privacy mode; sessions in the cloud end at once."""
        self.choice = choosing.with_private(self.choice, private=private)
        self.memory.private = private
        link = self.current
        if self._trial is not None and private and self._in_cloud(self._trial):
            self._retire_trial()
        if link is not None and private and self._in_cloud(link):
            self.retire()
            if self._duty is not None:
                self._duty.hand_over(link, PRIVACY)
        self.refresh()

    def prefer(self, name: str | None) -> None:
        """Have a backend serve before all others, or nobody in particular."""
        before = self.choice.preferred
        self.choice = choosing.with_preferred(self.choice, name)
        if self.choice.preferred != before:
            self._chosen = True
            self._noticed = False
            self.refresh()

    def renew(self) -> None:
        """Have no session of now serve another turn, but where it waits for a call's result."""
        self._outdated = self.current
        self._retire_trial()
        self._plan()

    def set_budget(self, *, broke: bool) -> None:
        """Set whether there is money for a new turn."""
        self.choice = choosing.with_budget(self.choice, broke=broke)

    def configured(self) -> None:
        """Begin anew with everybody."""
        self.choice = choosing.configured(self.choice)
        self.refresh(CONFIGURED)

    def deliver(self, link: Link, event: BackendEvent) -> None:
        """Take what a session tells (``link.Watch``)."""
        if self._duty is None:
            return
        if isinstance(event, Used):
            self._duty.pay(event)
        elif link is self.current:
            self.use()
            self._duty.deliver(link, event)

    def lose(self, link: Link, error: BackendError) -> None:
        """Take note that a session has failed (``link.Watch``)."""
        busy = self._duty is not None and self._duty.busy
        if isinstance(error, SessionOver) and link is self.current and not busy:
            log.info("%s is over: the next turn begins with a new one", link.label)
        elif isinstance(error, BackendRefused):
            log.warning("%s refuses: %s; %s", link.label, error.reason, error.advice)
            self._fail(link, error)
        else:
            log.warning("%s is lost: %s", link.label, error.code)
            self._fail(link, error)
        if link is self._trial:
            self._trial = None
            self.refresh()
        elif link is self.current:
            self.current = None
            if self._duty is not None:
                self._duty.hand_over(link, error.code)

    def _fits(self, name: str) -> bool:
        """Whether the session that is there can serve a turn of this backend."""
        link = self.current
        if link is None or link.name != name:
            return False
        age = self._clock.now() - link.opened_at
        old = self._is_connection(link) and age >= self._patience.recycle
        return not (old or link is self._outdated) or bool(link.calls)

    def _fail(self, link: Link, error: BackendError) -> None:
        self.choice = choosing.lost(
            self.choice,
            link.name,
            error.code,
            fatal=isinstance(error, BackendRefused),
            now=self._clock.now(),
            jitter=self._jitter(),
        )

    def _connect(self, name: str, owed: Owed | None, *, notice: bool) -> Link:
        now = self._clock.now()
        self._opened += 1
        told = self.memory.lines(now, house_only=name not in self.choice.cloud, owed=owed)
        backend = self._openers[name](Handover(told, owed, notice=notice, at=now))
        self._ends_turns[name] = backend.ends_turns
        link = Link(name, self._opened, backend, self)
        link.opened_at = link.used_at = now
        link.version = self.memory.version
        if self._group is not None:
            link.start(self._group)
        return link

    def _notices(self, name: str) -> bool:
        """Whether the user must be told that the best does not serve; not who wanted it so."""
        best = self.choice.best
        wanted = choosing.obstacle(self.choice, best) == PRIVACY
        return name != best and not wanted and not self._noticed

    def _in_cloud(self, link: Link) -> bool:
        return link.name in self.choice.cloud

    def _is_connection(self, link: Link) -> bool:
        return self._in_cloud(link) or link.name in self._patience.remote

    def _retire_trial(self) -> None:
        if self._trial is not None:
            self._trial.retire()
            self._trial = None

    def _plan(self) -> None:
        if self._undo is not None:
            self._undo()
            self._undo = None
        moments = (self.memory.due, self._idle_at(), self._trial_at())
        due = [when for when in moments if when is not None]
        if due and self._group is not None:
            self._undo = self._clock.call_at(min(due), self._tend)

    def _idle_at(self) -> Seconds | None:
        link, duty = self.current, self._duty
        if link is None or not self._is_connection(link) or link.calls:
            return None
        if duty is not None and duty.busy:
            return None
        return Seconds(link.used_at + self._patience.idle(link.name))

    def _trial_at(self) -> Seconds | None:
        trial = self._trial
        if trial is None:
            due = choosing.probe_due(self.choice)
            return None if due is None else due[1]
        if not self._proven:
            return Seconds(self._clock.now() + LOOK_S)
        return Seconds(trial.used_at + self._patience.idle(trial.name))

    def _tend(self) -> None:
        self._undo = None
        now = Seconds(self._clock.now() + RIPE_S)
        self.memory.forget(now)
        idle_at = self._idle_at()
        if idle_at is not None and idle_at <= now:
            self.retire()
        if self._trial is not None:
            self._look_at(self._trial, now)
        else:
            self._try(now)
        self._plan()

    def _try(self, now: Seconds) -> None:
        due = choosing.probe_due(self.choice)
        if due is not None and due[1] <= now:
            self._proven = False
            self._trial = self._connect(due[0], None, notice=False)

    def _look_at(self, trial: Link, now: Seconds) -> None:
        if self._proven:
            if trial.used_at + self._patience.idle(trial.name) <= now:
                self._retire_trial()
        elif trial.ready:
            self._proven = True
            trial.used_at = self._clock.now()
            self.choice = choosing.recovered(self.choice, trial.name)
            self.refresh()
        elif trial.opened_at + self._patience.try_for <= now:
            self._retire_trial()
            self._fail(trial, BackendStalled("not ready in time"))
