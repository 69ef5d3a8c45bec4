"""Follows what is announced on the broker. Event loop only; the reading is done on a thread.

One batch of announcements is read at a time, in order. Meanwhile the next one gathers, so a
thousand announcements are a few batches, and the tools change a few times.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import ParamSpec, TypeVar

from appliance.errors import BrokerError
from appliance.ports import ActionBus, Message
from appliance.tools.devices.fit import LARGEST, plain
from appliance.tools.devices.ledger import Ledger, Place, Survey
from appliance.tools.devices.model import Dialect, LeftOut, Outgoing, Source
from appliance.tools.devices.naming import Names
from appliance.tools.devices.pace import Pace
from appliance.units import Seconds

log = logging.getLogger(__name__)

GATHER = Seconds(0.05)
"""After an announcement, for those that come with it."""

TOGETHER = 400
"""Announcements in a batch."""

PATIENCE = Seconds(10.0)
"""After a connection, for what is retained to come again; what does not is gone."""

MOST_WAITING = 20_000
"""Announcements that wait to be read; more are dropped, and that is logged."""

AT_ONCE, EVERY = 10, Seconds(3.0)
"""Announcements of one topic: of a device that flaps only the latest is read, now and then."""

ASK_TWICE, ASK_EVERY = 2, Seconds(60.0)
"""Rounds of questions to one device: what it is, then how it is."""

MOST_ASKS = 4
"""Questions of one round, and to one topic in both."""

SURVEY_EVERY = Seconds(1.0)
"""While more and more is announced, the house is told what there is at least so often."""

P = ParamSpec("P")
T = TypeVar("T")


async def on_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run something that takes its time; see ``Found``."""
    return await asyncio.to_thread(function, *args, **kwargs)


class Found:
    """Brings the announcements to the dialects, and what they find to the house.

    Args:
        bus: The house's messages.
        dialects: Readers of conventions, of which nobody else makes use.
        most: Things that are kept.
        hidden: Ids that nobody may ask for; ``*`` stands for any letters.
        tell: Is told what there is now, whenever that may have changed.
    """

    def __init__(
        self,
        bus: ActionBus,
        dialects: Sequence[tuple[Source, Dialect]],
        *,
        most: int,
        hidden: Iterable[str],
        tell: Callable[[Survey], Awaitable[None]],
    ) -> None:
        self._bus = bus
        self._hidden = tuple(hidden)
        self._tell = tell
        self._ledger = Ledger(dialects, most=most)
        self._names = Names()
        self._inbox: list[tuple[int, Message]] = []
        self._late: dict[Place, Message] = {}
        self._pace = Pace(AT_ONCE, EVERY)
        self._asked = Pace(ASK_TWICE, ASK_EVERY)
        self._asked_topics = Pace(MOST_ASKS, Seconds(ASK_EVERY / MOST_ASKS))
        self._seen: set[Place] = set()
        self._retire_at: float | None = None
        self._dirty = False
        self._reading = False
        self._survey_at = 0.0
        self._more = asyncio.Event()
        self.left_out: tuple[LeftOut, ...] = ()
        """What was announced and is no thing, and by which rule."""

        self.dropped = 0
        for number, (_, dialect) in enumerate(dialects):
            for each in dialect.filters:
                bus.subscribe(each, partial(self._on_message, number), qos=0)

    def connection(self, *, up: bool) -> None:
        """Take note of the broker: what it retains comes again."""
        self._seen.clear()
        self._retire_at = asyncio.get_running_loop().time() + PATIENCE if up else None
        self._more.set()

    def call(self, names: Names) -> None:
        """Use these names from now on."""
        self._names = names
        self._dirty = True
        self._more.set()

    @property
    def busy(self) -> bool:
        """Whether something that was announced is yet to be read, or to be told."""
        return bool(self._inbox) or self._dirty or self._reading or self._more.is_set()

    async def run(self, work: Callable[..., Awaitable[Survey | None]] = on_thread) -> None:
        """Read announcements until cancelled.

        Args:
            work: Runs a function with its arguments on another thread.
        """
        loop = asyncio.get_running_loop()
        while True:
            await self._wait()
            self._more.clear()
            now = Seconds(loop.time())
            self._let_late_ones(now)
            batch, self._inbox = self._inbox[:TOGETHER], self._inbox[TOGETHER:]
            seen: frozenset[Place] | None = None
            if self._retire_at is not None and now >= self._retire_at and not self._inbox:
                seen, self._retire_at = frozenset(self._seen), None
            if not batch and seen is None and not self._dirty:
                continue
            self._dirty = False
            more = bool(self._inbox) and now < self._survey_at
            self._reading = True
            survey = await work(self._read, batch, seen, self._names, more=more)
            self._ask(self._ledger.asks())
            if survey is None:
                self._dirty = True
            else:
                self._survey_at = loop.time() + SURVEY_EVERY
                self.left_out = survey.left_out
                await self._tell(survey)
            self._reading = False

    async def _wait(self) -> None:
        """Return when there is something to do, and a little later, for what comes with it."""
        if self._inbox or self._dirty:
            return
        loop = asyncio.get_running_loop()
        due = [] if self._retire_at is None else [self._retire_at]
        if self._late:
            due.append(loop.time() + EVERY)
        try:
            async with asyncio.timeout_at(min(due, default=None)):
                await self._more.wait()
                await asyncio.sleep(GATHER)
        except TimeoutError:
            return

    def _read(
        self,
        batch: list[tuple[int, Message]],
        seen: frozenset[Place] | None,
        names: Names,
        *,
        more: bool,
    ) -> Survey | None:
        """Read a batch, on a thread; ``None``: more is to be read before it is worth telling."""
        for number, message in batch:
            self._ledger.take(number, message)
        if seen is not None:
            self._ledger.retire(seen)
        return None if more else self._ledger.survey(names, self._hidden)

    def _on_message(self, number: int, message: Message) -> None:
        place = (number, message.topic)
        self._seen.add(place)
        if len(self._inbox) >= MOST_WAITING:
            if not self.dropped:
                log.warning("devices: more is announced than can be read")
            self.dropped += 1
            return
        late = place in self._late
        if late or not self._pace.lets(f"{place[0]} {place[1]}", Seconds(_now())):
            if late or len(self._late) < MOST_WAITING:
                self._late[place] = message
            return
        self._inbox.append((number, message))
        self._more.set()

    def _let_late_ones(self, now: Seconds) -> None:
        for place in tuple(self._late):
            if self._pace.lets(f"{place[0]} {place[1]}", now):
                self._inbox.append((place[0], self._late.pop(place)))

    def _ask(self, asks: Iterable[tuple[str, Outgoing]]) -> None:
        now = Seconds(_now())
        by_origin: dict[str, list[Outgoing]] = {}
        for origin, ask in asks:
            by_origin.setdefault(origin, []).append(ask)
        for origin, questions in by_origin.items():
            if not self._asked.lets(origin, now):
                continue
            for ask in questions[:MOST_ASKS]:
                fits = plain(ask.topic) and len(ask.payload) <= LARGEST
                if not fits or not self._asked_topics.lets(ask.topic, now):
                    continue
                try:
                    self._bus.publish(ask.topic, ask.payload, qos=1)
                except BrokerError as error:
                    log.info("devices: a device cannot be asked: %s", error)


def _now() -> float:
    return asyncio.get_running_loop().time()
