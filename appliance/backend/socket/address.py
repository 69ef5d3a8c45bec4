"""Where a session is, and what to show there to be let in."""

from collections.abc import Mapping
from dataclasses import dataclass, field


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
