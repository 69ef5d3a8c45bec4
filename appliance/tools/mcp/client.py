"""A connection to one server of tools."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from appliance.config.mcp import ToolServer
from appliance.tools.mcp.reading import Offered
from appliance.tools.mcp.session import Returned

CONNECT_SECONDS = 20.0
"""For a program to start, or a server to answer."""

_NOWHERE = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for good
"""What programs write on their standard error: it may hold anything."""

MOST_PAGES = 20
"""Of a server's list of tools."""


class Connection:
    """One session; implements ``session.Session``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def tools(self) -> tuple[Offered, ...]:
        """Ask what there is; raises whatever ends the session."""
        found: list[Offered] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await self._client.list_tools(cursor=cursor)
            for tool in page.tools:
                hints = tool.annotations
                read_only = hints is not None and hints.read_only_hint is True
                found.append(
                    Offered(tool.name, tool.description or "", tool.input_schema, read_only)
                )
            cursor = page.next_cursor
            if not cursor:
                break
        return tuple(found)

    async def call(
        self, name: str, arguments: Mapping[str, object], *, patience: float
    ) -> Returned:
        """Call a tool; raises whatever ends the session."""
        result = await self._client.call_tool(name, dict(arguments), read_timeout_seconds=patience)
        texts = [part.text for part in result.content if part.type == "text"]
        return Returned(tuple(texts), failed=bool(result.is_error))


@asynccontextmanager
async def connect(server: ToolServer) -> AsyncIterator[Connection]:
    """Open a session; raises whatever the program, the network or the server does wrong.

    A program is given the few variables that it needs (path, home, language) and those of the
    settings; what it writes on its standard error is thrown away.
    """
    async with AsyncExitStack() as stack:
        if server.command:
            parameters = StdioServerParameters(
                command=server.command,
                args=list(server.args),
                env={name: value.get_secret_value() for name, value in server.env.items()},
            )
            transport = stdio_client(parameters, errlog=_NOWHERE)
        else:
            headers = {}
            if server.authorization is not None:
                headers["Authorization"] = f"Bearer {server.authorization.get_secret_value()}"
            make = partial(httpx2.AsyncClient, headers=headers, timeout=server.timeout_s)
            http = await stack.enter_async_context(await asyncio.to_thread(make))  # reads files
            transport = streamable_http_client(server.url, http_client=http)
        client = await stack.enter_async_context(
            Client(transport, cache=None, read_timeout_seconds=CONNECT_SECONDS)
        )
        yield Connection(client)
