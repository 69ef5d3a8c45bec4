"""A local socket on which the running box tells what it does, one JSON object a line.

``voice-appliance listen`` reads it. What was said passes through here, so the socket lies in the
runtime folder, readable by the box's own user and group only, and nothing of it is stored.
"""

import asyncio
import errno
import logging
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from platformdirs import user_state_path

log = logging.getLogger(__name__)

BACKLOG_BYTES = 256 * 1024
"""What a reader that does not read may keep waiting; then it is let go."""


SYSTEM_SOCKET = Path("/run/voice-appliance/timeline.sock")
"""Where the installed unit has it (``RuntimeDirectory=``)."""


def socket_path() -> Path:
    """Return where the socket of a box that we start lies."""
    given = os.environ.get("RUNTIME_DIRECTORY") or os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(given) if given else user_state_path("voice-appliance")
    return folder / "timeline.sock"


def running_socket() -> Path:
    """Return the socket of the box that runs here: one of ours, else the installed one."""
    own = socket_path()
    return SYSTEM_SOCKET if SYSTEM_SOCKET.exists() and not own.exists() else own


class Feed:
    """Serves the socket; event loop only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._readers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to serve; where that cannot be, the log says why, and nobody can listen."""
        try:
            listener = await asyncio.to_thread(self._bind)
        except OSError as error:
            reason = error.strerror or error
            log.warning("`listen` will not show this box: %s: %s", self._path, reason)
            return
        self._server = await asyncio.start_unix_server(self._welcome, sock=listener)

    @property
    def readers(self) -> int:
        """How many are reading."""
        return len(self._readers)

    def send(self, text: str) -> None:
        """Give one line to every reader; one that does not keep up is let go."""
        data = text.encode() + b"\n"
        for writer in list(self._readers):
            if writer.transport.get_write_buffer_size() > BACKLOG_BYTES:
                log.warning("feed: a reader did not keep up and was let go")
                self._drop(writer)
            else:
                writer.write(data)

    async def close(self) -> None:
        """End; idempotent."""
        for writer in list(self._readers):
            self._drop(writer)
        if self._server is not None:
            self._server.close()
            self._server = None
            await asyncio.to_thread(self._path.unlink, missing_ok=True)

    def _bind(self) -> socket.socket:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if _is_served(self._path):
            raise OSError(errno.EADDRINUSE, "another box of this user is running")
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o077)
        try:
            listener.bind(os.fspath(self._path))
        except OSError:
            listener.close()
            raise
        finally:
            os.umask(before)
        return listener

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._readers.add(writer)
        await reader.read()  # until it goes
        self._drop(writer)

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._readers.discard(writer)
        writer.close()


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.fspath(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True


async def follow(path: Path) -> AsyncIterator[str]:
    """Yield the lines of a running box until it ends.

    Raises:
        OSError: Nobody serves there.
    """
    reader, writer = await asyncio.open_unix_connection(path, limit=BACKLOG_BYTES)
    try:
        while line := await reader.readline():
            yield line.decode("utf-8", "replace").rstrip("\n")
    finally:
        writer.close()
