"""No pauses of the garbage collector while something runs in real time.

In a process that has run thousands of other tests a full look of the collector takes hundreds of
milliseconds, in which no Python thread runs: not the room that hands sound on every 10 ms, either.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_inside = 0


@contextmanager
def steady() -> Iterator[None]:
    """Keep the collector still; may be nested."""
    global _inside  # noqa: PLW0603 - there is one collector
    if _inside == 0:
        gc.collect()
        gc.freeze()
        gc.disable()
    _inside += 1
    try:
        yield
    finally:
        _inside -= 1
        if _inside == 0:
            gc.enable()
            gc.unfreeze()
