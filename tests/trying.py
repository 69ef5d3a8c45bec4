"""Tries of the tests of real sound, and what a try on a busy machine tells: nothing.

A test that needs other programs (``contract``, ``end_to_end``) has a second try: where two
programs race on a machine with little time, the one that always wins may lose. Any other has one.

A shared machine gives its processors to others when it likes, for minutes. A test that is marked
``alone`` has four tries, and each further one waits for a calm machine. If it failed four times,
and others took so much in each of them that no sound server can keep its time, there is no
verdict: the summary counts an ``xfailed`` with the shares. A single failure on a machine that was
let work is a failure. Everything that such a test claims is claimed without a clock, too
(``test_own_voice``, ``test_realtime``, ``test_replay`` and others), where every try counts.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

TRIES = 4
TRIES_WITH_OTHERS = 2
OTHERS = frozenset({"contract", "end_to_end"})
"""Folders of the tests that need other programs."""

PAUSE = 2.0
"""Seconds before the next try."""

CALM = 0.01
"""Share of the processor time that others may take before another try begins. With 0.5 % all went
well here, with 3 % a buffer of 10 ms ran dry every few seconds (2026-11-22)."""

BUSY = 0.03
"""Share from which on a failed try tells nothing."""

PATIENCE = 90.0
"""Seconds for the machine to become calm: others' bursts of work last for a minute or two."""

ALL_PATIENCE = 150.0
"""Seconds of one run of the tests that may be waited."""

_WORK = "import time; end = time.monotonic() + 0.5\nwhile time.monotonic() < end: pass"

Times = tuple[int, int]
"""For how long others had the processors that this machine wanted, and all time."""

_began = pytest.StashKey[Times]()
_shares = pytest.StashKey[list[float]]()
_left = ALL_PATIENCE


def times() -> Times:
    """Return what the kernel has counted so far (``proc(5)``)."""
    line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    counted = [int(word) for word in line.split()[1:9]]
    return counted[7], sum(counted)


def taken(before: Times, after: Times) -> float:
    """Return the share that others had meanwhile, 0 to 1."""
    return (after[0] - before[0]) / max(after[1] - before[1], 1)


def tries(item: pytest.Item) -> int:
    """Return how often a test may be tried."""
    if item.get_closest_marker("alone"):
        return TRIES
    return TRIES_WITH_OTHERS if OTHERS & set(_folders(item)) else 1


def _folders(item: pytest.Item) -> tuple[str, ...]:
    return item.path.relative_to(item.config.rootpath).parts


def try_again(item: pytest.Item) -> None:
    """Let a test be tried as often as it may, and each try take as long as the test says."""
    if (most := tries(item)) == 1:
        return
    item.add_marker(pytest.mark.flaky(reruns=most - 1, reruns_delay=PAUSE))
    limit = item.get_closest_marker("timeout")
    seconds = limit.args[0] if limit else float(item.config.getini("timeout"))
    item.add_marker(pytest.mark.timeout(seconds, func_only=True), append=False)


def begin(item: pytest.Item) -> None:
    """Begin a try; a further one waits."""
    if getattr(item, "execution_count", 1) > 1:  # of pytest-rerunfailures
        wait_for_calm()
    item.stash[_began] = times()


def judge(item: pytest.Item, report: pytest.TestReport) -> None:
    """Take the verdict from a last failed try if no try was on a machine that was let work."""
    if not report.failed or report.when == "teardown" or _began not in item.stash:
        return
    shares = item.stash.setdefault(_shares, [])
    shares.append(taken(item.stash[_began], times()))
    if len(shares) >= TRIES and min(shares) > BUSY:
        report.outcome = "skipped"
        told = ", ".join(f"{share:.0%}" for share in shares)
        report.wasxfail = f"no verdict: others took {told} of this machine's time"


def wait_for_calm() -> None:
    """Return once this machine gives its time to who asks, or when patience is at its end."""
    global _left  # noqa: PLW0603 - there is one machine
    began = time.monotonic()
    while time.monotonic() - began < min(PATIENCE, _left):
        before = times()
        programs = [
            subprocess.Popen([sys.executable, "-c", _WORK])  # noqa: S603 - our own words
            for _ in range(os.cpu_count() or 1)
        ]
        for program in programs:
            program.wait()
        if taken(before, times()) <= CALM:
            break
        time.sleep(3.0)
    _left -= time.monotonic() - began
