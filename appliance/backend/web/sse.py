"""Server-sent events out of a stream of bytes, however it is cut. Pure.

After the HTML standard, section 9.2.6 (2026-11): lines end with CR LF, LF or CR; a comment begins
with a colon; ``data`` may have many lines; an event without data is none. Where the stream ends
without an empty line, the last event counts if its line was ended, for many servers leave it out.
"""

from typing import Final

from appliance.errors import ProtocolViolation

LONGEST: Final = 4 * 1024 * 1024
"""Bytes of one event; the longest of the language models' have the whole reply in them."""

_BOM: Final = b"\xef\xbb\xbf"


class EventReader:
    """Takes bytes, gives events: ``(name, data)``; the name is empty where there is none."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._begun = bytearray()  # a line that has not ended
        self._after_cr = False  # a LF now belongs to the CR before it
        self._first = True
        self._name = ""
        self._data: list[str] = []
        self._length = 0

    def feed(self, piece: bytes) -> list[tuple[str, str]]:
        """Take the next bytes; return the events that they complete.

        Raises:
            ProtocolViolation: One is too long.
        """
        found: list[tuple[str, str]] = []
        for part in piece.splitlines(keepends=True):  # of bytes: CR, LF and CR LF only
            if part == b"\n" and self._after_cr:
                self._after_cr = False
                continue
            self._after_cr = part.endswith(b"\r")
            self._begun += part.rstrip(b"\r\n")
            if len(self._begun) + self._length > self._longest:
                raise ProtocolViolation("the server sends an event that is too long")
            if part.endswith((b"\r", b"\n")):
                self._line(found)
        return found

    def finish(self) -> list[tuple[str, str]]:
        """Return the event that the end of the stream completes, if any."""
        found: list[tuple[str, str]] = []
        if bytes(self._begun) in (b"data: [DONE]", b"data:[DONE]"):
            self._line(found)
        self._dispatch(found)
        return found

    def _line(self, found: list[tuple[str, str]]) -> None:
        line = bytes(self._begun)
        self._begun.clear()
        if self._first:
            self._first = False
            line = line.removeprefix(_BOM)
        if not line:
            self._dispatch(found)
            return
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            self._length += len(line)
        elif name == "event":
            self._name = value

    def _dispatch(self, found: list[tuple[str, str]]) -> None:
        if self._data:
            found.append((self._name, "\n".join(self._data)))
        self._name, self._data, self._length = "", [], 0
