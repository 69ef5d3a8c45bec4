"""Deepgram: nova and its like over ``/v1/listen``, flux over ``/v2/listen``.

After deepgram-sdk 7.17.0 (2026-11-22); servers of one's own with the same interface, too.
"""

from typing import Final

from appliance.backend.socket.address import Address
from appliance.backend.stt import asking
from appliance.backend.stt.carrier import Carrier
from appliance.backend.stt.connection import Service
from appliance.backend.stt.flux import FluxRules
from appliance.backend.stt.nova import NovaRules
from appliance.config import Config
from appliance.frames import RATE

URL: Final = "wss://api.deepgram.com"

MODEL: Final = "nova-3"
"""Where ``pipeline.stt.model`` is empty."""

_HINTED: Final = "flux-general-multi"
"""The flux that takes a hint of the language; the others hear English."""


def speech_to_text(config: Config) -> Carrier:
    """Return Deepgram, as the settings say; call it on the event loop."""
    return Carrier(_service(config))


def address(config: Config) -> Address:
    """Return where to listen, with all that there is to ask for.

    Raises:
        BackendRefused: The address is none.
    """
    model = config.pipeline.stt.model or MODEL
    path, query = (
        ("/v2/listen", _flux(config)) if _is_flux(model) else ("/v1/listen", _nova(config))
    )
    key = asking.key(config, "deepgram")
    headers = {"Authorization": f"Token {key}"} if key else {}
    every = [("model", model), ("encoding", "linear16"), ("sample_rate", str(RATE)), *query]
    return asking.streaming(config.pipeline.stt.url or URL, path, every, headers)


def _service(config: Config) -> Service:
    model = config.pipeline.stt.model or MODEL
    rules = FluxRules if _is_flux(model) else NovaRules
    return Service(
        f"deepgram {model}",
        model,
        lambda: address(config),
        rules,
        asking.limits(config),
        free=asking.free(config),
    )


def _is_flux(model: str) -> bool:
    return model.startswith("flux")


def _nova(config: Config) -> list[tuple[str, str]]:
    """Return what is asked of nova.

    No ``endpointing``: the box finds the ends, and long segments are understood better. No
    ``smart_format``, which waits for the end of numbers: the words are read by a program.
    """
    old = not (config.pipeline.stt.model or MODEL).startswith("nova-3")
    words = "keywords" if old else "keyterm"
    return [
        ("language", config.device.language),
        ("punctuate", "true"),
        ("endpointing", "false"),
        *((words, word) for word in asking.keywords(config)),
    ]


def _flux(config: Config) -> list[tuple[str, str]]:
    """Return what is asked of flux."""
    hint = [("language_hint", asking.language(config))]
    return [
        *(hint if config.pipeline.stt.model == _HINTED else []),
        *(("keyterm", word) for word in asking.keywords(config)),
    ]
