"""Servers of tools that the box calls itself, for every backend."""

import asyncio
import importlib
import logging
from collections.abc import Mapping

from appliance.app.background import in_background
from appliance.app.ground import Ground, Part
from appliance.catalogue import Risk
from appliance.config import Config
from appliance.config.house import Gate, GateRule
from appliance.config.mcp import ToolServer
from appliance.ports import ToolResult
from appliance.tools.mcp.reading import Offered, Remote, read_result, read_tools, tool_name
from appliance.tools.mcp.session import Connect, Session
from appliance.tools.plan import Act, Plan, Planned
from appliance.units import Seconds

log = logging.getLogger(__name__)

LOOK_AGAIN = Seconds(60.0)
"""Between two looks at what a server offers; it is also how its end is noticed."""

FIRST_PAUSE, LONGEST_PAUSE = Seconds(1.0), Seconds(120.0)
"""Before a server that went away is tried again; twice as long each time."""


def gate_settings(config: Config) -> Gate:
    """Return the gate's settings with the tools of servers that the owner calls free.

    As rules of his they are lowered, not harmless: once text of strangers came into the
    conversation they are asked about again, unless they only tell.
    """
    free = [
        GateRule(device=tool_name(server.label, name), risk="free")
        for server in config.mcp.servers
        for name in server.free_tools
    ]
    return config.gate.model_copy(update={"rules": (*free, *config.gate.rules)})


class McpTools(Part):
    """Keeps sessions with the servers and offers their tools. Event loop only."""

    def __init__(self, ground: Ground) -> None:
        self._servers = ground.config.mcp.servers
        self._tools = ground.tools
        self._words = ground.words
        self._connect: Connect | None = None
        self._open: dict[str, Session] = {}
        self._problems: dict[str, tuple[str, ...]] = {}

    async def prepare(self) -> None:
        """Load the library, which takes a while."""
        if not self._servers:
            return
        try:
            client = await in_background(importlib.import_module, "appliance.tools.mcp.client")
        except ImportError:
            line = "mcp.servers: the extra `mcp` is not installed"
            self._problems = {server.label: (line,) for server in self._servers}
            log.error("%s", line)  # noqa: TRY400 - no trace
        else:
            self._connect = client.connect

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with servers and their tools, one line each."""
        return tuple(line for lines in self._problems.values() for line in lines)

    async def run(self) -> None:
        """Live with every server, each by itself."""
        if self._connect is None:
            return
        async with asyncio.TaskGroup() as group:
            for server in self._servers:
                group.create_task(self._live(server, self._connect), name=f"mcp.{server.label}")

    async def _live(self, server: ToolServer, connect: Connect) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                async with connect(server) as connection:
                    self._open[server.label] = connection
                    offered: tuple[Offered, ...] | None = None
                    while True:
                        before, offered = offered, await connection.tools()
                        if offered != before:
                            self._offer(server, offered)
                        pause = FIRST_PAUSE
                        await asyncio.sleep(LOOK_AGAIN)
            except Exception as error:  # noqa: BLE001 - a stranger's program, and whatever it does
                why = type(_first(error)).__name__  # its message may hold anything
                self._problems[server.label] = (f"mcp {server.label}: not reached ({why})",)
                log.warning("mcp %s: not reached: %s", server.label, why)
            finally:
                self._open.pop(server.label, None)
                self._tools.set_planned(f"mcp:{server.label}", ())
            await asyncio.sleep(pause)
            pause = Seconds(min(2 * pause, LONGEST_PAUSE))

    def _offer(self, server: ToolServer, offered: tuple[Offered, ...]) -> None:
        tools, problems = read_tools(server.label, offered, server.allowed_tools)
        if problems and problems != self._problems.get(server.label):
            for line in problems:
                log.warning("%s", line)
        self._problems[server.label] = problems
        made = [self._planned(server, tool) for tool in tools]
        self._tools.set_planned(f"mcp:{server.label}", made)

    def _planned(self, server: ToolServer, tool: Remote) -> Planned:
        free = tool.name in server.free_tools
        only_tells = free and tool.read_only
        act = Act(
            "mcp",
            device=tool.spec.name,
            name=tool.spec.name.replace("_", " "),
            at_least=Risk.FREE if free else Risk(server.risk),
        )
        shown = {"tool": tool.spec.name.removeprefix(server.label).replace("_", " ").strip()}
        question = self._words.say("mcp", "question", {**shown, "server": server.label})

        def plan(arguments: Mapping[str, object]) -> Plan:
            return Plan(
                acts=() if only_tells else (act,),
                run=lambda: self._call(server, tool, arguments),
                question=question,
                patience=Seconds(server.timeout_s + 1.0),
                untrusted=True,
            )

        return Planned(tool.spec, plan, source=f"mcp:{server.label}")

    async def _call(
        self, server: ToolServer, tool: Remote, arguments: Mapping[str, object]
    ) -> ToolResult:
        connection = self._open.get(server.label)
        answers = self._words.answers
        if connection is None:
            return ToolResult("failed", answers["server_away"])
        try:
            returned = await connection.call(tool.name, arguments, patience=server.timeout_s)
        except Exception as error:  # noqa: BLE001 - the caller is owed an answer
            log.warning("mcp %s: a call failed: %s", server.label, type(_first(error)).__name__)
            return ToolResult("failed", answers["server_away"])
        said = answers["server_failed" if returned.failed else "server_done"]
        return read_result(server.label, returned.texts, failed=returned.failed, said=said)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
