"""What every service's mind is made with: the instructions, whether it sees, what it costs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from appliance.backend.llm.thinker import Dialect, Thinker
from appliance.backend.prompting.instructions import instructions
from appliance.backend.prompting.persona import Persona
from appliance.backend.socket.reading import objects_of, text_of
from appliance.backend.web.address import WebAddress, host
from appliance.backend.web.client import Service
from appliance.catalogue import ToolSpec
from appliance.config import Config, vendors
from appliance.errors import BackendRefused
from appliance.events import Usage
from appliance.units import Seconds

SPOKEN: Final = """\
# How your words reach the ear
What you write is read out by a voice exactly as it stands: plain sentences only. No markup, no \
lists, no emoji, no stage directions; abbreviations and signs written out as they are said. Text \
in square brackets is from the box, not from a person: heed it, and never say it."""
"""Said after all other instructions; needed whatever persona it has."""


class Instructions:
    """The instructions of one session; they stay the same, so that services can keep them.

    Args:
        config: The settings.
        persona: Who the box is.
    """

    def __init__(self, config: Config, persona: Persona) -> None:
        self._config = config
        self._persona = persona
        self._begun = datetime.now().astimezone()

    def text(self, tools: Sequence[ToolSpec]) -> str:
        """Return them for the tools that there are."""
        own = self._config.pipeline.llm.instructions
        known = instructions(
            self._config,
            tools=[tool.name for tool in tools],
            now=self._begun,
            own=own,
            persona=self._persona,
        )
        return f"{known}\n\n{SPOKEN}"


def thinker(config: Config, address: WebAddress, dialect: Dialect, *, sees: bool) -> Thinker:
    """Return the mind behind an address.

    Args:
        config: The settings.
        address: Where.
        dialect: How.
        sees: Whether its models can usually be shown pictures.
    """
    llm, backend = config.pipeline.llm, config.backend
    where = host(address)
    service = Service(address, Seconds(backend.connect_s), Seconds(backend.stall_s))
    title = f"{llm.model} at {where}" if llm.url else f"{llm.vendor} {llm.model}"
    return Thinker(title, service, dialect, sees=sees if llm.sees is None else llm.sees)


def model(config: Config) -> str:
    """Return the name of the model.

    Raises:
        BackendRefused: The settings name none.
    """
    if not config.pipeline.llm.model:
        raise BackendRefused("no_model", "set pipeline.llm.model to the model that should answer")
    return config.pipeline.llm.model


def usage(config: Config) -> Usage:
    """Return an empty bill: for which model, and whether anybody sends one."""
    url = config.pipeline.llm.url
    own = bool(url) and vendors.is_own_network(vendors.host(url))
    return Usage(model(config), free=own and config.money.prices_file is None)


async def probe(service: Service, model: str) -> str:
    """Ask which models there are, which costs nothing; return how that went.

    Raises:
        BackendError: It will not have us, cannot be reached, or has no such model.
    """
    listed = await service.get("/models")
    names = {text_of(entry, "id") for entry in objects_of(listed, "data")}
    if not names:
        return "it answers, and does not say which models it has"
    if model in names or f"{model}:latest" in names:  # Ollama's way to say it
        return f"{model} is there"
    advice = f"set {service.section}.model to one that the server has"
    raise BackendRefused("model_not_found", advice)
