"""The hash of the owner's PIN, in the state folder. Every method blocks."""

import os
from pathlib import Path

from appliance.host.flushed import replace_bytes

NAME = "pin"
"""The file, in the state folder."""

LONGEST = 1_000
"""Bytes; a longer file is none of ours."""


class PinFile:
    """One line in a file that only its owner may read.

    Args:
        folder: The state folder; made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def read(self) -> str | None:
        """Return the hash; ``None``: no PIN is set.

        Raises:
            OSError: It cannot be read.
            ValueError: It is not text.
        """
        try:
            with self.path.open("rb") as file:
                return file.read(LONGEST).decode("ascii").strip() or None
        except FileNotFoundError:
            return None

    def write(self, kept: str) -> None:
        """Keep a hash in the place of the one before.

        Written by root it belongs to whom the folder belongs to: the service must read it.

        Raises:
            OSError: The disk refuses; the old one holds.
        """
        replace_bytes(self.path, kept.encode("ascii") + b"\n")
        if os.geteuid() == 0:
            owner = self.path.parent.stat()
            os.chown(self.path, owner.st_uid, owner.st_gid)

    def clear(self) -> bool:
        """Forget it; return whether there was one.

        Raises:
            OSError: The disk refuses.
        """
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        return True
