"""What runs in real time needs a machine that keeps time: no pauses of ours, and a witness.

In a process that has run thousands of other tests a full look of the collector takes hundreds of
milliseconds, in which no Python thread runs: not the room that hands sound on every 10 ms, either.
"""

import gc
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from appliance.audio.priority import CARD_PRIORITY
from tests.trying import CALM, taken, times

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


_METRONOME = """
import os, select, time
try:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(URGENCY))
except PermissionError:
    pass
late = 0
due = time.monotonic()
while not select.select([0], [], [], max(0.0, due - time.monotonic()))[0]:
    now = time.monotonic()
    if now - due > LATE:
        late += 1
    due = max(due + 0.005, now)
print(late)
"""

LATE = 0.015
"""Seconds by which a program that only wants to wake up is late on a machine that is too busy for
sound: more than a buffer of 10 ms bears."""


@dataclass
class Machine:
    """How the machine kept its time meanwhile; when all is over."""

    late: int = 0
    """How often a program as urgent as the box's card thread woke up too late. That is the
    machine's doing: nothing that is more urgent computes for so long."""

    taken: float = 0.0
    """Share of the processor time that others had, 0 to 1."""

    @property
    def busy(self) -> bool:
        """Whether it was too busy for sound."""
        return self.late > 0 or self.taken > CALM


@contextmanager
def metronome() -> Iterator[Machine]:
    """Watch meanwhile, with a program of its own, whether this machine keeps time."""
    words = _METRONOME.replace("URGENCY", str(CARD_PRIORITY + 1)).replace("LATE", str(LATE))
    machine = Machine()
    with subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-c", words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        before = times()
        try:
            yield machine
        finally:
            machine.taken = taken(before, times())
            machine.late = int(program.communicate("\n")[0])
