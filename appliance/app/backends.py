"""Who answers, as the settings say and as somebody chose; the on-device backend if nobody can."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from appliance.app.answers import Catalogue
from appliance.app.background import in_background
from appliance.app.detectors import wake_phrases
from appliance.app.personas import Personas
from appliance.app.spending import Accounts, open_accounts
from appliance.audio.clock import LoopClock
from appliance.backend.choice import Choice
from appliance.backend.confirming import ConfirmingBackend
from appliance.backend.context import NOTHING, Handover
from appliance.backend.failover import Failover
from appliance.backend.guarding import GuardedBackend, Rulebook
from appliance.backend.kinds.find import facts, kind
from appliance.backend.kinds.seam import Kind, Means
from appliance.backend.local import consent
from appliance.backend.local.parts import Parts
from appliance.backend.prompting.persona import PLAIN
from appliance.backend.roster import Opener
from appliance.backend.roster import Patience as Lives
from appliance.config import Config
from appliance.host.kept import Facts, Kept, state_folder
from appliance.ports import Backend, Confirmations
from appliance.units import Seconds

log = logging.getLogger(__name__)

LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Answers:
    """What a box converses through."""

    backend: Backend
    failover: Failover | None = None
    """The same, where several backends take turns."""

    best: str = LOCAL
    """Who answers when all is well, and nobody chose another one."""

    accounts: Accounts | None = None
    """What that has cost."""

    private: bool = False
    """It began in privacy mode."""

    confirming: ConfirmingBackend | None = None
    """The same as ``backend``, where the box asks for confirmations."""

    personas: Personas | None = None
    """Who the box is."""

    @property
    def companion(self) -> Callable[[], Coroutine[object, object, None]] | None:
        """What must run beside the conversation, once."""
        nothing = self.failover is None and self.confirming is None
        return None if nothing else self._run

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            if self.confirming is not None:
                group.create_task(self.confirming.run(), name="confirming")
            if self.failover is None:
                return
            beside: list[asyncio.Task[None]] = []
            if self.accounts is not None:
                looking = self.accounts.keep_looking()
                beside.append(group.create_task(looking, name="accounts"))
            if self.personas is not None:
                beside.append(group.create_task(self.personas.watch(), name="personas"))
            await self.failover.run()
            for task in beside:
                task.cancel()


@dataclass(frozen=True, slots=True)
class Answering:
    """Who there is to answer."""

    names: tuple[str, ...] = (LOCAL,)
    """Best first, as in ``backend.order``, without what lacks something."""

    cloud: frozenset[str] = frozenset()
    """Those that are given speech beyond the house, or cost money."""

    sees: bool = False
    """One of them can be shown pictures."""


ALONE: Final = Answering()
"""Only the box itself."""


def answering(config: Config) -> Answering:
    """Return who there is to answer; imports what is needed for it, so not for the event loop."""
    known = {name: each.facts(config) for name, each in order(config).items()}
    return Answering(
        tuple(known),
        frozenset(name for name, each in known.items() if each.cloud),
        any(each.sees for each in known.values()),
    )


def was_asked() -> Facts:
    """Return what was asked of this user's box and outlives it; blocks a moment."""
    kept = Kept(state_folder() / "kept.json")
    kept.read()
    return kept.facts


def was_private() -> bool:
    """Return whether this user's box was asked that nothing leave the house; blocks a moment."""
    return was_asked()["private"]


