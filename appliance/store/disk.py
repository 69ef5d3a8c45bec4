"""Files on disk: written whole or not at all, and compared with what they must be."""

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from appliance.errors import ModelError
from appliance.store.manifest import Content

_CHUNK = 1 << 18


def digest_of(path: Path) -> Content:
    """Read a whole file; return its size and SHA-256."""
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return Content(size, digest.hexdigest())


def write_whole(path: Path, data: bytes) -> None:
    """Replace a small file in one step; no promise that it survives a power cut."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


class Reads(Protocol):
    """A stream, as far as it is needed here."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""
        ...


def save_stream(stream: Reads, path: Path, *, want: Content, tell: Callable[[int], None]) -> None:
    """Write what a stream gives to ``path``, but only if it is what it must be.

    It appears under its name in one step, after it is safely on the disk. Little more than the
    expected bytes is ever written, whatever the stream would give. Only one process at a time may
    write the same file.

    Args:
        stream: The file's bytes.
        path: Where it goes; its folder exists.
        want: What it must be.
        tell: Is told the bytes written so far.

    Raises:
        ModelError: The stream gave something else.
        OSError: The disk, or the stream.
    """
    part = path.with_name(f".{path.name}.part")  # one name, so that a killed run leaves but one
    digest = hashlib.sha256()
    size = 0
    try:
        with part.open("wb") as file:
            while size <= want.size and (chunk := stream.read(_CHUNK)):
                digest.update(chunk)
                file.write(chunk)
                size += len(chunk)
                tell(min(size, want.size))
        if (problem := difference(Content(size, digest.hexdigest()), want)) is not None:
            raise ModelError(f"{path.name}: {problem}")
        publish(part, path)
    finally:
        part.unlink(missing_ok=True)


def publish(part: Path, path: Path) -> None:
    """Give a finished file its name: its bytes are on the disk before the name is."""
    part.chmod(0o644)
    _flush(part, os.O_RDONLY)
    part.replace(path)
    with suppress(OSError):  # not every file system can flush a folder
        _flush(path.parent, os.O_RDONLY | os.O_DIRECTORY)


def _flush(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def difference(have: Content, want: Content) -> str | None:
    """Say how a file is not what it must be, or ``None``."""
    if have.size > want.size:
        return f"is longer than the expected {want.size} bytes"
    if have.size < want.size:
        return f"has {have.size} bytes, not {want.size}"
    if have.sha256 != want.sha256:
        return f"has SHA-256 {have.sha256[:12]}…, not {want.sha256[:12]}…"
    return None


_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def is_disk_refusal(error: OSError) -> bool:
    """Tell a disk that refuses from a network that fails."""
    return error.errno in _FULL | _FORBIDDEN


@contextmanager
def disk_refusals_named(folder: Path) -> Iterator[None]:
    """Turn what a disk refuses into a ``ModelError`` that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise ModelError(
                f"the disk is full: make room for {folder}, or choose another place with "
                "VOICE_APPLIANCE_MODELS, and fetch again"
            ) from error
        if error.errno in _FORBIDDEN:
            raise ModelError(
                f"no permission to write {error.filename or folder}: fetch as its owner, or "
                "choose another place with VOICE_APPLIANCE_MODELS"
            ) from error
        raise
