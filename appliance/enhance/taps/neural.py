"""A neural residual suppressor that the user supplies: DTLN-aec in two ONNX files.

N. L. Westhausen and B. T. Meyer, "Acoustic echo cancellation with the dual-signal transformation
LSTM network" (ICASSP 2021). The first network masks the spectrum of a window, the second mends it
as a waveform; each is given the reference beside it and hands its state on. Which inputs they
must have stands in docs/echo.md.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from appliance.enhance.types import Mono
from appliance.errors import ModelError
from appliance.frames import FRAME_SAMPLES

FILES = ("dtln_aec_1.onnx", "dtln_aec_2.onnx")

WINDOW = 512
HOP = 128
"""Samples; the authors'. What comes out is 32 ms late: the window, and blocks that do not fit."""

_BINS = WINDOW // 2 + 1
_SPECTRUM, _WAVEFORM = (1, 1, _BINS), (1, 1, WINDOW)

Array = NDArray[np.float32]


class NeuralSuppressor:
    """The two networks, one window after the other; a ``Suppressor``.

    Args:
        folder: Holds the files of ``FILES``.

    Raises:
        ModelError: A file is missing or has other inputs; it is named.
    """

    def __init__(self, folder: Path) -> None:
        first, second = (folder / name for name in FILES)
        self._mask = _Network(first, _SPECTRUM)
        self._mend = _Network(second, _WAVEFORM)
        self._sound = np.zeros(WINDOW, np.float32)
        self._reference = np.zeros(WINDOW, np.float32)
        self._sum = np.zeros(WINDOW, np.float32)
        self._waiting = np.zeros((2, 0), np.float32)
        self._ready = np.zeros(HOP, np.float32)  # 160 is no multiple of 128

    def process(self, sound: Mono, reference: Mono) -> Mono:
        """Take the canceller's next 10 ms and the reference; give what is not echo."""
        self._waiting = np.concatenate([self._waiting, np.stack([sound, reference])], axis=1)
        while self._waiting.shape[1] >= HOP:
            self._step(*self._waiting[:, :HOP])
            self._waiting = self._waiting[:, HOP:]
        out, self._ready = self._ready[:FRAME_SAMPLES], self._ready[FRAME_SAMPLES:]
        return out

    def _step(self, sound: Array, reference: Array) -> None:
        for held, new in ((self._sound, sound), (self._reference, reference)):
            held[:-HOP] = held[HOP:]
            held[-HOP:] = new
        spectrum = np.fft.rfft(self._sound)
        mask = self._mask.run(np.abs(spectrum), np.abs(np.fft.rfft(self._reference)))
        masked = np.fft.irfft(spectrum * np.nan_to_num(mask))
        self._sum[:-HOP] = self._sum[HOP:]
        self._sum[-HOP:] = 0.0
        self._sum += np.clip(np.nan_to_num(self._mend.run(masked, self._reference)), -1.0, 1.0)
        self._ready = np.concatenate([self._ready, self._sum[:HOP]])


class _Network:
    """One of the two: takes sound, state and reference, gives sound and state."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self._session = _opened(path)
        inputs = self._session.get_inputs()
        self._sounds = [node.name for node in inputs if _is(node.shape, shape)]
        states = [node for node in inputs if node.name not in self._sounds]
        outputs = [node.shape for node in self._session.get_outputs()]
        fits = len(self._sounds) == len(outputs) == 2 and len(states) == 1
        if not fits or not _is(outputs[0], shape) or not _known(states[0].shape):
            raise ModelError(
                f"{path}: not a half of DTLN-aec as docs/echo.md describes: inputs "
                f"{[node.shape for node in inputs]}, outputs {outputs}"
            )
        self._shape = shape
        self._state_name: str = states[0].name
        self._state = np.zeros(states[0].shape, np.float32)

    def run(self, sound: NDArray[Any], reference: NDArray[Any]) -> Array:
        """Return what the network makes of both, shape ``(n,)``."""
        feeds = zip(self._sounds, (sound, reference), strict=True)
        given = {name: array.reshape(self._shape).astype(np.float32) for name, array in feeds}
        given[self._state_name] = self._state
        out, self._state = self._session.run(None, given)
        return np.asarray(out, np.float32).reshape(-1)


def _is(shape: Sequence[int | str | None], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        not isinstance(has, int) or has == wants for has, wants in zip(shape, wanted, strict=True)
    )


def _known(shape: Sequence[int | str | None]) -> bool:
    return all(isinstance(size, int) for size in shape)


def _opened(path: Path) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise ModelError(f"{path}: missing; echo.residual_model wants a folder with it")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's own exceptions share no base class
        raise ModelError(f"{path}: not a model that can be used: {error}") from error
