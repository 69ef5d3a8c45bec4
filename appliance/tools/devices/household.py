"""The devices of the house: found, named, followed, and asked; see ``known``. Event loop only."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from appliance.ports import ActionBus
from appliance.tools.devices.carry import Carrier
from appliance.tools.devices.found import Found, on_thread
from appliance.tools.devices.known import Known, Order, Outcome
from appliance.tools.devices.ledger import Survey
from appliance.tools.devices.model import Dialect, LeftOut, Source, Trait, Value
from appliance.tools.devices.names_file import NamesFile
from appliance.tools.devices.naming import Names
from appliance.units import Seconds

log = logging.getLogger(__name__)

LOOK_EVERY = Seconds(2.0)
"""Seconds between two looks at the file of names."""

SETTLE = Seconds(0.2)
"""After a change, until it is told: changes come in crowds."""


LONGEST_SETTLE = Seconds(5.0)
CALM = Seconds(0.25)
"""Without news the broker has told all that it retains."""


class FoundHousehold:
    """Implements ``known.Household`` for what is found on the broker.

    Args:
        bus: The house's messages.
        dialects: Readers of conventions, of which nobody else makes use.
        most: Things that are kept.
        hidden: Ids that nobody may ask for; ``*`` stands for any letters.
        patience: How long a thing is waited for.
        names: The file of names; ``None``: there is none.
    """

    def __init__(
        self,
        bus: ActionBus,
        dialects: Sequence[tuple[Source, Dialect]],
        *,
        most: int,
        hidden: Iterable[str],
        patience: Seconds,
        names: Path | None,
    ) -> None:
        self._carrier = Carrier(bus, patience=patience)
        self._found = Found(bus, dialects, most=most, hidden=hidden, tell=self._take)
        self._file = NamesFile(names, self._renamed)
        self._names: Names | None = None
        self._known: Mapping[str, Known] = {}
        self._watchers: list[Callable[[], None]] = []
        self._telling: asyncio.TimerHandle | None = None

    def known(self) -> Mapping[str, Known]:
        """Return what can be asked for; see ``known.Household``."""
        return self._known

    def now(self, name: str) -> Mapping[Trait, Value]:
        """Return what is known of a thing's state; empty: nothing."""
        return self._carrier.states.now(name)

    def reachable(self, name: str) -> bool:
        """Return whether its device can be reached, as far as anybody says."""
        return self._carrier.states.reachable(name)

    def on_change(self, tell: Callable[[], None]) -> None:
        """Have ``tell`` called after ``known`` has changed; see ``known.Household``."""
        self._watchers.append(tell)

    def left_out(self) -> tuple[LeftOut, ...]:
        """Return what was announced and is no thing, with the rule that says so."""
        return self._found.left_out

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the file of names, one line each."""
        return self._file.problems

    async def carry_out(self, order: Order) -> Outcome:
        """Send an order once and wait for its confirmation; see ``known.Household``."""
        known = self._known.get(order.id)
        if known is None:
            return Outcome("failed", "gone")
        return await self._carrier.carry_out(known, order)

    def connection(self, *, up: bool) -> None:
        """Take note of the broker."""
        self._found.connection(up=up)
        if not up:
            self._carrier.connection_lost()

    async def settle(self) -> None:
        """Wait until what the broker retains has been read and told; not for long."""
        loop = asyncio.get_running_loop()
        until = loop.time() + LONGEST_SETTLE
        calm_since = loop.time()
        while loop.time() < until and loop.time() - calm_since < CALM:
            await asyncio.sleep(CALM / 5)
            if self._found.busy or self._telling is not None:
                calm_since = loop.time()

    async def prepare(self) -> None:
        """Read the names."""
        await on_thread(self._file.look)
        self._use_names()

    async def run(self) -> None:
        """Find, and look at the file of names now and then, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._found.run(), name="found")
                while True:
                    await asyncio.sleep(LOOK_EVERY)
                    await on_thread(self._file.look)
                    self._use_names()
        finally:
            if self._telling is not None:
                self._telling.cancel()
                self._telling = None

    def _renamed(self, names: Names) -> None:
        """Keep new names until the event loop asks; on the thread that reads."""
        self._names = names

    def _use_names(self) -> None:
        names, self._names = self._names, None
        if names is not None:
            self._found.call(names)

    async def _take(self, survey: Survey) -> None:
        if survey.known is self._known or survey.known == self._known:
            return
        things = {name: each.thing for name, each in survey.known.items()}
        for _ in self._carrier.states.follow(things):
            await asyncio.sleep(0)
        self._known = survey.known
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(SETTLE, self._tell)

    def _tell(self) -> None:
        self._telling = None
        log.info("devices: %d things", len(self._known))
        for tell in tuple(self._watchers):
            tell()
