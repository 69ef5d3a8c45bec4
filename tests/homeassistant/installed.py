"""Installs Home Assistant, the newest that a Python here takes."""

import json
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

NEEDED = ("mqtt", "frontend", "backup", "conversation", "network")
"""Parts of it that it starts with, or that we use, and that bring requirements of their own."""


@dataclass(frozen=True)
class Installed:
    """Where it is, and what that took."""

    program: Path
    version: str
    seconds: float
    megabytes: int


def install(folder: Path, python: str) -> Installed:
    """Install it, unless it is there.

    Args:
        folder: The environment, made anew where there is none.
        python: A Python that it takes: 3.13 or newer.
    """
    began = time.monotonic()
    program = folder / "bin" / "hass"
    if not program.exists():
        _run(_uv(), "venv", "--quiet", "--python", python, str(folder))
        _install(folder, "homeassistant")
        _install(folder, *_requirements(folder))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    (info,) = folder.glob("lib/python*/site-packages/homeassistant-*.dist-info")
    version = info.name.removeprefix("homeassistant-").removesuffix(".dist-info")
    return Installed(program, version, time.monotonic() - began, round(size / 1e6))


def _requirements(folder: Path) -> list[str]:
    (components,) = folder.glob("lib/python*/site-packages/homeassistant/components")
    found: list[str] = []
    for name in NEEDED:
        manifest = json.loads((components / name / "manifest.json").read_text(encoding="utf-8"))
        found += manifest.get("requirements", [])
    return found


def _install(folder: Path, *packages: str) -> None:
    _run(_uv(), "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *packages)


def _uv() -> str:
    own = Path(__file__).parents[2] / ".tools" / "bin" / "uv"
    found = str(own) if own.exists() else shutil.which("uv")
    if found is None:
        raise SystemExit("there is no uv; ./run installs one")
    return found


def _run(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603 - our own words
