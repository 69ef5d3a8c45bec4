"""Cartesia: ink over ``/stt/websocket``, after cartesia 4.2.0 (2026-11-22)."""

from typing import Final

from appliance.backend.socket.address import Address
from appliance.backend.stt import asking
from appliance.backend.stt.carrier import Carrier
from appliance.backend.stt.connection import Service
from appliance.backend.stt.ink import InkRules
from appliance.config import Config
from appliance.frames import RATE

URL: Final = "wss://api.cartesia.ai"

MODEL: Final = "ink-2"
"""Where ``pipeline.stt.model`` is empty."""

VERSION: Final = "2026-08-14"
"""Of the interface that is spoken here."""


def speech_to_text(config: Config) -> Carrier:
    """Return Cartesia, as the settings say; call it on the event loop."""
    return Carrier(_service(config))


def address(config: Config) -> Address:
    """Return where to listen, with all that there is to ask for.

    Raises:
        BackendRefused: The address is none.
    """
    key = asking.key(config, "cartesia")
    query = [
        ("model", config.pipeline.stt.model or MODEL),
        ("encoding", "pcm_s16le"),
        ("sample_rate", str(RATE)),
        ("language", asking.language(config)),
        *(("keyterm", word) for word in asking.keywords(config)),
    ]
    headers = {"Cartesia-Version": VERSION}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    url = config.pipeline.stt.url or URL
    return asking.streaming(url, "/stt/websocket", query, headers)


def _service(config: Config) -> Service:
    model = config.pipeline.stt.model or MODEL
    return Service(
        f"cartesia {model}",
        model,
        lambda: address(config),
        InkRules,
        asking.limits(config),
        free=asking.free(config),
    )
