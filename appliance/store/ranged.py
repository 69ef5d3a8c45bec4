"""A remote file that is read in pieces, each kept on disk: a broken download goes on where it was.

``RangedFile`` is a seekable binary file over HTTP range requests, so ``zipfile`` can take one
member out of a large package without the rest. Every block that arrived is a file of its own in a
scratch folder; whatever was there is not asked for again, in this run or in a later one.
"""

import errno
import http.client
import io
import logging
import os
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import IO

from appliance.store.disk import write_whole

log = logging.getLogger(__name__)

BLOCK = 1 << 20
"""1 MiB: a second or less on a slow line, so that little is lost and progress moves."""

PATIENCE = 30.0
"""Seconds without a byte after which a connection counts as dead."""

RETRIES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds to wait before each further attempt at the same place; then the source has failed."""

Opener = Callable[[urllib.request.Request], IO[bytes]]


class RangesRefused(OSError):
    """The server does not serve pieces; the whole file must be got in another way."""


def open_url(request: urllib.request.Request) -> IO[bytes]:
    """Open one request, with the proxy and certificate settings of the environment."""
    response: IO[bytes] = urllib.request.urlopen(request, timeout=PATIENCE)  # noqa: S310 - below
    return response


class RangedFile(io.RawIOBase):
    """The file at ``url``, readable anywhere.

    Args:
        url: An https or http address, as a package client found it.
        scratch: A folder in which to keep blocks; made if need be.
        opener: Opens one request.
        sleep: Waits between attempts.

    Raises:
        RangesRefused: The server does not say how long the file is, or sends all of it.
        OSError: It cannot be reached.
    """

    def __init__(
        self,
        url: str,
        scratch: Path,
        *,
        opener: Opener = open_url,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__()
        self._stream: IO[bytes] | None = None  # first of all: even one that failed is closed
        if urllib.parse.urlsplit(url).scheme not in {"https", "http"}:
            raise RangesRefused(f"not a web address: {url}")
        self._url = url
        self._opener = opener
        self._sleep = sleep
        self._stream_block = -1  # the block that the stream gives next
        self._held = (-1, b"")  # the block read last, for readers with small buffers
        self._position = 0
        self._size = self._ask_size()
        self._scratch = scratch / f"{Path(urllib.parse.urlsplit(url).path).name}.{self._size}"
        self._scratch.mkdir(parents=True, exist_ok=True)

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; asks nothing of the server."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what io calls
        """Read up to the end of the current block; 0 at the end of the file."""
        if self._position >= self._size:
            return 0
        number, begin = divmod(self._position, BLOCK)
        piece = self._block(number)[begin : begin + len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def close(self) -> None:
        """Drop the connection; the blocks stay."""
        self._drop_stream()
        super().close()

    def _block(self, number: int) -> bytes:
        if self._held[0] != number:
            self._held = (number, self._kept_or_downloaded(number))
        return self._held[1]

    def _kept_or_downloaded(self, number: int) -> bytes:
        kept = self._scratch / f"{number:06}"
        length = min(BLOCK, self._size - number * BLOCK)
        if kept.is_file() and kept.stat().st_size == length:
            return kept.read_bytes()
        data = self._download(number, length)
        write_whole(kept, data)
        return data

    def _download(self, number: int, length: int) -> bytes:
        for wait in (*RETRIES, None):
            try:
                return self._take(number, length)
            except (OSError, http.client.HTTPException) as error:
                self._drop_stream()
                if wait is None or isinstance(error, RangesRefused):
                    raise
                log.info("download: block %d of %s again in %.1f s", number, self._name(), wait)
                self._sleep(wait)
        raise AssertionError  # the last attempt returns or raises

    def _take(self, number: int, length: int) -> bytes:
        if self._stream is None or self._stream_block != number:
            self._drop_stream()
            self._stream = self._open(f"bytes={number * BLOCK}-")
            self._stream_block = number
        data = self._stream.read(length)
        if len(data) != length:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        self._stream_block = number + 1
        return data

    def _ask_size(self) -> int:
        with self._open("bytes=0-0") as response:
            extent = response.headers.get("Content-Range", "")  # type: ignore[attr-defined]
        _, _, size = extent.rpartition("/")
        if not size.isdigit():
            raise RangesRefused(f"{self._name()}: the server does not say how long it is")
        return int(size)

    def _open(self, extent: str) -> IO[bytes]:
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked when we are made
            self._url, headers={"Range": extent, "Accept-Encoding": "identity"}
        )
        response = self._opener(request)
        if response.status != HTTPStatus.PARTIAL_CONTENT:  # type: ignore[attr-defined]
            response.close()
            raise RangesRefused(f"{self._name()}: the server sends no pieces")
        return response

    def _name(self) -> str:
        return Path(urllib.parse.urlsplit(self._url).path).name

    def _drop_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
