"""OpenAI's chat completions as a mind: vLLM, Ollama, llama.cpp and most others have them, too.

After openai 3.52 (2026-11-21): ``POST /v1/chat/completions``, streamed.
"""

from collections.abc import Mapping, Sequence

from appliance.backend.llm import making, openai_body, openai_common
from appliance.backend.llm.making import Instructions
from appliance.backend.llm.openai_reader import ChatReader
from appliance.backend.llm.story import Step
from appliance.backend.llm.thinker import Thinker
from appliance.backend.prompting.persona import PLAIN, Persona
from appliance.backend.web.client import Service
from appliance.catalogue import ToolSpec
from appliance.config import Config


class Chat:
    """How it is asked; implements ``thinker.Dialect``."""

    path = "/chat/completions"
    last = ()
    idle = ()

    def __init__(self, config: Config, persona: Persona) -> None:
        self._llm = config.pipeline.llm
        self._openais = openai_common.is_openais(config)
        self._usage = making.usage(config)
        self._instructions = Instructions(config, persona)

    def body(self, steps: Sequence[Step], tools: Sequence[ToolSpec]) -> Mapping[str, object]:
        """Return a request."""
        llm = self._llm
        longest = "max_completion_tokens" if self._openais else "max_tokens"
        body: dict[str, object] = {
            "model": llm.model,
            "messages": openai_body.chat_messages(self._instructions.text(tools), steps),
            "stream": True,
            "stream_options": {"include_usage": True},
            longest: llm.max_output_tokens,
        }
        if tools:
            body["tools"] = openai_body.chat_tools(tools)
        if llm.temperature is not None:
            body["temperature"] = llm.temperature
        known = openai_body.least_effort(llm.model) if self._openais else None
        if (effort := llm.effort or known) is not None:
            body["reasoning_effort"] = effort
        if llm.effort == "none" and not self._openais:  # how vLLM and llama.cpp are told
            body["chat_template_kwargs"] = {"enable_thinking": False}
        return body

    def reader(self) -> ChatReader:
        """Return what reads its answer."""
        return ChatReader(self._usage, openai_common.SECTION)

    async def probe(self, service: Service) -> str:
        """Ask which models there are, which costs nothing."""
        return await making.probe(service, self._llm.model)


def mind(config: Config, persona: Persona = PLAIN) -> Thinker:
    """Return the mind.

    Raises:
        BackendRefused: The settings name no model.
    """
    making.model(config)
    dialect = Chat(config, persona)
    sees = openai_common.is_openais(config)
    return making.thinker(config, openai_common.address(config), dialect, sees=sees)


async def probe(config: Config) -> str:
    """Try the service, for nothing; return how it went.

    Raises:
        BackendError: It will not have us, or cannot be reached.
    """
    return await mind(config).probe()
