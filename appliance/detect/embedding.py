"""Wake words of one's own: any ONNX head over the speech-embedding backbone.

Two models are shared by all words: one makes mel spectra of sound, one makes an embedding of 96
values of 76 of them (0.76 s), every 80 ms. A head takes the last 16 embeddings (2 s) and gives one
score. The numbers are those of the backbone (Google's speech_embedding, as openWakeWord feeds it).

**Cold start.** A head that sees buffers of zeros reports words that nobody said (15 false alarms
in an hour of clips fed cold, none once warm). So the buffers are filled with quiet noise before
the first frame, and what a head says meanwhile is never looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from appliance.detect.onnx import fits, open_model
from appliance.detect.threshold import Refractory, cutoff
from appliance.errors import ModelError
from appliance.events import WakeWordHeard
from appliance.frames import Frame
from appliance.units import Seconds

STEP = 1280
"""Samples between embeddings: 80 ms, 8 mel frames."""

CONTEXT = 480
"""Samples before a step that its mel frames reach back over."""

MELS = 32
MEL_WINDOW = 76
EMBEDDINGS = 16
VALUES = 96

WARM_UP = 25
"""Steps of noise that fill both buffers: 76 mel frames and then 16 embeddings are 25 steps."""

PUBLISHED = 0.5
"""The threshold of a head that does not name its own in its metadata (``threshold``)."""


@dataclass(frozen=True, slots=True)
class Head:
    """A wake word's own part."""

    word: str
    model: Path


class Backbone:
    """Sound in, the latest embeddings out; the buffers start full of quiet noise.

    Args:
        folder: Holds ``melspectrogram.onnx`` and ``embedding_model.onnx``.

    Raises:
        ModelError: A file is missing or is another model.
    """

    def __init__(self, folder: Path) -> None:
        self._mel, self._mel_input = _open(folder / "melspectrogram.onnx", (1, STEP + CONTEXT))
        self._embed, self._embed_input = _open(
            folder / "embedding_model.onnx", (1, MEL_WINDOW, MELS, 1)
        )
        self._sound = np.zeros((1, CONTEXT + STEP), dtype=np.float32)
        self._mels = np.zeros((1, MEL_WINDOW, MELS, 1), dtype=np.float32)
        self.embeddings = np.zeros((1, EMBEDDINGS, VALUES), dtype=np.float32)
        """The latest, oldest first; changed by ``step``."""
        quiet = np.random.default_rng(0)
        for _ in range(WARM_UP):
            self.step(quiet.normal(0.0, 3.0, STEP).round().astype(np.int16))

    def step(self, sound: NDArray[np.int16]) -> None:
        """Take the next ``STEP`` samples."""
        self._sound[0, :CONTEXT] = self._sound[0, STEP:]
        self._sound[0, CONTEXT:] = sound  # in units of samples, as the backbone was trained
        (mels,) = self._mel.run(None, {self._mel_input: self._sound})
        mels = mels.reshape(-1, MELS) / 10.0 + 2.0  # the scale of the embedding's training
        _push(self._mels[0], mels[:, :, np.newaxis])
        (embedding,) = self._embed.run(None, {self._embed_input: self._mels})
        _push(self.embeddings[0], embedding.reshape(1, VALUES))


class EmbeddingWake:
    """Listens for words of one's own; a ``WakeDetector``.

    Args:
        backbone: The folder of the two shared models.
        heads: The words.
        sensitivity: 0 to 1; see ``threshold.cutoff``.
        refractory: After a word, the time in which none is looked for.

    Raises:
        ModelError: A file is missing, is no model, or does not fit; the message says which.
    """

    def __init__(
        self,
        backbone: Path,
        heads: Sequence[Head],
        *,
        sensitivity: float = 0.5,
        refractory: Seconds = Seconds(2.0),
    ) -> None:
        self._backbone = Backbone(backbone)
        self._words = tuple(_Word(head, sensitivity) for head in heads)
        self._refractory = Refractory(refractory)
        self._step = np.zeros(STEP, dtype=np.int16)
        self._filled = 0

    def process(self, frame: Frame) -> WakeWordHeard | None:
        """Take the next frame of the wake tap, of at most ``STEP`` samples."""
        sound = frame.samples
        taken = min(len(sound), STEP - self._filled)
        self._step[self._filled : self._filled + taken] = sound[:taken]
        self._filled += taken
        if self._filled < STEP:
            return None
        self._backbone.step(self._step)
        self._filled = len(sound) - taken
        self._step[: self._filled] = sound[taken:]
        passed = [(score, w.name) for w in self._words if (score := w.score(self._backbone))]
        if not passed or not self._refractory.passes(frame.end):
            return None
        score, name = max(passed)
        return WakeWordHeard(name, score, frame.end)


class _Word:
    """One head."""

    def __init__(self, head: Head, sensitivity: float) -> None:
        self.name = head.word
        self._session, self._input = _open(head.model, (1, EMBEDDINGS, VALUES))
        outputs = [node.shape for node in self._session.get_outputs()]
        if len(outputs) != 1:
            raise ModelError(f"{head.model}: a head has one output, this has {len(outputs)}")
        first = self._session.run(None, {self._input: np.zeros((1, 16, 96), np.float32)})[0]
        if first.size != 1:
            raise ModelError(f"{head.model}: a head gives one score, this gives {first.size}")
        self._cutoff = cutoff(sensitivity, _published(self._session, head.model))
        self._above = False

    def score(self, backbone: Backbone) -> float | None:
        """Return the score where it rises past the cutoff."""
        (output,) = self._session.run(None, {self._input: backbone.embeddings})
        score = float(output.reshape(()))
        was_above, self._above = self._above, score > self._cutoff
        return score if self._above and not was_above else None


def _open(path: Path, shape: Sequence[int]) -> tuple[onnxruntime.InferenceSession, str]:
    session = open_model(path)
    inputs = session.get_inputs()
    if len(inputs) != 1 or not fits(inputs[0].shape, shape):
        has = " and ".join(str(node.shape) for node in inputs)
        raise ModelError(f"{path}: takes {has}, but what there is has the shape {list(shape)}")
    return session, inputs[0].name


def _published(session: onnxruntime.InferenceSession, path: Path) -> float:
    text = session.get_modelmeta().custom_metadata_map.get("threshold", PUBLISHED)
    try:
        threshold = float(text)
    except ValueError:
        threshold = 0.0
    if not 0.0 < threshold < 1.0:
        raise ModelError(f"{path}: its threshold {text!r} is not between 0 and 1")
    return threshold


def _push(buffer: NDArray[np.float32], newest: NDArray[np.float32]) -> None:
    """Move everything in the buffer up and put the newest at its end."""
    count = len(newest)
    buffer[:-count] = buffer[count:]
    buffer[-count:] = newest
