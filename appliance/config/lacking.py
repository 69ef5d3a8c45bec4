"""What a backend lacks to serve at all, going by the settings. Pure."""

from typing import Final, Protocol

from appliance.config import vendors
from appliance.config.cloud import Realtime
from appliance.config.keys import Keys
from appliance.config.pipeline import Llm, Pipeline, Stt, Tts
from appliance.config.services import ElevenLabs, Gemini, Live

BUILT_IN: Final = ("realtime", "live", "pipeline", "elevenlabs", "gemini", "local")
"""The backends that come with the appliance; others come with packages of their own."""

SECRETS: Final = "docs/configuration.md, Secrets"


class Settings(Protocol):
    """The settings, as far as they matter here."""

    @property
    def keys(self) -> Keys:
        """The keys."""
        ...

    @property
    def realtime(self) -> Realtime:
        """Of ``realtime``."""
        ...

    @property
    def live(self) -> Live:
        """Of ``live``."""
        ...

    @property
    def pipeline(self) -> Pipeline:
        """Of ``pipeline``."""
        ...

    @property
    def elevenlabs(self) -> ElevenLabs:
        """Of ``elevenlabs``."""
        ...

    @property
    def gemini(self) -> Gemini:
        """Of ``gemini``."""
        ...


def add_extra(name: str) -> str:
    """Return how an extra is added, in a checkout and in an environment of one's own."""
    return f'./run extras {name} (elsewhere: pip install "voice-appliance[{name}]")'


def lacking(settings: Settings, name: str) -> tuple[str, ...]:
    """Return what a backend still needs, each as half a sentence with its remedy; empty: nothing.

    Of a backend that did not come with the appliance, nothing is known here.
    """
    match name:
        case "realtime" if not settings.realtime.usable:
            give = f"give the credential realtime-api-key or realtime.api_key_file ({SECRETS})"
            return (f"there is no key for it: {give}",)
        case "live":
            return _key(settings.keys, "openai", settings.live.url)
        case "elevenlabs":
            agent = (
                () if settings.elevenlabs.agent_id else ("elevenlabs.agent_id says no agent yet",)
            )
            return (*_key(settings.keys, "elevenlabs", settings.elevenlabs.url), *agent)
        case "gemini":
            return _key(settings.keys, "gemini", settings.gemini.url)
        case "pipeline":
            stages = settings.pipeline.stages
            return tuple(text for stage, part in stages for text in _stage(settings, stage, part))
        case _:
            return ()


def own_server(url: str) -> bool:
    """Whether an address is that of a server of one's own, in the house or elsewhere."""
    return bool(url) and not vendors.is_vendors(url)


def _stage(settings: Settings, stage: str, part: Stt | Llm | Tts) -> tuple[str, ...]:
    if part.vendor == "local":
        return ()
    lacks = _key(settings.keys, part.vendor, part.url)
    if stage == "llm" and not part.model:
        lacks = (*lacks, "pipeline.llm.model says no model yet")
    if part.vendor in ("cartesia", "elevenlabs") and isinstance(part, Tts) and not part.voice:
        lacks = (*lacks, "pipeline.tts.voice says no voice yet")
    return lacks


def _key(keys: Keys, vendor: str, url: str) -> tuple[str, ...]:
    if own_server(url) or keys.of(vendor) is not None:
        return ()
    give = f"give the credential {vendor}-api-key or keys.{vendor}_file ({SECRETS})"
    return (f"there is no key of {vendor}: {give}",)
