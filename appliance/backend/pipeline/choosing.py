"""The settings → the three parts. A vendor's module is imported when it is chosen.

Each vendor's module offers one function, and imports nothing of another package that does not come
with the appliance but there:

* ``appliance.backend.stt.VENDOR``: ``speech_to_text(config: Config) -> SpeechToText``
* ``appliance.backend.llm.VENDOR``: ``mind(config: Config, persona: Persona) -> Mind``
* ``appliance.backend.tts.VENDOR``: ``text_to_speech(config: Config, persona: Persona)
  -> TextToSpeech``

They are quick, connect nowhere, and raise a ``BackendError`` for settings that cannot work. A part
may have ``parts.Probes`` and ``parts.Prepares`` beside its own seam.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Final

from appliance.backend.pipeline.parts import Mind, SpeechToText, TextToSpeech, Trio
from appliance.backend.prompting.persona import PLAIN, Persona
from appliance.config import Config, vendors
from appliance.config.lacking import add_extra
from appliance.errors import BackendRefused

_BACKENDS: Final = "appliance.backend"

_NEED: Final = add_extra("cloud")

_HOSTS: Final = {
    "openai": "api.openai.com",
    "anthropic": "api.anthropic.com",
    "deepgram": "api.deepgram.com",
    "cartesia": "api.cartesia.ai",
    "elevenlabs": "api.elevenlabs.io",
}
"""Where an empty ``url`` leads."""

_OWN_TITLES: Final = {
    "stt": "ears of the box",
    "llm": "understanding of the box",
    "tts": "voice of the box",
}


@dataclass(frozen=True, slots=True)
class Own:
    """How the parts of the box itself are made, should they be chosen."""

    stt: Callable[[], SpeechToText]
    mind: Callable[[], Mind]
    tts: Callable[[], TextToSpeech]


def choose(config: Config, own: Own, persona: Persona = PLAIN) -> Trio:
    """Make the parts that the settings name.

    Raises:
        BackendError: One cannot be made.
    """
    return Trio(
        speech_to_text(config, own),
        mind(config, own, persona),
        text_to_speech(config, own, persona),
    )


def speech_to_text(config: Config, own: Own) -> SpeechToText:
    """Make what writes down."""
    module = _module(config, "stt")
    made: SpeechToText = own.stt() if module is None else module.speech_to_text(config)
    return made


def mind(config: Config, own: Own, persona: Persona = PLAIN) -> Mind:
    """Make what thinks."""
    module = _module(config, "llm")
    made: Mind = own.mind() if module is None else module.mind(config, persona)
    return made


def text_to_speech(config: Config, own: Own, persona: Persona = PLAIN) -> TextToSpeech:
    """Make what speaks."""
    module = _module(config, "tts")
    made: TextToSpeech = own.tts() if module is None else module.text_to_speech(config, persona)
    return made


def title(config: Config, stage: str) -> str:
    """Return what serves as a stage: ``deepgram nova-3``, ``voice of the box``."""
    part = dict(config.pipeline.stages)[stage]
    if part.vendor == "local":
        return _OWN_TITLES[stage]
    here = f" at {vendors.host(part.url)}" if part.url else ""
    return f"{part.vendor} {model(config, stage)}".rstrip() + here


def model(config: Config, stage: str) -> str:
    """Return the model of a stage; empty: none is named, or it is the box itself."""
    part = dict(config.pipeline.stages)[stage]
    if part.vendor == "local" or part.model:
        return "" if part.vendor == "local" else part.model
    try:
        return str(getattr(_module(config, stage), "MODEL", ""))
    except BackendRefused:
        return ""


def host(config: Config, stage: str) -> str:
    """Return the server of a stage; empty: it is the box itself."""
    part = dict(config.pipeline.stages)[stage]
    return vendors.host(part.url) if part.url else _HOSTS.get(part.vendor, "")


def stays_in_the_house(config: Config, stage: str) -> bool:
    """Tell whether what a stage is told does not leave the house."""
    part = dict(config.pipeline.stages)[stage]
    return part.vendor == "local" or vendors.is_in_the_house(part.url)


def lacking_packages(config: Config) -> tuple[str, ...]:
    """Return what is not installed of what the parts need, each with its remedy.

    Imports them, so not for the event loop the first time.
    """
    lacks = []
    for stage, _ in config.pipeline.stages:
        try:
            _module(config, stage)
        except BackendRefused as error:
            lacks.append(f"pipeline.{stage} cannot be used: {error.reason}; {error.advice}")
    return tuple(lacks)


def module_name(config: Config, stage: str) -> str | None:
    """Return the module of a stage; ``None``: it is the box itself."""
    part = dict(config.pipeline.stages)[stage]
    if part.vendor == "local":
        return None
    name: str = part.vendor
    if stage == "llm" and name == "openai":
        name = f"openai_{config.pipeline.llm.api}"
    return f"{_BACKENDS}.{stage}.{name}"


def _module(config: Config, stage: str) -> ModuleType | None:
    name = module_name(config, stage)
    if name is None:
        return None
    try:
        return import_module(name)
    except ImportError as error:
        missing = error.name or "a package"
        raise BackendRefused(f"no {missing}", _NEED) from error
