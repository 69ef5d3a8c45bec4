"""What both of OpenAI's interfaces have in common: where they are, and who is asked. Pure."""

from typing import Final

from appliance.backend.web.address import WebAddress
from appliance.config import Config, vendors

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
