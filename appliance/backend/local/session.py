"""How every model of this backend is opened: lean in memory, quiet on the other cores."""

import ctypes
import logging
from pathlib import Path

import onnxruntime as ort

from appliance.errors import ModelError

log = logging.getLogger(__name__)


def open_session(path: Path, *, threads: int = 1) -> ort.InferenceSession:
    """Open a model on the CPU.

    Without the arena a model keeps about 15 MB less once it has run, at the same speed, for its
    tensors are small; spinning would take the core on which the hearing thread runs. To plan which
    tensor may lie where another was, onnxruntime compares each with all that are free: 1.3 s for
    the 3 000 nodes of a voice, and without the plan speed and memory are the same.

    Args:
        path: An ``.onnx`` or ``.ort`` file.
        threads: Cores that one run may use.

    Raises:
        ModelError: The file is missing or onnxruntime refuses it.
    """
    if not path.is_file():
        raise ModelError(f"{path} is missing; `./run models fetch` gets it")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.enable_mem_reuse = False
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a dozen classes of its own without a base
        raise ModelError(f"{path} cannot be used: {error}") from error


def give_memory_back() -> None:
    """Return to the system what runs and loading left behind, which glibc would keep.

    It takes a few milliseconds, without the interpreter's lock; any thread.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):  # another C library
        log.debug("malloc_trim is not there")
