"""Cartesia's Sonic, over its WebSocket (extra: none).

After its SDK 4.2.0: the path, the headers and the version of the interface.
"""

from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

from appliance.backend.prompting.persona import Persona
from appliance.backend.socket.address import Address
from appliance.backend.socket.client import limits
from appliance.backend.tts import settings
from appliance.backend.tts.carrier import Carrier
from appliance.backend.tts.cartesia_rules import CartesiaRules, Voicing
from appliance.backend.tts.speaker import Speaker
from appliance.config import Config

USUAL: Final = "https://api.cartesia.ai"

MODEL: Final = "sonic-3.5"

VERSION: Final = "2026-08-14"
"""Of the interface; also that of the SDK 4.2.0."""

SPEEDS: Final = (0.6, 1.5)
"""Least and most (``GenerationConfigParam``)."""

_PATH: Final = "/tts/websocket"


def text_to_speech(config: Config, persona: Persona) -> Carrier:
    """Return a voice of Cartesia's; it connects when it is warmed or speaks.

    Raises:
        BackendRefused: There is no key or voice, or the address is wrong.
    """
    voice = settings.needed_voice(config, persona)
    model = config.pipeline.tts.model or MODEL
    speed = settings.speed(config, *SPEEDS)
    voicing = Voicing(model, voice, settings.language(config, persona), speed)
    speaker = Speaker(f"cartesia {model}", model, free=settings.free(config))

    def rules() -> CartesiaRules:
        return CartesiaRules(voicing, uuid4().hex[:8])

    return Carrier(address(config), rules, speaker, limits(config))


def address(config: Config) -> Address:
    """Return where its WebSocket is."""
    root = settings.root(config, USUAL)
    path = root if urlsplit(root).path.endswith(_PATH) else root + _PATH
    key = settings.key(config)
    headers = {"Cartesia-Version": VERSION}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    host = urlsplit(path).hostname or ""
    return Address("ws" + path.removeprefix("http"), headers, host, settings.SECTION)
