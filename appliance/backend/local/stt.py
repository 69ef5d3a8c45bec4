"""Speech to text: Moonshine, an encoder and a decoder that writes one token at a time.

The three files are what ``appliance/store/moonshine.py`` makes at set-up of the two published
ones, so that every weight is in memory once, in eight bits.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from appliance.backend.local import vocabulary
from appliance.backend.local.session import open_session
from appliance.errors import ModelError
from appliance.frames import RATE

Size = Literal["base", "tiny"]

TOKENS_PER_SECOND = 6.5
"""More than people speak (the model's authors use the same bound); a decoder that repeats itself
is stopped there."""

SPARE_TOKENS = 6
"""For the shortest clips: a word may have several tokens."""

SHORTEST = RATE // 10
"""Samples below which the encoder's convolutions have nothing to work on."""

BASE_NEEDS = 3_000_000_000
"""Bytes of memory from which the base size is chosen: a board sold with 4 GB, not one with 2."""

_SAME_FOR_ALL = {"encoder_hidden_states", "encoder_attention_mask"}
"""Inputs of the step in the tiny size; it takes no more than their lengths from them."""


def choose_size(setting: Literal["auto", "base", "tiny"], *, memory: int) -> Size:
    """Return which Moonshine to use on a machine with so many bytes of memory."""
    if setting != "auto":
        return setting
    return "base" if memory >= BASE_NEEDS else "tiny"


class Transcriber:
    """Writes down what was said. One thread at a time.

    Args:
        folder: Holds ``encoder.onnx``, ``cross.onnx``, ``step.onnx``, its ``tokens.bin``, and
            ``tokenizer.json`` or ``tokenizer.bin``.
        threads: Cores that one run may use.

    Raises:
        ModelError: A file is missing or cannot be used.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        self._vocabulary = vocabulary.load(folder)
        self._encoder = open_session(folder / "encoder.onnx", threads=threads)
        self._cross = open_session(folder / "cross.onnx", threads=threads)
        self._step = open_session(folder / "step.onnx", threads=threads)
        shapes = {value.name: value.shape for value in self._step.get_inputs()}
        self._attended = [value.name for value in self._cross.get_outputs()]
        self._memory = [name for name in shapes if ".decoder." in name]
        if not shapes.keys() <= {*self._attended, *self._memory, *_SAME_FOR_ALL, "input_ids"}:
            raise ModelError(f"the files in {folder} do not fit together")
        self._nothing = {
            name: np.zeros((1, shapes[name][1], 0, shapes[name][3]), np.float32)
            for name in self._memory
        }
        self._outputs = ["logits", *(_after(name) for name in self._memory)]
        self._asks = shapes.keys() & _SAME_FOR_ALL
        self._masked = len(self._encoder.get_inputs()) > 1

    def transcribe(self, samples: NDArray[np.int16]) -> str:
        """Return what was said, or nothing at all.

        Args:
            samples: Shape ``(n,)`` at ``frames.RATE``, without silence around the speech: with it
                the model may return nothing (see ``trim``).

        Raises:
            ModelError: The model failed.
        """
        if len(samples) < SHORTEST:
            return ""
        try:
            return self._vocabulary.text(self._tokens(samples))
        except Exception as error:  # onnxruntime raises a dozen classes of its own
            raise ModelError(f"the transcription failed: {type(error).__name__}") from error

    def _tokens(self, samples: NDArray[np.int16]) -> list[int]:
        past = self._attend(samples) | self._nothing
        token = vocabulary.BEGIN
        tokens: list[int] = []
        for _ in range(round(len(samples) / RATE * TOKENS_PER_SECOND) + SPARE_TOKENS):
            feed = past | {"input_ids": np.array([[token]], np.int64)}
            logits, *memory = self._step.run(self._outputs, feed)
            past |= dict(zip(self._memory, memory, strict=True))
            token = int(logits[0, -1].argmax())
            if token == vocabulary.END:
                break
            tokens.append(token)
        return tokens

    def _attend(self, samples: NDArray[np.int16]) -> dict[str, NDArray[Any]]:
        """Return what every step is given: what there is to attend to."""
        feed: dict[str, NDArray[Any]] = {
            "input_values": samples.astype(np.float32)[np.newaxis] / 32_768
        }
        mask = np.ones((1, len(samples)), np.int64)
        if self._masked:
            feed["attention_mask"] = mask
        (hidden,) = self._encoder.run(None, feed)
        given = self._cross.run(self._attended, {"encoder_hidden_states": hidden})
        same = {"encoder_hidden_states": hidden, "encoder_attention_mask": mask}
        return dict(zip(self._attended, given, strict=True)) | {
            name: same[name] for name in self._asks
        }


def _after(memory: str) -> str:
    """Return the output that is the next step's ``memory``."""
    return memory.replace("past_key_values", "present")
