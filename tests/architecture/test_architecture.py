"""The promises that hold for the whole tree."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "appliance"
MODULES = sorted(PACKAGE.rglob("*.py"))

LONGEST_MODULE = 400
LONGEST_FUNCTION = 60


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_import_contracts_are_kept() -> None:
    # a program of its own: in ours it would switch every logger off, for all tests after it
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports as l; exit(l())"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_module_fits_in_the_head(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_MODULE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < LONGEST_FUNCTION, node.name


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_threads_meet_the_event_loop_in_one_place_per_module(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    crossings = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "call_soon_threadsafe"
    ]
    assert len(crossings) <= 1


def test_every_error_is_in_the_tree_at_the_top_of_errors_py() -> None:
    tree = ast.parse((PACKAGE / "errors.py").read_text(encoding="utf-8"))
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    listed = set(re.findall(r"\* (\w+)", ast.get_docstring(tree) or ""))
    assert classes == listed
