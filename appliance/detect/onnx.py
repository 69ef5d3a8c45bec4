"""Opens ONNX models, all in the same frugal way."""

import threading
from collections.abc import Sequence
from pathlib import Path
from weakref import WeakValueDictionary

import onnxruntime

from appliance.errors import ModelError

_open: WeakValueDictionary[tuple[Path, int, int], onnxruntime.InferenceSession] = (
    WeakValueDictionary()
)
_opening = threading.Lock()

Shape = Sequence[int | str | None]
"""Of a model's input or output; a name or ``None`` where any length fits."""


def open_model(path: Path) -> onnxruntime.InferenceSession:
    """Open a model for one thread that sleeps while it has nothing to do.

    The models here take well under a millisecond a step: a second thread would cost more in
    waking up than it saves, and a spinning one would keep a core busy between the steps. Without
    the memory arena and the memory pattern a session holds what it needs and no more.

    Whoever asks for a file that is open already gets the same session: its weights are in memory
    once (Silero listens and trims), and it may run in several threads at a time. Any thread.

    Raises:
        ModelError: The file is missing or is not a model.
    """
    if not path.is_file():
        raise ModelError(f"{path}: missing; `voice-appliance models fetch` gets the models")
    seen = path.stat()
    key = (path.resolve(), seen.st_mtime_ns, seen.st_size)
    with _opening:
        if (session := _open.get(key)) is None:
            session = _open[key] = _opened(path)
        return session


def _opened(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors only: warnings about the graph help nobody at home
    try:
        return onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's own exceptions share no base class
        raise ModelError(f"{path}: not a model that can be used: {error}") from error


def fits(shape: Shape, wanted: Sequence[int]) -> bool:
    """Tell whether an array of the wanted shape may be given to an input of this shape."""
    return len(shape) == len(wanted) and all(
        not isinstance(has, int) or has == wants for has, wants in zip(shape, wanted, strict=True)
    )
