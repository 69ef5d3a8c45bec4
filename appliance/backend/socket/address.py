"""Where a session is, and what to show there to be let in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from appliance.errors import BackendError

Meaning = Callable[[int, str], BackendError | None]
"""What it means at a vendor that a connection was refused or closed: given the HTTP status or the
close code, and the words that came with it. ``None``: nothing special."""


def _nothing_special(_code: int, _words: str) -> None:
    """As everywhere."""


@dataclass(frozen=True, slots=True)
class Address:
    """A place and the headers for it; ``repr`` shows neither key nor parameters."""

    url: str = field(repr=False)
    """``ws://`` or ``wss://``."""

    headers: Mapping[str, str] = field(repr=False)
    host: str = ""
    """Of the URL, for messages."""

    section: str = "realtime"
    """The table of the settings that it is from, for advice."""

    meaning: Meaning = field(default=_nothing_special, repr=False)
    """Asked first; what the words are, nobody else is told."""
