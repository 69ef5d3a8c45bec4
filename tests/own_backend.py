"""Installs backends of other people into a folder, as pip would, for tests."""

import shutil
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EXAMPLE = Path(__file__).parent / "examples" / "own-backend"
GROUP = "voice_appliance.backends"


@contextmanager
def installed(folder: Path) -> Iterator[Path]:
    """Have packages found in a folder as in ``site-packages``; their modules are forgotten then.

    Args:
        folder: Where; made if it is not there.
    """
    folder.mkdir(exist_ok=True)
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield folder
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


def install_example(folder: Path) -> None:
    """Install the example of the docs: its package, and what its ``pyproject.toml`` says."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (package,) = (each for each in EXAMPLE.iterdir() if each.is_dir() and each.name[0] != ".")
    shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    write_metadata(folder, project["name"], project["entry-points"][GROUP])


def install_module(folder: Path, name: str, text: str) -> None:
    """Install a package of one module, whose ``KIND`` is a backend of the same name."""
    (folder / f"{name}_module.py").write_text(text, encoding="utf-8")
    write_metadata(folder, name, {name: f"{name}_module:KIND"})


def write_metadata(folder: Path, project: str, entries: dict[str, str]) -> None:
    """Write what pip leaves of a package: its name and its entry points."""
    info = folder / f"{project.replace('-', '_')}-1.0.0.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0.0\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    lines = "".join(f"{name} = {value}\n" for name, value in entries.items())
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}", encoding="utf-8")
