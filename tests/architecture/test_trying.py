"""A test of real sound that fails tells of the box; of a machine that was too busy, nothing."""

from pathlib import Path

import pytest

from tests import trying
from tests.small_project import run_pytest
from tests.trying import BUSY, TRIES

pytestmark = pytest.mark.timeout(60)  # a process is started

CONFTEST = """
from itertools import count
import tests.trying
from tests.conftest import (
    pytest_collection_modifyitems, pytest_runtest_makereport, pytest_runtest_setup
)

SHARES = {shares}
looks = count()

def times():
    at = next(looks)  # two looks a try
    return round(1000 * sum(SHARES[: (at + 1) // 2])), 1000 * ((at + 1) // 2)

tests.trying.times, tests.trying.PATIENCE = times, 0.0
tests.trying.PAUSE = 0.0
"""
TEST = """
import pytest
pytestmark = pytest.mark.alone
tries = []

def test_it():
    tries.append(1)
    assert len(tries) > {fails}
"""
SETTINGS = """
[tool.pytest.ini_options]
timeout = 20
markers = ["alone: first"]
addopts = ["--import-mode=importlib"]
"""


def ran(
    folder: Path, *, shares: list[float], fails: int, test: str = TEST, kind: str = "."
) -> tuple[int, str]:
    (folder / "pyproject.toml").write_text(SETTINGS)
    (folder / "conftest.py").write_text(CONFTEST.format(shares=shares))
    (folder / kind).mkdir(exist_ok=True)
    (folder / kind / "test_it.py").write_text(test.format(fails=fails))
    done = run_pytest(folder, "-rx", seconds=50)
    return done.returncode, done.stdout


def test_four_failures_on_a_busy_machine_are_no_verdict_and_said(tmp_path: Path) -> None:
    code, out = ran(tmp_path, shares=[0.1, 0.2, 0.3, 0.04], fails=TRIES)
    assert (code, "1 xfailed, 3 rerun" in out) == (0, True), out
    assert "no verdict: others took 10%, 20%, 30%, 4% of this machine's time" in out


def test_one_failure_on_a_machine_that_was_let_work_is_a_failure(tmp_path: Path) -> None:
    code, out = ran(tmp_path, shares=[0.1, BUSY - 0.01, 0.3, 0.2], fails=TRIES)
    assert (code, "1 failed, 3 rerun" in out) == (1, True), out


def test_who_passes_at_last_has_passed(tmp_path: Path) -> None:
    code, out = ran(tmp_path, shares=[0.1] * TRIES, fails=TRIES - 1)
    assert (code, "1 passed, 3 rerun" in out) == (0, True), out


@pytest.mark.parametrize(("kind", "tries"), [("contract", 2), ("end_to_end", 2), ("driver", 1)])
def test_who_needs_other_programs_has_a_second_try(tmp_path: Path, kind: str, tries: int) -> None:
    test = TEST.replace("pytestmark", "unmarked")
    reruns = f", {tries - 1} rerun" if tries > 1 else ""
    code, out = ran(tmp_path, shares=[0.0], fails=tries, test=test, kind=kind)
    assert (code, f"1 failed{reruns} in" in out) == (1, True), out
    code, out = ran(tmp_path, shares=[0.0], fails=tries - 1, test=test, kind=kind)
    assert (code, f"1 passed{reruns} in" in out) == (0, True), out


def test_kernel_counts_what_others_take() -> None:
    before = trying.times()
    assert 0.0 <= trying.taken(before, trying.times()) <= 1.0
    assert trying.taken((10, 1000), (35, 1100)) == pytest.approx(0.25)
