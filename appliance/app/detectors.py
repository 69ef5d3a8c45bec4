"""What the hearing thread looks for: wake words and speech, as the settings say."""

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.config import Config
from appliance.config.model import READY_WORDS
from appliance.detect.embedding import EmbeddingWake, Head
from appliance.detect.endpoint import Tuning
from appliance.detect.speech import SpeechEdges
from appliance.detect.wake import AnyWake, MicroWake
from appliance.ports import SpeechDetector, WakeDetector
from appliance.store import ModelStore
from appliance.units import Seconds


@dataclass(frozen=True, slots=True)
class Senses:
    """What the hearing thread looks for; of one box and one stretch of sound."""

    wake: Sequence[WakeDetector]
    speech: SpeechDetector


def wake_detectors(config: Config, store: ModelStore) -> tuple[WakeDetector, ...]:
    """Load every wake word of the settings.

    Raises:
        ModelError: A model is missing or cannot be used.
    """
    wake = config.wake
    refractory = Seconds(wake.refractory_s)
    found: list[WakeDetector] = []
    if wake.words:
        found.append(MicroWake(wake.words, sensitivity=wake.sensitivity, refractory=refractory))
    if wake.custom:
        heads = [Head(custom.name, custom.model) for custom in wake.custom]
        found.append(
            EmbeddingWake(
                store.folder("speech-embedding"),
                heads,
                sensitivity=wake.sensitivity,
                refractory=refractory,
            )
        )
    return tuple(found) if len(found) < 2 else (AnyWake(found, refractory=refractory),)


def speech_detector(config: Config, store: ModelStore) -> SpeechDetector:
    """Load what finds speech and its end.

    Raises:
        ModelError: A model is missing or cannot be used.
    """
    speech = config.speech
    tuning = Tuning(
        threshold=speech.threshold,
        trailing_silence=Seconds(speech.trailing_silence_s),
        shortest=Seconds(speech.shortest_s),
        longest=Seconds(speech.longest_s),
        sensitivity=config.turn.barge_in_sensitivity,
    )
    return SpeechEdges(store.folder("silero-vad") / "silero_vad.onnx", tuning)


def load_senses(config: Config, store: ModelStore) -> Senses:
    """Load all that the hearing thread needs.

    Raises:
        ModelError: A model is missing or cannot be used.
    """
    return Senses(wake_detectors(config, store), speech_detector(config, store))


def wake_phrases(config: Config) -> tuple[str, ...]:
    """Return how the wake words are spoken; they are taken off the start of a request."""
    names = dict.fromkeys((*config.wake.words, *READY_WORDS))  # another may be chosen later
    ready = (word.replace("_", " ") for word in names)
    own = (custom.phrase or custom.name.replace("_", " ") for custom in config.wake.custom)
    return (*ready, *own)
