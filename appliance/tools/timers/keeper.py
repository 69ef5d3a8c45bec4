"""Lives the machine in time: one sleep at a time, and a memory that outlives the power."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from appliance.tools.timers import clock, machine, saved
from appliance.tools.timers.model import Event, Happened, Limits, Now, State, Step, Tick

log = logging.getLogger(__name__)

BEAT = 60.0
"""Seconds. So much more time a timer gets at most by a loss of power: as often is it noted how far
it is, while one runs."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the memory is kept; both block and are called on other threads, one at a time."""

    load: Callable[[], bytes | None]
    """Returns what was saved; ``None``: nothing. May raise ``OSError``."""

    save: Callable[[bytes], None]
    """Replaces it, whole or not at all. May raise ``OSError``."""


class Keeper:
    """Keeps the timers of one box. Event loop only.

    Args:
        clocks: Tells the moment; quick.
        limits: What the settings say.
        shelf: ``None``: nothing outlives us.
        tell: Is told what has happened, after the state has changed; must not block.
    """

    def __init__(
        self,
        clocks: Callable[[], Now],
        limits: Limits,
        *,
        shelf: Shelf | None,
        tell: Callable[[tuple[Happened, ...]], None],
    ) -> None:
        self._clocks = clocks
        self._limits = limits
        self._shelf = shelf
        self._tell = tell
        self._poke = asyncio.Event()
        self._unsaved = asyncio.Event()
        self._changes = 0
        self._written = 0
        self._saved = asyncio.Condition()
        self._beaten = 0.0
        self._refused = False
        self.state = State()
        """Where the machine is."""

    def now(self) -> Now:
        """Return the moment."""
        return self._clocks()

    async def load(self) -> None:
        """Go on with what was saved; before ``run``. Whatever the file is, there is a state."""
        if self._shelf is None:
            return
        try:
            data = await asyncio.to_thread(self._shelf.load)
        except OSError as error:
            log.warning("timers: what was saved cannot be read: %s", error)
            return
        if data is None:
            return
        state, problem = saved.unpacked(data)
        if problem:
            log.warning("timers: what was saved: %s", problem)
        self.state = machine.restored(state, self.now())

    def do(self, event: Event) -> Step:
        """Take an event now."""
        before = self.state
        now = self.now()
        taken = machine.step(before, event, now, self._limits)
        self.state = taken.state
        changed = (before.items, before.missed) != (self.state.items, self.state.missed)
        if changed or self._wants_beat(now):
            self._beaten = now.mono
            self._changes += 1
            self._unsaved.set()
        self._poke.set()
        if taken.happened:
            self._tell(taken.happened)
        return taken

    async def kept(self) -> None:
        """Wait until all that has happened so far is on the disk, or the disk has refused it."""
        if self._shelf is None:
            return
        wanted = self._changes
        async with self._saved:
            await self._saved.wait_for(lambda: self._written >= wanted)

    async def run(self) -> None:
        """Let time pass, until cancelled."""
        async with asyncio.TaskGroup() as group:
            if self._shelf is not None:
                group.create_task(self._write(self._shelf), name="timers.write")
            self.do(Tick())
            while True:
                self._poke.clear()
                wanted = machine.deadline(self.state, self.now())
                try:
                    async with asyncio.timeout(wanted):
                        await self._poke.wait()
                except TimeoutError:
                    self.do(Tick())

    async def close(self) -> None:
        """Save how far everything is; nothing is told any more."""
        if self._shelf is None or not (self.state.items or self._changes > self._written):
            return
        try:
            await asyncio.to_thread(self._shelf.save, saved.packed(self._seen()))
        except OSError as error:
            log.warning("timers: they cannot be saved: %s", error)

    def _seen(self) -> State:
        """Return the state as of now; nothing that is over meanwhile has happened yet."""
        return clock.seen(self.state, self.now())

    def _wants_beat(self, now: Now) -> bool:
        return now.mono - self._beaten >= BEAT and any(item.counts for item in self.state.items)

    async def _write(self, shelf: Shelf) -> None:
        while True:
            await self._unsaved.wait()
            self._unsaved.clear()
            until = self._changes
            try:
                await asyncio.to_thread(shelf.save, saved.packed(self.state))
                self._refused = False
            except OSError as error:
                if not self._refused:
                    log.warning("timers: they cannot be saved: %s", error)
                self._refused = True
            async with self._saved:
                self._written = until
                self._saved.notify_all()
