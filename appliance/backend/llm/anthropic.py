"""Anthropic's Messages API as a mind, and servers with the same interface.

After anthropic 2.11 (2026-11-21): ``POST /v1/messages`` with ``anthropic-version``, streamed.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from appliance.backend.llm import anthropic_body, making
from appliance.backend.llm.anthropic_reader import IDLE, LAST, AnthropicReader
from appliance.backend.llm.making import Instructions
from appliance.backend.llm.story import Step
from appliance.backend.llm.thinker import Thinker
from appliance.backend.prompting.persona import PLAIN, Persona
from appliance.backend.web.address import WebAddress
from appliance.backend.web.client import Service
from appliance.catalogue import ToolSpec
from appliance.config import Config, vendors

ANTHROPIC: Final = "https://api.anthropic.com/v1"
VERSION: Final = "2023-06-01"
"""The only one that there is (SDK 2.11)."""

SECTION: Final = "pipeline.llm"


class Messages:
    """How it is asked; implements ``thinker.Dialect``."""

    path = "/messages"
    last = LAST
    idle = IDLE

    def __init__(self, config: Config, persona: Persona) -> None:
        self._llm = config.pipeline.llm
        self._own = _own(config)
        self._usage = making.usage(config)
        self._instructions = Instructions(config, persona)

    def body(self, steps: Sequence[Step], tools: Sequence[ToolSpec]) -> Mapping[str, object]:
        """Return a request."""
        llm = self._llm
        room = anthropic_body.THINKING_ROOM if anthropic_body.always_thinks(llm.model) else 0
        body: dict[str, object] = {
            "model": llm.model,
            "max_tokens": llm.max_output_tokens + room,
            "stream": True,
            "system": anthropic_body.system(self._instructions.text(tools)),
            "messages": anthropic_body.messages(steps),
            **anthropic_body.offered(tools, steps),
            **anthropic_body.reflecting(llm.model, llm.effort),
        }
        if llm.temperature is not None:
            body["temperature"] = llm.temperature
        return body

    def reader(self) -> AnthropicReader:
        """Return what reads its answer."""
        return AnthropicReader(self._usage, SECTION)

    async def probe(self, service: Service) -> str:
        """Ask for the model, which costs nothing; others than Anthropic, for the list of them."""
        if self._own:
            return await making.probe(service, self._llm.model)
        await service.get(f"/models/{quote(self._llm.model, safe='')}")
        return f"{self._llm.model} is there"


def address(config: Config) -> WebAddress:
    """Return where it is asked. Anthropic's key goes to Anthropic, and nowhere else."""
    llm = config.pipeline.llm
    url = llm.url or ANTHROPIC
    key = config.keys.of("llm" if _own(config) else "anthropic")
    headers = {"anthropic-version": VERSION}
    if key is not None:
        headers["x-api-key"] = key.get_secret_value()
    return WebAddress(url, headers, vendors.host(url), SECTION)


def _own(config: Config) -> bool:
    """Whether it is a server of one's own."""
    url = config.pipeline.llm.url
    return bool(url) and not vendors.is_vendors(url)


def mind(config: Config, persona: Persona = PLAIN) -> Thinker:
    """Return the mind.

    Raises:
        BackendRefused: The settings name no model.
    """
    making.model(config)
    return making.thinker(config, address(config), Messages(config, persona), sees=True)


async def probe(config: Config) -> str:
    """Try the service, for nothing; return how it went.

    Raises:
        BackendError: It will not have us, or cannot be reached.
    """
    return await mind(config).probe()
