"""What runs in real time needs a machine that keeps time: no pauses of ours, and a witness.

In a process that has run thousands of other tests a full look of the collector takes hundreds of
milliseconds, in which no Python thread runs: not the room that hands sound on every 10 ms, either.
"""

import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.audio.priority import CARD_PRIORITY

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


MOST_STOLEN = 0.01
"""Share of a shared machine's processor time that others may take while real sound is judged. With
0.5 % all went well here, with 3 % a buffer of 10 ms ran dry every few seconds (2026-11-22)."""

_BUSY = "import time; end = time.monotonic() + 0.5\nwhile time.monotonic() < end: pass"

PATIENCE = 90.0
"""Seconds for a machine to become calm: others' bursts of work last for a minute or two."""


@dataclass
class Machine:
    """How the machine kept its time meanwhile; when all is over."""

    late: int = 0
    """How often a program as urgent as the box's card thread woke up too late. That is the
    machine's doing: nothing that is more urgent computes for so long."""

    stolen: float = 0.0
    """Share of the processor time that was given to others, 0 to 1."""

    @property
    def busy(self) -> bool:
        """Whether it was too busy for sound."""
        return self.late > 0 or self.stolen > MOST_STOLEN


@contextmanager
def metronome() -> Iterator[Machine]:
    """Watch meanwhile, with a program of its own, whether this machine keeps time."""
    words = _METRONOME.replace("URGENCY", str(CARD_PRIORITY + 1)).replace("LATE", str(LATE))
    machine = Machine()
    with subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-c", words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        before = _stolen()
        try:
            yield machine
        finally:
            machine.stolen = _share(before, _stolen())
            machine.late = int(program.communicate("\n")[0])


def wait_for_calm() -> None:
    """Return once this machine gives all its time to who asks, or after ``PATIENCE``."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        before = _stolen()
        programs = [
            subprocess.Popen([sys.executable, "-c", _BUSY])  # noqa: S603 - our own words
            for _ in range(os.cpu_count() or 1)
        ]
        for program in programs:
            program.wait()
        if _share(before, _stolen()) <= MOST_STOLEN:
            return
        time.sleep(3.0)


def _stolen() -> tuple[int, int]:
    """Return for how long others had our processors, and all time (``proc(5)``)."""
    line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    times = [int(word) for word in line.split()[1:9]]
    return times[7], sum(times)


def _share(before: tuple[int, int], after: tuple[int, int]) -> float:
    return (after[0] - before[0]) / max(after[1] - before[1], 1)
