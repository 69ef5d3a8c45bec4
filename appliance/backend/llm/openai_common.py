"""What both of OpenAI's interfaces have in common: where they are, and who is asked."""

from typing import Final

from appliance.backend.socket.reading import objects_of, text_of
from appliance.backend.web.address import WebAddress
from appliance.backend.web.client import Service
from appliance.config import Config, vendors
from appliance.errors import BackendRefused

OPENAI: Final = "https://api.openai.com/v1"
SECTION: Final = "pipeline.llm"


def address(config: Config) -> WebAddress:
    """Return where OpenAI, or a server with its interface, is asked.

    OpenAI's key goes to OpenAI; a server of one's own gets its own, if there is one.
    """
    llm = config.pipeline.llm
    url = llm.url or OPENAI
    own = bool(llm.url) and not vendors.is_vendors(llm.url)
    key = config.keys.of("llm" if own else "openai")
    headers = {} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"}
    if key is not None and vendors.host(url).endswith(".azure.com"):
        headers = {"api-key": key.get_secret_value()}
    return WebAddress(url, headers, vendors.host(url), SECTION)


def is_openais(config: Config) -> bool:
    """Whether OpenAI itself is asked, whose models are known."""
    return vendors.host(config.pipeline.llm.url or OPENAI).endswith(".openai.com")


async def probe(service: Service, model: str) -> str:
    """Ask which models there are; return how that went.

    Raises:
        BackendError: It will not have us, cannot be reached, or has no such model.
    """
    listed = await service.get("/models")
    names = {text_of(entry, "id") for entry in objects_of(listed, "data")}
    if not names:
        return "it answers, and does not say which models it has"
    if model in names or f"{model}:latest" in names:  # Ollama's way to say it
        return f"{model} is there"
    raise BackendRefused("model_not_found", f"set {SECTION}.model to one that the server has")
