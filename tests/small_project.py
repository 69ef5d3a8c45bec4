"""A small project of its own in a folder, whose tests run as a program with our hooks."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run_pytest(folder: Path, *arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run the tests of a folder, quietly; they may import ``tests`` and ``appliance``.

    Args:
        folder: Has the tests, a ``conftest.py`` and a ``pyproject.toml``.
        arguments: More for pytest.
        seconds: It may take.
    """
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "pytest", "-q", *arguments, "--rootdir", str(folder)],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
