"""Ready-made wake words (pymicro-wakeword: int8 streaming models), and several detectors as one.

The models take a feature frame every 10 ms and give a probability every third one; a word's score
is the mean of its last few probabilities, as in the library. The features cost more than a model
does (10 µs against 8 µs a frame on an EPYC core, 2026-11-21), so all words share one front end.
"""

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

from appliance.detect.threshold import Refractory, cutoff
from appliance.errors import ModelError
from appliance.events import HeardEvent, WakeWordHeard
from appliance.frames import Frame
from appliance.ports import WakeDetector
from appliance.units import Seconds


class MicroWake:
    """Listens for several of the library's words at once; one ``WakeDetector``.

    Args:
        words: Names of ``Model``: hey_jarvis, alexa, hey_mycroft, okay_nabu.
        sensitivity: 0 to 1; see ``threshold.cutoff``.
        refractory: After a word, the time in which none is looked for.

    Raises:
        ModelError: No such word, or this machine cannot run the models.
    """

    def __init__(
        self, words: Sequence[str], *, sensitivity: float = 0.5, refractory: Seconds = Seconds(2.0)
    ) -> None:
        self._features = MicroWakeWordFeatures()
        self._words = tuple(_Word(name, sensitivity) for name in words)
        self._refractory = Refractory(refractory)

    def process(self, frame: Frame) -> WakeWordHeard | None:
        """Take the next frame of the wake tap; return the word that it completes, if any.

        Where two words pass at once, the better score wins.
        """
        heard: WakeWordHeard | None = None
        for features in self._features.process_streaming(frame.samples.tobytes()):
            for word in self._words:
                score = word.feed(features)
                if score is not None and (heard is None or score > heard.score):
                    heard = WakeWordHeard(word.name, score, frame.end)
        if heard is None or not self._refractory.passes(heard.at):
            return None
        return heard


class AnyWake:
    """Several detectors as one ``WakeDetector``: whoever hears something first is believed.

    Args:
        detectors: Each takes every frame.
        refractory: After a word of one of them, the time in which none of any is believed.
    """

    def __init__(self, detectors: Sequence[WakeDetector], *, refractory: Seconds) -> None:
        self._detectors = tuple(detectors)
        self._refractory = Refractory(refractory)

    def process(self, frame: Frame) -> HeardEvent | None:
        """Take the next frame of the wake tap; return the word that it completes, if any."""
        heard = [event for detector in self._detectors if (event := detector.process(frame))]
        if not heard or not self._refractory.passes(frame.end):
            return None
        return heard[0]


class _Word:
    """One model, and what it thought of the last moments."""

    def __init__(self, name: str, sensitivity: float) -> None:
        self.name = name
        self._model, self._window = _load(name)
        self._cutoff = cutoff(sensitivity, self._model.probability_cutoff)
        self._recent: deque[float] = deque([0.0] * self._window, self._window)
        self._phase = 0
        self._above = False

    def feed(self, features: NDArray[np.float64]) -> float | None:
        """Take the features of the next 10 ms; return the score where it rises past the cutoff."""
        probability = self._model.process_streaming_prob(features)
        self._phase += 1
        if self._phase < self._model.stride:
            return None
        self._phase = 0
        self._recent.append(probability or 0.0)  # None: only of a closed model
        score = math.fsum(self._recent) / self._window
        was_above, self._above = self._above, score > self._cutoff
        return score if self._above and not was_above else None


def _load(name: str) -> tuple[MicroWakeWord, int]:
    """Load a model that gives bare probabilities, and the number of them that make a score.

    The library would take the mean itself, in exact arithmetic that costs more than the model.
    """
    known = ", ".join(model.value for model in Model)
    if name not in {model.value for model in Model}:
        raise ModelError(f"no ready-made wake word {name!r}; there are {known}")
    try:
        model = MicroWakeWord.from_builtin(Model(name))
        bare = MicroWakeWord(
            model.id,
            wake_word=model.wake_word,
            tflite_model=model.tflite_model,
            probability_cutoff=model.probability_cutoff,
            sliding_window_size=1,
            trained_languages=model.trained_languages,
            libtensorflowlite_c_path=model.libtensorflowlite_c_path,
        )
    except (ValueError, OSError, RuntimeError) as error:  # an older libc than 2.35, for one
        raise ModelError(f"wake word {name}: this machine cannot run it: {error}") from error
    return bare, model.sliding_window_size
