"""Who answers a question that is asked by the command, not by voice."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from appliance.app.answers import load_minds
from appliance.app.asking import Companion
from appliance.app.backends import Answers, open_answers
from appliance.app.background import in_background
from appliance.backend.kinds.find import facts
from appliance.config import Config
from appliance.errors import BackendRefused, ConfigError
from appliance.ports import Backend
from appliance.store import ModelStore
from appliance.tools.registry import ToolRegistry


@dataclass(frozen=True, slots=True)
class Assistant:
    """A session of a backend, ready to be asked."""

    backend: Backend
    companion: Callable[[], Companion] | None = None
    """What must run beside it, once."""

    note: str = ""
    """Why it is not the one that the settings name first; for people."""


@asynccontextmanager
async def open_assistant(
    config: Config,
    store: ModelStore,
    tools: ToolRegistry,
    which: str | None,
    *,
    private: bool,
) -> AsyncIterator[Assistant]:
    """Open a session; it is closed at the end.

    Args:
        config: The settings.
        store: Has the models of the on-device backend.
        tools: What it may call.
        which: A backend by name; ``None``: as the settings say.
        private: Nothing may leave the house.

    Raises:
        ConfigError: A backend is asked for by name that is not there, or lacks something.
        BackendRefused: One beyond the house is asked for in privacy mode.
        ExceptionGroup: With a ``ModelError``.
    """
    if which is not None:
        await in_background(partial(check_backend, config, which, private=private))
        only = config.backend.model_copy(update={"order": (which,)})
        config = config.model_copy(update={"backend": only})
    minds = await load_minds(config, store, tools.catalogue)
    async with open_answers(
        config, minds.parts, tools.catalogue, confirmations=tools, private=private
    ) as answers:
        yield Assistant(answers.backend, answers.companion, _why_not(answers, private=private))


def _why_not(answers: Answers, *, private: bool) -> str:
    failover = answers.failover
    if answers.accounts is None or failover is None or not failover.choice.cloud:
        return ""
    if private:
        return "privacy mode is on: nobody beyond the house is asked"
    if answers.accounts.exhausted:
        return "a cap is reached (`voice-appliance money`): nobody is asked who costs money"
    return ""


def check_backend(config: Config, name: str, *, private: bool) -> None:
    """Complain if a backend that is asked for by name cannot answer. Imports what it needs.

    Raises:
        ConfigError: It is not there, or lacks something: a key, a setting, an extra.
        BackendRefused: It is beyond the house, and privacy mode is on.
    """
    found = facts(name, config)
    if found.missing:
        raise ConfigError([f"{name}: {each}" for each in found.missing])
    if found.cloud:
        check_privacy(private=private)


def check_key(config: Config) -> None:
    """Complain if the realtime service needs a key and there is none.

    Raises:
        ConfigError: So it is.
    """
    if not config.realtime.usable:
        problem = "realtime.api_key: there is no key for the realtime service"
        where = "realtime.api_key_file or another way (docs/configuration.md, Secrets)"
        raise ConfigError((f"{problem}; give it by {where}",))


def check_privacy(*, private: bool) -> None:
    """Complain if somebody beyond the house is asked for by name, but nothing may leave it.

    Raises:
        BackendRefused: So it is.
    """
    if private:
        raise BackendRefused("privacy mode is on", 'tell the box to "go online", or ask it here')
