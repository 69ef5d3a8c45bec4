"""The on-device backend, loaded as the settings say."""

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from appliance.app.background import in_background
from appliance.app.detectors import Senses, load_senses, wake_phrases
from appliance.app.language_model import load_language_model
from appliance.backend.local import phrases, warm
from appliance.backend.local.llm.stage import WithModel
from appliance.backend.local.parts import Parts, Sound
from appliance.backend.local.stt import Transcriber, choose_size
from appliance.backend.local.trim import trim_by
from appliance.backend.local.tts import Voice
from appliance.backend.local.understand import StagedUnderstander
from appliance.catalogue import ToolSpec
from appliance.config import Config
from appliance.detect.speech import Silero
from appliance.host.memory import lean_while_loading
from appliance.store import ModelStore

Catalogue = Callable[[], Sequence[ToolSpec]]
"""Gives the tools that can be called now."""

VOICES = {"en": "voice-en-joe"}
"""Which voice speaks a language; another language is another model and another line."""


def needed_models(config: Config) -> tuple[str, ...]:
    """Return the models that these settings use, by their names in ``models/models.toml``."""
    local = [transcriber_model(config), _voice(config)]
    if config.local.nearest:
        local.append("minilm")
    own_words = ["speech-embedding"] if config.wake.custom else []
    return ("silero-vad", *own_words, *local)


def transcriber_model(config: Config) -> str:
    """Return the name of the speech-to-text model that fits this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"moonshine-{choose_size(config.local.transcriber, memory=memory)}"


@dataclass(frozen=True, slots=True)
class Minds:
    """Every model of one box, loaded."""

    parts: Parts
    """What answers."""

    senses: Senses
    """What hears."""


async def load_minds(config: Config, store: ModelStore, catalogue: Catalogue = tuple) -> Minds:
    """Load the models and run each once, side by side; takes a second or two.

    Args:
        config: Which.
        store: Has them.
        catalogue: Gives the tools that are known once all is loaded; what understanding needs
            for them is made now, and for others at the first request.

    Raises:
        ExceptionGroup: With a ``ModelError`` (one is missing or cannot be used) or a
            ``ConfigError`` (there is nothing for the language).
    """
    with lean_while_loading():
        async with asyncio.TaskGroup() as group:
            mouth = group.create_task(in_background(_mouth, config, store))
            ears = group.create_task(in_background(_ears, config, store))
            understander = group.create_task(in_background(load_understander, config, store))
            senses = group.create_task(in_background(load_senses, config, store))
        voice, words = mouth.result()
        transcriber, trim = ears.result()
        parts = Parts(transcriber, understander.result(), voice, words, trim)
        await in_background(warm.understand, parts.understander, catalogue())
    return Minds(parts, senses.result())


def _mouth(config: Config, store: ModelStore) -> tuple[Voice, phrases.Phrases]:
    words = phrases.load(config.device.language)
    voice = load_voice(config, store)
    warm.speak(voice, words)
    return voice, words


def _ears(config: Config, store: ModelStore) -> tuple[Transcriber, Callable[[Sound], Sound]]:
    trim = trim_by(load_judge(store))
    transcriber = load_transcriber(config, store)
    warm.hear(transcriber, trim)
    return transcriber, trim


def load_voice(config: Config, store: ModelStore) -> Voice:
    """Load what the box speaks with.

    Raises:
        ModelError: The model is missing or cannot be used.
    """
    return Voice(store.folder(_voice(config)), rate=config.local.speech_rate)


def load_transcriber(config: Config, store: ModelStore) -> Transcriber:
    """Load what writes down what was said.

    Raises:
        ModelError: The model is missing or cannot be used.
    """
    return Transcriber(store.folder(transcriber_model(config)))


def load_understander(config: Config, store: ModelStore) -> StagedUnderstander | WithModel:
    """Load what finds out what was meant; a language model goes on loading behind it.

    Raises:
        ModelError: The model is missing or cannot be used.
        ConfigError: There is nothing for the language.
    """
    local = config.local
    staged = StagedUnderstander(
        language=config.device.language,
        wake_phrases=wake_phrases(config),
        area=config.device.area,
        minilm_folder=store.folder("minilm") if local.nearest else None,
        threshold=local.nearest_threshold,
        nearest=local.nearest,
    )
    model = load_language_model(local.language_model, store)
    if model is None:
        return staged
    speaks = local.language_model.answers
    return WithModel(staged, model, area=config.device.area, speaks=speaks)


def load_judge(store: ModelStore) -> Silero:
    """Load what tells, once more, where in a turn the speech is.

    Raises:
        ModelError: The model is missing or cannot be used.
    """
    return Silero(store.folder("silero-vad") / "silero_vad.onnx")


def _voice(config: Config) -> str:
    return VOICES[config.device.language.partition("-")[0]]
