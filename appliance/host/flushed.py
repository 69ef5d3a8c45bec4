"""Writes a small file so that a pulled plug leaves the old one or the new one.

Only its owner may read it: what is kept is whom the box has talked with, and when.
"""

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
        separators: As for ``json.dumps``.

    Returns:
        Where it is; ``replace`` it to ``path``.

    Raises:
        OSError: The disk refuses.
    """
    return _write(path, json.dumps(document, separators=separators).encode())


def replace_document(path: Path, document: object) -> None:
    """Put a JSON document in the place of the file.

    Raises:
        OSError: The disk refuses; the old file is as it was.
    """
    write_beside(path, document).replace(path)


def replace_bytes(path: Path, data: bytes) -> None:
    """Put these bytes in the place of the file.

    Raises:
        OSError: The disk refuses; the old file is as it was.
    """
    _write(path, data).replace(path)


def _write(path: Path, data: bytes) -> Path:
    new = beside(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return new