@asynccontextmanager
async def open_answers(
    config: Config,
    parts: Parts,
    catalogue: Catalogue,
    *,
    confirmations: Confirmations | None = None,
    private: bool | None = None,
    personas: Personas | None = None,
) -> AsyncIterator[Answers]:
    """Open what the box converses through, and close it again.

    Args:
        config: The settings.
        parts: The models of the on-device backend.
        catalogue: Gives the tools that can be called now.
        confirmations: Has what a person must confirm; ``None``: the box asks for nothing.
        private: Begin in privacy mode; ``None``: if this user's box was left in it, for what
            was asked of the box holds for whatever speaks in its place.
        personas: Who the box is; ``None``: as the settings of each backend say.

    Raises:
        ConfigError: The prices are wrong.
    """
    async with AsyncExitStack() as stack:
        asked = await in_background(was_asked)
        private = asked["private"] if private is None else private
        kinds = await in_background(order, config)
        names = tuple(kinds)
        means = Means(config, catalogue, parts)
        if names == (LOCAL,):
            answers = Answers(kinds[LOCAL].open(means, NOTHING), private=private)
        else:
            accounts = await stack.enter_async_context(open_accounts(config))
            cloud = await in_background(_cloud, kinds, config)
            chosen = asked["backend"] if asked["backend"] in names else None
            start = Choice(names, cloud, private=private, preferred=chosen)
            idle = await in_background(_idle_closes, kinds, config)
            failover = _failover(kinds, means, start, accounts, personas, idle)
            answers = Answers(failover, failover, names[0], accounts, private, personas=personas)
            if personas is not None:
                personas.on_change.append(failover.renew)
        if config.guardrails.rules:
            book = Rulebook(config.guardrails.rules)
            persona = (lambda: "") if personas is None else (lambda: personas.name)
            guarded = GuardedBackend(answers.backend, book, parts, persona=persona)
            answers = replace(answers, backend=guarded)
        if confirmations is not None:
            called = wake_phrases(config)
            words = await in_background(consent.load, config.device.language, called)
            confirming = ConfirmingBackend(
                answers.backend, parts, words, confirmations, button=config.gate.button
            )
            answers = replace(answers, backend=confirming, confirming=confirming)
        stack.push_async_callback(answers.backend.close)
        yield answers


def order(config: Config) -> dict[str, Kind]:
    """Return who serves, best first: ``backend.order`` without what lacks something.

    Imports what is needed for it, so not for the event loop.
    """
    able: dict[str, Kind] = {}
    for name in config.backend.order:
        lacks = facts(name, config).missing
        if not lacks:
            able[name] = kind(name)
        for each in lacks:  # the usual order names the realtime service, with or without a key
            level = logging.DEBUG if name == "realtime" else logging.WARNING
            log.log(level, "backend %s is left out: %s", name, each)
    return able or {LOCAL: kind(LOCAL)}


def _cloud(kinds: Mapping[str, Kind], config: Config) -> frozenset[str]:
    return frozenset(name for name, each in kinds.items() if each.facts(config).cloud)


def _idle_closes(kinds: Mapping[str, Kind], config: Config) -> dict[str, Seconds]:
    wanted = {name: each.facts(config).idle_close_s for name, each in kinds.items()}
    return {name: Seconds(each) for name, each in wanted.items() if each is not None}


def _failover(
    kinds: Mapping[str, Kind],
    means: Means,
    start: Choice,
    accounts: Accounts,
    personas: Personas | None,
    idle_closes: Mapping[str, Seconds],
) -> Failover:
    def opener(name: str) -> Opener:
        def made(handover: Handover) -> Backend:
            persona = PLAIN if personas is None else personas.of(name)
            return kinds[name].open(replace(means, persona=persona), handover)

        return made

    backend = means.config.backend
    failover = Failover(
        {name: opener(name) for name in start.order},
        start,
        patience=Lives(
            try_for=Seconds(2 * backend.connect_s + backend.stall_s),
            idle_close=Seconds(backend.idle_close_s),
            idle_closes=idle_closes,
            recycle=Seconds(backend.recycle_min * 60),
            remote=frozenset(kinds) - {LOCAL},
            remember_turns=backend.remember_turns,
            remember=Seconds(backend.remember_min * 60),
        ),
        clock=LoopClock(),
        purse=accounts,
        jitter=random.random,
    )
    accounts.meter.on_change.append(lambda _: failover.budget_changed())
    return failover
