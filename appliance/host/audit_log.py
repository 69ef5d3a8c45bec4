"""The audit log: JSON lines in the state folder, of which the latest few megabytes are kept.

Written by a thread of its own, in order, each line flushed. A disk that is full or refuses costs
lines, never the box, and the log says how many it lost. Only its owner may read the files.
"""

import json
import logging
import os
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path

from appliance.units import Seconds

log = logging.getLogger(__name__)

NAME = "actions.jsonl"
"""The newest file, in the state folder; ``actions.1.jsonl`` and so on are older."""

LARGEST = 2 * 2**20
"""Bytes of a file; then the next one is begun."""

FILES = 3

MOST_WAITING = 2_000
"""Lines that wait for a slow disk; of more, the newest are lost."""

LONGEST_LINE = 64 * 1024
"""Bytes; a longer one is none of ours."""


class AuditLog:
    """The files. ``write`` does not block; ``close``, ``lines`` and ``read_on`` do.

    Args:
        folder: The state folder; made when it is needed.
        largest: Bytes of one file.
        files: How many are kept.
    """

    def __init__(self, folder: Path, *, largest: int = LARGEST, files: int = FILES) -> None:
        self.path = folder / NAME
        self._largest = largest
        self._files = files
        self._lock = threading.Lock()
        self._waiting: deque[Mapping[str, object]] = deque()
        self._writer: threading.Thread | None = None
        self._lost = 0
        self._refused = False

    def write(self, line: Mapping[str, object]) -> None:
        """Have a line written soon, after those before it; any thread.

        Args:
            line: JSON data that nobody changes any more.
        """
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                self._lost += 1
                return
            self._waiting.append(line)
            if self._writer is None:
                self._writer = threading.Thread(target=self._work, name="audit", daemon=True)
                self._writer.start()

    def close(self, timeout: Seconds = Seconds(2.0)) -> None:
        """Wait until what was given is written, but not for ever; idempotent."""
        with self._lock:
            writer = self._writer
        if writer is not None:
            writer.join(timeout)

    def lines(self) -> Iterator[dict[str, object]]:
        """Yield what is kept, oldest first; what is no line of ours is passed over."""
        for number in reversed(range(self._files)):
            yield from _read(self._file(number), 0)[0]

    def read_on(
        self, place: tuple[int, int] | None
    ) -> tuple[list[dict[str, object]], tuple[int, int]]:
        """Return the lines that were added since, and the place to go on from.

        Args:
            place: As it was returned before; ``None``: from the end of what is there now.
        """
        try:
            found = self.path.stat()
        except OSError:
            return [], place or (0, 0)
        if place is None:
            return [], (found.st_ino, found.st_size)
        begin = place[1] if place[0] == found.st_ino and place[1] <= found.st_size else 0
        lines, end = _read(self.path, begin)
        return lines, (found.st_ino, end)

    def _file(self, number: int) -> Path:
        return self.path if number == 0 else self.path.with_suffix(f".{number}.jsonl")

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._writer = None
                    return
                lines, lost = list(self._waiting), self._lost
                self._waiting.clear()
                self._lost = 0
            self._append([_encoded(line) for line in lines], lost)

    def _append(self, lines: list[bytes], lost: int) -> None:
        """Write lines, and how many were lost before; what cannot be written is lost, too."""
        said = [_encoded({"lost": lost})] if lost else []
        try:
            for line in (*said, *lines):
                self._rotate(len(line))
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
                with os.fdopen(os.open(self.path, flags, 0o600), "ab") as file:
                    file.write(line)
        except OSError as error:
            if not self._refused:  # once is enough until it works again
                log.warning("%s cannot be written: %s", self.path, error)
            self._refused = True
            with self._lock:
                self._lost += lost + len(lines)
        else:
            self._refused = False

    def _rotate(self, more: int) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            return
        if size + more <= self._largest:
            return
        for number in reversed(range(1, self._files)):
            before = self._file(number - 1)
            if before.exists():
                before.replace(self._file(number))


def _encoded(line: Mapping[str, object]) -> bytes:
    try:
        text = json.dumps(line, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError):
        text = json.dumps({"unreadable": True})
    return text.encode("ascii") + b"\n"


def _read(path: Path, begin: int) -> tuple[list[dict[str, object]], int]:
    """Return the whole lines from a place on, and where they end."""
    found: list[dict[str, object]] = []
    end = begin
    try:
        with path.open("rb") as file:
            file.seek(begin)
            while (line := file.readline(LONGEST_LINE)).endswith(b"\n"):
                end += len(line)
                try:
                    loaded = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(loaded, dict):
                    found.append(loaded)
    except OSError:  # there is none, or none that we may read
        return found, end
    return found, end
