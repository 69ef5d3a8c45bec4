"""Sentence → vector: MiniLM, quantized, through onnxruntime. English only."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from appliance.backend.local.session import open_session
from appliance.errors import ModelError

Vectors = NDArray[np.float32]

_LONGEST = 64
"""Word pieces; requests have under 40."""


class Embedder:
    """Turns sentences into vectors. Loaded on first use; one thread at a time.

    Args:
        folder: Holds ``model.onnx`` and ``tokenizer.json``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def vectors(self, sentences: Sequence[str]) -> Vectors:
        """Return shape ``(len(sentences), 384)``, each row of length 1.

        Raises:
            ModelError: The model is missing or failed.
        """
        rows = [self._vector(sentence) for sentence in sentences]
        return np.stack(rows) if rows else np.zeros((0, 384), np.float32)

    def load(self) -> None:
        """Load the model now.

        Raises:
            ModelError: It is missing or cannot be used.
        """
        self._tokenizer  # noqa: B018 - read once, kept
        self._session  # noqa: B018

    @cached_property
    def _session(self) -> ort.InferenceSession:
        return open_session(self._folder / "model.onnx")

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        file = self._folder / "tokenizer.json"
        if not file.is_file():
            raise ModelError(f"{file} is missing; `./run models fetch` gets it")
        try:
            tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises plain exceptions
            raise ModelError(f"{file} cannot be used: {error}") from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(_LONGEST)
        return tokenizer

    def _vector(self, sentence: str) -> NDArray[np.float32]:
        ids = np.array([self._tokenizer.encode(sentence).ids], np.int64)
        feed = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        wanted = {value.name for value in self._session.get_inputs()}
        try:
            (hidden,) = self._session.run(
                None, {name: value for name, value in feed.items() if name in wanted}
            )
        except Exception as error:  # onnxruntime raises a dozen classes of its own
            raise ModelError(f"MiniLM failed: {type(error).__name__}") from error
        mean = np.asarray(hidden, np.float32)[0].mean(axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)
