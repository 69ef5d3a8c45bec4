"""Several streams, read one after the other as if they were one."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import IO, Self

OpensPiece = Callable[[], AbstractContextManager[IO[bytes]]]


class Joined:
    """A file in pieces. The next piece is opened when the one before has ended.

    Args:
        pieces: Open them, in order.
    """

    def __init__(self, pieces: Iterable[OpensPiece]) -> None:
        self._pieces: Iterator[OpensPiece] = iter(pieces)
        self._held = ExitStack()
        self._piece: IO[bytes] | None = None

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes; none at the end of the last piece.

        Raises:
            ModelError: A piece cannot be had.
            OSError: The network or the disk.
        """
        while True:
            if self._piece is not None and (data := self._piece.read(size)):
                return data
            self._held.close()
            open_next = next(self._pieces, None)
            if open_next is None:
                self._piece = None
                return b""
            self._piece = self._held.enter_context(open_next())

    def __enter__(self) -> Self:
        """Open the first piece, so that one that cannot be had is known at once."""
        first = next(self._pieces, None)
        self._piece = None if first is None else self._held.enter_context(first())
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the piece that is open."""
        self._held.close()
