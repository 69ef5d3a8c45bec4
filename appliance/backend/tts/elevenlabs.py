"""ElevenLabs' voices, over its WebSocket with many contexts (extra: none).

After its SDK 2.78.0 and the reference of ``multi-stream-input``, read 2026-11-22.
"""

from typing import Final
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

from appliance.backend.prompting.persona import Persona
from appliance.backend.socket.address import Address
from appliance.backend.socket.client import limits
from appliance.backend.tts import settings
from appliance.backend.tts.carrier import Carrier
from appliance.backend.tts.elevenlabs_rules import RATE, ElevenLabsRules
from appliance.backend.tts.speaker import Speaker
from appliance.config import Config
from appliance.errors import BackendRefused

USUAL: Final = "https://api.elevenlabs.io"

MODEL: Final = "eleven_flash_v2_5"
"""The quickest of those that speak many languages."""

PATIENCE_S: Final = 180
"""Seconds without text after which a context ends: the most that the vendor takes."""

SPEEDS: Final = (0.7, 1.2)
"""Least and most (``RealtimeVoiceSettings``)."""

_NOT_HERE: Final = "eleven_v3"
"""Models that its WebSocket does not have."""


def text_to_speech(config: Config, persona: Persona) -> Carrier:
    """Return a voice of ElevenLabs'; it connects when it is warmed or speaks.

    Raises:
        BackendRefused: There is no key or voice, or the model or address is wrong.
    """
    voice = settings.needed_voice(config, persona)
    model = config.pipeline.tts.model or MODEL
    if model.startswith(_NOT_HERE):
        advice = f"set {settings.SECTION}.model to {MODEL}: {model} cannot be streamed"
        raise BackendRefused("model_not_supported", advice)
    where = address(config, voice, model, settings.language(config, persona))
    speaker = Speaker(f"elevenlabs {model}", model, free=settings.free(config))
    speed = settings.speed(config, *SPEEDS)

    def rules() -> ElevenLabsRules:
        return ElevenLabsRules(uuid4().hex[:8], speed)

    return Carrier(where, rules, speaker, limits(config))


def address(config: Config, voice: str, model: str, language: str) -> Address:
    """Return where its WebSocket is, with all that is settled for its whole life."""
    root = settings.root(config, USUAL).removesuffix("/v1")
    asked = {
        "model_id": model,
        "output_format": f"pcm_{RATE}",
        "auto_mode": "true",  # whole sentences: nothing waits for more of them
        "inactivity_timeout": str(PATIENCE_S),
    }
    if model.endswith("_v2_5"):  # the others find it out, and refuse to be told
        asked["language_code"] = language
    path = f"/v1/text-to-speech/{quote(voice, safe='')}/multi-stream-input"
    url = f"ws{root.removeprefix('http')}{path}?{urlencode(asked)}"
    key = settings.key(config)
    headers = {"xi-api-key": key} if key else {}
    return Address(url, headers, urlsplit(root).hostname or "", settings.SECTION)
