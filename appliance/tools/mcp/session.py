"""A session with a server of tools, as the house sees it: without the library that makes it."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from appliance.config.mcp import ToolServer
from appliance.tools.mcp.reading import Offered


@dataclass(frozen=True, slots=True)
class Returned:
    """What a call came to."""

    texts: tuple[str, ...] = field(repr=False)
    failed: bool
    """The server says that it went wrong."""


class Session(Protocol):
    """One session; used by one event loop, by several calls at once."""

    async def tools(self) -> tuple[Offered, ...]:
        """Ask what there is; raises whatever ends the session."""
        ...

    async def call(
        self, name: str, arguments: Mapping[str, object], *, patience: float
    ) -> Returned:
        """Call a tool and wait for at most so many seconds; raises whatever ends the session."""
        ...


class Connect(Protocol):
    """``tools.mcp.client.connect``."""

    def __call__(self, server: ToolServer) -> AbstractAsyncContextManager[Session]:
        """Open a session for as long as the context lasts."""
        ...
