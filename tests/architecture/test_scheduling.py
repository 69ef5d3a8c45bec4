"""What needs the machine alone has it, first, with four tries; all else runs in all processes."""

import ast
import re
from pathlib import Path

import pytest

from tests.scheduling import FIRST, SLOW, is_alone
from tests.small_project import run_pytest

pytestmark = pytest.mark.timeout(120)  # two processes are started

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "tests").rglob("test_*.py"))
REAL_TIME = {"tests.sound_server", "tests.live_room"}

CONFTEST = (
    "from tests.conftest import pytest_collection_modifyitems, pytest_xdist_make_scheduler\n"
)
SETTINGS = """
[tool.pytest.ini_options]
timeout = 20
markers = ["alone: first"]
addopts = ["--strict-markers", "--import-mode=importlib"]
"""
TESTS = """
import os, time
from pathlib import Path
import pytest

{mark}

@pytest.mark.parametrize("number", range({count}))
def test_it(number):
    worker = os.environ["PYTEST_XDIST_WORKER"]
    with Path("came.txt").open("a") as file:
        file.write(f"{{Path(__file__).stem}} {{number}} {{worker}}\\n")
    time.sleep(0.1)
    assert (Path(__file__).stem, number) not in {failing}
"""


def test_who_uses_a_live_sound_server_is_alone() -> None:
    for file in FILES:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        used = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert is_alone(file) or used.isdisjoint(REAL_TIME), file


def test_alone_are_whole_modules() -> None:
    for file in FILES:
        text = file.read_text(encoding="utf-8")
        if file != Path(__file__) and is_alone(file):
            assert re.search(r"^pytestmark = .*pytest\.mark\.alone", text, re.MULTILINE), file


def written(folder: Path, name: str, mark: str, count: int, failing: object = ()) -> None:
    (folder / f"test_{name}.py").write_text(TESTS.format(mark=mark, count=count, failing=failing))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(SETTINGS)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    return tmp_path


def ran(project: Path) -> tuple[str, list[list[str]]]:
    done = run_pytest(project, "-n", "2", "-rR", seconds=100)
    came = (project / "came.txt").read_text().splitlines()
    return done.stdout, [line.split() for line in came]


def test_alone_comes_first_in_one_process_and_all_else_runs_even_when_it_fails(
    project: Path,
) -> None:
    mark = "pytestmark = pytest.mark." + "alone"
    written(project, "x_alone", mark, 3)
    written(project, "y_alone", mark, 1, failing=[("test_y_alone", 0)])
    for name in ("a", "b", "c", "d"):
        written(project, name, "", 1 if name < "c" else 6, failing=[("test_c", 5)])
    out, came = ran(project)
    assert "2 failed, 16 passed, 3 rerun" in out, out
    names = [name for name, _, _ in came]
    assert all("alone" in name for name in names[:7]), came  # 3, and 1 with four tries
    assert not any("alone" in name for name in names[7:]), came
    assert len({worker for _, _, worker in came[:7]}) == 1
    assert len({worker for _, _, worker in came[7:]}) == 2


def test_where_all_is_alone_the_run_ends(project: Path) -> None:
    mark = "pytestmark = pytest.mark." + "alone"
    written(project, "x", mark, 1)
    written(project, "y", mark, 1)
    out, came = ran(project)
    assert "2 passed" in out, out
    assert len({worker for _, _, worker in came}) == 1


def test_files_that_take_longest_are_there() -> None:
    for file in (FIRST, *SLOW):
        assert (ROOT / file).is_file(), file
