"""How the C library keeps memory."""

import ctypes
import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # glibc's <malloc.h>

_BIG = 1 << 20
_BIGGEST = 32 << 20  # the most that glibc takes; by itself it goes there step by step


@contextmanager
def lean_while_loading() -> Iterator[None]:
    """Keep what loading needs for a moment from staying with the process.

    glibc gives each new thread a heap of its own; the models load side by side, and what their
    threads leave behind in heaps that nobody uses again is never given back (12 MB). So threads
    that begin from here on share one. And whole files pass through it, whose holes stay in some
    starts (20 MB): big blocks come from the system meanwhile. Afterwards they come from the heap
    again: to map and unmap every tensor would double the time to an answer.
    """
    _set(_ARENA_MAX, 1)
    _set(_MMAP_THRESHOLD, _BIG)
    try:
        yield
    finally:
        _set(_MMAP_THRESHOLD, _BIGGEST)
        _set(_TRIM_THRESHOLD, 2 * _BIGGEST)


def _set(what: int, value: int) -> None:
    try:
        done = ctypes.CDLL(None).mallopt(what, value)
    except (AttributeError, OSError):  # another C library
        done = 0
    if not done:
        log.debug("the C library does not take mallopt(%d, %d)", what, value)
