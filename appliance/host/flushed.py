"""Writes a small file so that a pulled plug leaves the old one or the new one."""

import json
import os
from pathlib import Path


def beside(path: Path) -> Path:
    """Return where a new document lies until it takes the place of the one at ``path``."""
    return path.with_suffix(".new")


def write_beside(
    path: Path, document: object, *, separators: tuple[str, str] | None = None
) -> Path:
    """Write a document beside the one it is to replace, and flush it to the disk.

    Args:
        path: Where the document is to be in the end; its folder is made when it is needed.
        document: JSON data.
        separators: As for ``json.dump``.

    Returns:
        Where it is; ``replace`` it to ``path``.

    Raises:
        OSError: The disk refuses.
    """
    new = beside(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with new.open("w", encoding="utf-8") as file:
        json.dump(document, file, separators=separators)
        file.flush()
        os.fsync(file.fileno())
    return new


def replace_bytes(path: Path, data: bytes) -> None:
    """Put these bytes in the place of the file, only the user may read them.

    Raises:
        OSError: The disk refuses; the old file is as it was.
    """
    new = beside(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
