"""OpenAI's responses interface as a mind. Nothing is kept at the service (``store``).

After openai 3.52 (2026-11-21): ``POST /v1/responses``, streamed.
"""

from collections.abc import Mapping, Sequence

from appliance.backend.llm import making, openai_body, openai_common
from appliance.backend.llm.making import Instructions
from appliance.backend.llm.openai_reader import RESPONSES_LAST, ResponsesReader
from appliance.backend.llm.story import Step
from appliance.backend.llm.thinker import Thinker
from appliance.backend.prompting.persona import PLAIN, Persona
from appliance.backend.web.client import Service
from appliance.catalogue import ToolSpec
from appliance.config import Config


class Responses:
    """How it is asked; implements ``thinker.Dialect``."""

    path = "/responses"
    last = RESPONSES_LAST
    idle = ()

    def __init__(self, config: Config, persona: Persona) -> None:
        self._llm = config.pipeline.llm
        self._openais = openai_common.is_openais(config)
        self._usage = making.usage(config)
        self._instructions = Instructions(config, persona)

    def body(self, steps: Sequence[Step], tools: Sequence[ToolSpec]) -> Mapping[str, object]:
        """Return a request."""
        llm = self._llm
        body: dict[str, object] = {
            "model": llm.model,
            "instructions": self._instructions.text(tools),
            "input": openai_body.response_items(steps),
            "stream": True,
            "store": False,
            "max_output_tokens": llm.max_output_tokens,
        }
        if tools:
            body["tools"] = openai_body.response_tools(tools)
        if llm.temperature is not None:
            body["temperature"] = llm.temperature
        known = openai_body.least_effort(llm.model) if self._openais else None
        if (effort := llm.effort or known) is not None:
            body["reasoning"] = {"effort": effort}
        return body

    def reader(self) -> ResponsesReader:
        """Return what reads its answer."""
        return ResponsesReader(self._usage, openai_common.SECTION)

    async def probe(self, service: Service) -> str:
        """Ask which models there are, which costs nothing."""
        return await making.probe(service, self._llm.model)


def mind(config: Config, persona: Persona = PLAIN) -> Thinker:
    """Return the mind.

    Raises:
        BackendRefused: The settings name no model.
    """
    making.model(config)
    dialect = Responses(config, persona)
    sees = openai_common.is_openais(config)
    return making.thinker(config, openai_common.address(config), dialect, sees=sees)


async def probe(config: Config) -> str:
    """Try the service, for nothing; return how it went.

    Raises:
        BackendError: It will not have us, or cannot be reached.
    """
    return await mind(config).probe()
