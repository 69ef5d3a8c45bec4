"""Who answers, as the settings say: the on-device backend alone, or the realtime service first."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from appliance.app.answers import local_backend
from appliance.app.spending import Accounts, open_accounts
from appliance.audio.clock import LoopClock
from appliance.backend.choice import Choice
from appliance.backend.context import NOTHING, Handover
from appliance.backend.failover import Failover
from appliance.backend.local.pipeline import Parts
from appliance.backend.realtime.address import address
from appliance.backend.realtime.client import Limits, RealtimeBackend
from appliance.backend.realtime.history import replay
from appliance.backend.realtime.protocol import RealtimeProtocol
from appliance.backend.realtime.session import session_object
from appliance.backend.realtime.terms import Patience, Terms
from appliance.backend.roster import Patience as Lives
from appliance.catalogue import ToolSpec
from appliance.config import Config
from appliance.errors import BackendUnavailable
from appliance.ports import Backend
from appliance.units import Seconds

REALTIME, LOCAL = "realtime", "local"

CLOUD = frozenset({REALTIME})
"""Who is given speech beyond the box: not in privacy mode, and not without money."""

Catalogue = Callable[[], Sequence[ToolSpec]]


@dataclass(frozen=True, slots=True)
class Answers:
    """What a box converses through."""

    backend: Backend
    failover: Failover | None = None
    """The same, where several backends take turns."""

    best: str = LOCAL
    """Who answers when all is well."""

    accounts: Accounts | None = None
    """What that has cost."""

    @property
    def companion(self) -> Callable[[], Coroutine[object, object, None]] | None:
        """What must run beside the conversation, once."""
        return None if self.failover is None else self._run

    async def _run(self) -> None:
        if self.failover is None:
            return
        async with asyncio.TaskGroup() as group:
            looking = None
            if self.accounts is not None:
                looking = group.create_task(self.accounts.keep_looking(), name="accounts")
            await self.failover.run()
            if looking is not None:
                looking.cancel()


def uses_realtime(config: Config) -> bool:
    """Whether the realtime service is asked at all: it is in the order, and there is a key."""
    return REALTIME in config.backends


@asynccontextmanager
async def open_answers(
    config: Config, parts: Parts, catalogue: Catalogue, *, private: bool = False
) -> AsyncIterator[Answers]:
    """Open what the box converses through, and close it again.

    Args:
        config: The settings.
        parts: The models of the on-device backend.
        catalogue: Gives the tools that can be called now.
        private: Begin in privacy mode.

    Raises:
        ConfigError: The prices of the realtime service are wrong.
    """
    async with AsyncExitStack() as stack:
        names = tuple(dict.fromkeys(config.backends)) or (LOCAL,)
        if names == (LOCAL,):
            answers = Answers(local_backend(parts, catalogue, config))
        else:
            accounts = await stack.enter_async_context(open_accounts(config))
            start = Choice(names, CLOUD, private=private)
            failover = _failover(config, parts, catalogue, start, accounts)
            answers = Answers(failover, failover, names[0], accounts)
        stack.push_async_callback(answers.backend.close)
        yield answers


def _failover(
    config: Config, parts: Parts, catalogue: Catalogue, start: Choice, accounts: Accounts
) -> Failover:
    openers: dict[str, Callable[[Handover], Backend]] = {
        REALTIME: lambda handover: realtime_session(config, catalogue, handover),
        LOCAL: lambda handover: local_backend(parts, catalogue, config, handover),
    }
    backend = config.backend
    failover = Failover(
        {name: openers[name] for name in start.order},
        start,
        patience=Lives(
            try_for=Seconds(2 * backend.connect_s + backend.stall_s),
            idle_close=Seconds(backend.idle_close_s),
            recycle=Seconds(backend.recycle_min * 60),
            remember_turns=backend.remember_turns,
            remember=Seconds(backend.remember_min * 60),
        ),
        clock=LoopClock(),
        purse=accounts,
        jitter=random.random,
    )
    accounts.meter.on_change.append(lambda _: failover.budget_changed())
    return failover


def realtime_session(
    config: Config, catalogue: Catalogue, handover: Handover = NOTHING
) -> RealtimeBackend:
    """Return a session of the realtime service; it connects when its events are iterated.

    Args:
        config: The settings, with a key where one is needed.
        catalogue: Gives the tools that can be called now.
        handover: What the conversation has come to.
    """
    realtime, backend = config.realtime, config.backend
    tools = tuple(catalogue())
    detection = realtime.turn_detection
    ends_turns = detection.kind != "device"
    resumed = bool(handover.lines) or handover.owed is not None
    terms = Terms(
        session_object(config, tools, now=datetime.now().astimezone(), resumed=resumed),
        Patience(
            setup=Seconds(backend.connect_s),
            stall=Seconds(backend.stall_s),
            tools=Seconds(config.tools.patience_s),
        ),
        realtime.model,
        transcription_model=realtime.transcription.model,
        ends_turns=ends_turns,
        auto_response=ends_turns and detection.create_response,
        closing=frozenset(tool.name for tool in tools if tool.closes),
    )
    told = replay(handover, dialect=realtime.dialect)
    protocol = RealtimeProtocol(terms, history=told.items, owed=told.owed)
    limits = Limits(connect=Seconds(backend.connect_s), stall=Seconds(backend.stall_s))
    return RealtimeBackend(address(realtime), protocol, limits, ends_turns=ends_turns)


async def probe_realtime(config: Config) -> str:
    """Open a session with the service and close it again; return how it went, in words.

    Nothing is said, so nothing is billed.

    Raises:
        BackendError: It will not have us, or cannot be reached.
    """
    session = realtime_session(config, lambda: ())
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_read(session), name="probe")
            try:
                await session.until_ready()
            except BackendUnavailable:  # why, the reader says
                return ""
            finally:
                await session.close()
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None  # there is but one task
    return f"a session was ready after {session.ready_s or 0.0:.2f} s"


async def _read(session: RealtimeBackend) -> None:
    try:
        async for _ in session.events():
            pass
    except BackendUnavailable:
        if not session.ready_s:  # else it was we who ended it
            raise
