"""A small JSON document that must not be lost, such as the record of what was spent.

Written anew, flushed to the disk and renamed, with the one before it kept beside it: a pulled
plug leaves the old document or the new one. A file that is broken nevertheless is set aside, and
the one before it counts. A disk that refuses costs the memory, never the box.
"""

import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from appliance.host.flushed import beside, write_beside
from appliance.units import Seconds

log = logging.getLogger(__name__)

T = TypeVar("T")

LARGEST = 8 * 2**20
"""Bytes; a longer file is none of ours."""

PAUSE = Seconds(1.0)
"""Between two writings: a turn is booked in some parts, and memory cards wear out."""


class LedgerFile:
    """A document and its file. ``read``, ``look`` and ``close`` block; ``keep`` does not.

    Args:
        path: The file; its folder is made when it is needed.
        pause: Between two writings.
    """

    def __init__(self, path: Path, *, pause: Seconds = PAUSE) -> None:
        self._path = path
        self._pause = pause
        self._lock = threading.Lock()
        self._hurry = threading.Event()
        self._waiting: Mapping[str, object] | None = None
        self._writer: threading.Thread | None = None
        self._refused = False

    @property
    def before(self) -> Path:
        """Where the document before the latest lies."""
        return self._path.with_suffix(".old")

    @property
    def broken(self) -> Path:
        """Where a file goes that cannot be read."""
        return self._path.with_suffix(".broken")

    def read(self, decode: Callable[[object], T]) -> T | None:
        """Return the latest document that is whole; what is broken is set aside.

        Args:
            decode: Makes something of JSON data, or raises ``ValueError``.
        """
        return self._first(decode, mend=True)

    def look(self, decode: Callable[[object], T]) -> T | None:
        """Like ``read``, but change nothing: for those to whom the file does not belong."""
        return self._first(decode, mend=False)

    def keep(self, document: Mapping[str, object]) -> None:
        """Have a document written soon, on another thread; the latest wins.

        Args:
            document: JSON data that nobody changes any more.
        """
        with self._lock:
            self._waiting = document
            if self._writer is None:
                self._writer = threading.Thread(target=self._work, name="ledger", daemon=True)
                self._writer.start()

    def close(self, timeout: Seconds = Seconds(2.0)) -> None:
        """Wait until what is kept is written, but not for ever; idempotent."""
        self._hurry.set()
        with self._lock:
            writer = self._writer
        if writer is not None:
            writer.join(timeout)

    def _first(self, decode: Callable[[object], T], *, mend: bool) -> T | None:
        for path in (self._path, self.before):
            try:
                return decode(_load(path))
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("%s cannot be read: %s", path, error)
            except (ValueError, RecursionError) as error:
                log.warning("%s is broken (%s)", path, type(error).__name__)
                if mend:
                    _set_aside(path, self.broken)
        return None

    def _work(self) -> None:
        while True:
            with self._lock:
                document, self._waiting = self._waiting, None
                if document is None:
                    self._writer = None
                    return
            self._write(document)
            self._hurry.wait(self._pause)

    def _write(self, document: Mapping[str, object]) -> None:
        try:
            new = write_beside(self._path, document, separators=(",", ":"))
            self._keep_before()
            new.replace(self._path)
            _flush_folder(self._path.parent)
        except OSError as error:
            if not self._refused:  # once is enough until it works again
                log.warning("%s cannot be written: %s", self._path, error)
            self._refused = True
            _remove(beside(self._path))  # on a full disk every byte counts
        else:
            if self._refused:
                log.info("%s can be written again", self._path)
            self._refused = False

    def _keep_before(self) -> None:
        """Give the document that is there a second name; some file systems have none."""
        _remove(self.before)
        try:
            os.link(self._path, self.before)
        except OSError as error:
            log.debug("%s: no copy is kept: %s", self._path, error)


def _load(path: Path) -> object:
    with path.open("rb") as file:
        loaded: object = json.loads(file.read(LARGEST))  # half a document is none
    return loaded


def _set_aside(path: Path, aside: Path) -> None:
    try:
        path.replace(aside)
    except OSError as error:
        log.warning("%s cannot be set aside: %s", path, error)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.debug("%s cannot be removed: %s", path, error)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
