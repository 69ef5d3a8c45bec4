"""Who answers a question that is asked by the command, not by voice."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from appliance.app.answers import load_minds
from appliance.app.asking import Companion
from appliance.app.backends import Answers, open_answers
from appliance.config import Config
from appliance.errors import BackendRefused, ConfigError
from appliance.ports import Backend
from appliance.store import ModelStore
from appliance.tools.registry import ToolRegistry

Named = Literal["realtime", "local"]


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
    which: Named | None,
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
        ConfigError: The realtime service is asked for, and there is no key for it.
        BackendRefused: It is asked for in privacy mode.
        ExceptionGroup: With a ``ModelError``.
    """
    if which is not None:
        only = config.backend.model_copy(update={"order": (which,)})
        config = config.model_copy(update={"backend": only})
    if which == "realtime":
        check_key(config)
        check_privacy(private=private)
    minds = await load_minds(config, store, tools.catalogue())
    async with open_answers(
        config, minds.parts, tools.catalogue, confirmations=tools, private=private
    ) as answers:
        yield Assistant(answers.backend, answers.companion, _why_not(answers, private=private))


def _why_not(answers: Answers, *, private: bool) -> str:
    if answers.accounts is None or answers.failover is None:
        return ""
    if private:
        return "privacy mode is on: the realtime service is not asked"
    if answers.accounts.exhausted:
        return "a cap is reached (`voice-appliance money`): the realtime service is not asked"
    return ""


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
    """Complain if the realtime service is asked for by name, but nothing may leave the house.

    Raises:
        BackendRefused: So it is.
    """
    if private:
        raise BackendRefused("privacy mode is on", 'tell the box to "go online", or ask it here')
