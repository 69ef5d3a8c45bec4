"""What the enhancer has learnt of a room, as bytes that outlive a restart."""

import io
import logging
import zipfile
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

Learnt = dict[str, NDArray[np.float32]]
"""Arrays by name: the stage's and the stage's own, with a dot between."""

VERSION = 1
"""Of what the stages keep; another one is not read."""

_VERSION = "version"
MOST = 16 * 1024 * 1024
"""Bytes; more is no state of ours."""


def pack(learnt: Mapping[str, NDArray[np.float32]]) -> bytes:
    """Return it as one file; empty if nothing was learnt."""
    if not learnt:
        return b""
    file = io.BytesIO()
    version = np.array([VERSION], np.float32)
    named = {name: np.asarray(array, np.float32) for name, array in learnt.items()}
    np.savez(file, allow_pickle=False, **{**named, _VERSION: version})
    return file.getvalue()


def unpack(state: bytes) -> Learnt:
    """Return what was packed; nothing, with a line in the log, if it is not whole."""
    if not state:
        return {}
    try:
        learnt = _read(state)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, MemoryError):
        learnt = {}
    if not learnt:
        log.warning("echo: what was learnt before cannot be read, and is learnt anew")
    return learnt


def _read(state: bytes) -> Learnt:
    if len(state) > MOST:
        return {}
    with np.load(io.BytesIO(state), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    fits = arrays.pop(_VERSION).tolist() == [VERSION]
    return arrays if fits and all(_sound(array) for array in arrays.values()) else {}


def _sound(array: NDArray[np.float32]) -> bool:
    return array.dtype == np.float32 and bool(np.isfinite(array).all())


def part(learnt: Mapping[str, NDArray[np.float32]], stage: str) -> Learnt:
    """Return what is of one stage, by its own names."""
    begin = f"{stage}."
    return {name[len(begin) :]: a for name, a in learnt.items() if name.startswith(begin)}


def named(stage: str, learnt: Mapping[str, NDArray[np.float32]]) -> Learnt:
    """Return the arrays of one stage by names that are its own among all."""
    return {f"{stage}.{name}": array for name, array in learnt.items()}
