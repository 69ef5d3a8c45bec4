"""What every voice of a service reads of the settings."""

from typing import Final

from appliance.backend.prompting.persona import Persona
from appliance.backend.web.address import WebAddress, base
from appliance.config import Config, vendors
from appliance.config.lacking import SECRETS, own_server
from appliance.errors import BackendRefused

SECTION: Final = "pipeline.tts"


def key(config: Config) -> str:
    """Return the key of the service; empty: a server of one's own that needs none.

    Raises:
        BackendRefused: There is none.
    """
    part = config.pipeline.tts
    own = own_server(part.url)
    found = config.keys.of("tts" if own else part.vendor)
    if found is None and not own:
        advice = f"give the credential {part.vendor}-api-key ({SECRETS})"
        raise BackendRefused("no_key", advice)
    return "" if found is None else found.get_secret_value()


def root(config: Config, usual: str) -> str:
    """Return where the service is: ``http://`` or ``https://``, without a slash at its end.

    Raises:
        BackendRefused: The address is none, or not encrypted beyond the own network.
    """
    return base(WebAddress(config.pipeline.tts.url or usual, section=SECTION))


def free(config: Config) -> bool:
    """Whether what is said there costs nothing."""
    url = config.pipeline.tts.url
    own = bool(url) and vendors.is_own_network(vendors.host(url))
    return own and config.money.prices_file is None


def speed(config: Config, least: float, most: float) -> float | None:
    """Return how fast to speak, as near as the vendor goes; ``None``: as it does by itself."""
    asked = config.pipeline.tts.speed
    return None if asked is None else min(max(asked, least), most)


def voice(config: Config, persona: Persona) -> str:
    """Return the voice: that of the persona goes over that of the settings."""
    return persona.voice or config.pipeline.tts.voice


def needed_voice(config: Config, persona: Persona) -> str:
    """Return the voice, where the vendor has no usual one.

    Raises:
        BackendRefused: None is set.
    """
    found = voice(config, persona)
    if not found:
        raise BackendRefused("no_voice", f"set {SECTION}.voice to a voice of the vendor")
    return found


def language(config: Config, persona: Persona) -> str:
    """Return the language as ISO 639-1 has it: ``en``."""
    return (persona.language or config.device.language).partition("-")[0]
