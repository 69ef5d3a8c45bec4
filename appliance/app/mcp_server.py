"""The box as a server of tools for other agents: they act through the same gate as people."""

import asyncio
import importlib
import logging
from collections.abc import Callable, Mapping
from importlib.metadata import version
from types import ModuleType
from uuid import uuid4

from appliance.app.background import in_background
from appliance.app.box import Box
from appliance.app.ground import Ground, Part
from appliance.catalogue import Target, ToolSpec
from appliance.events import ToolCalled
from appliance.mqtt import rooms
from appliance.ports import Confirming, ToolResult
from appliance.tools import schema
from appliance.tools.asker import coming_from
from appliance.units import CallId, ResponseId, Seconds

log = logging.getLogger(__name__)

VERSION = version("voice-appliance")

TRY_AGAIN = Seconds(30.0)
"""Before an address that could not be listened on is tried once more."""

SLACK = Seconds(5.0)
"""For what follows a confirmation."""

LIST_DEVICES = "list_devices"
SAY = "say"
_OURS = (
    ToolSpec(
        LIST_DEVICES,
        "List the devices of the house: their ids, names, rooms, and which tools move them.",
        schema.whole({}),
    ),
    ToolSpec(
        SAY,
        "Have the box say a sentence aloud, as soon as nobody talks with it.",
        schema.whole(
            {
                "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 300}},
                "required": ["text"],
            }
        ),
    ),
)


class McpServer(Part):
    """Serves the tools of the house. Event loop only."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._settings = ground.config.mcp
        self._serving: ModuleType | None = None
        self._say: Callable[[str], None] | None = None
        self._problem = ""

    async def prepare(self) -> None:
        """Load the library, which takes a while."""
        if not self._settings.serve or self._ground.state is None:  # not beside a running box
            return
        try:
            self._serving = await in_background(
                importlib.import_module, "appliance.tools.mcp.serving"
            )
        except ImportError:
            self._problem = "mcp.serve: the extra `mcp` is not installed"
            log.error("%s", self._problem)  # noqa: TRY400 - no trace

    def problems(self) -> tuple[str, ...]:
        """Return why nothing is served."""
        return (self._problem,) if self._problem else ()

    def serve(self, box: Box, say: Callable[[str], None]) -> None:  # noqa: ARG002 - as every part
        """Let agents speak with this box's voice."""
        self._say = say

    def leave(self) -> None:
        """Let them speak no more."""
        self._say = None

    async def run(self) -> None:
        """Listen until cancelled."""
        token = self._settings.token
        if self._serving is None or token is None:
            return
        house = self._serving.House("voice-appliance", VERSION, self.catalogue, self.call)
        host, port = self._settings.host, self._settings.port
        app = self._serving.application(house, token=token.get_secret_value(), host=host)
        while True:
            try:
                await self._serving.serve(app, host=host, port=port)
            except OSError:
                self._problem = f"mcp.port: {host}:{port} cannot be listened on"
                log.warning("%s", self._problem)
            await asyncio.sleep(TRY_AGAIN)

    def catalogue(self) -> tuple[ToolSpec, ...]:
        """Return what is offered: all but pictures, conversation, and other servers' tools."""
        tools = self._ground.tools
        return (
            *_OURS,
            *(
                spec
                for spec in tools.catalogue()
                if not spec.sees
                and not spec.closes
                and not (tools.source(spec.name) or "").startswith("mcp:")
            ),
        )

    async def call(self, name: str, arguments: Mapping[str, object]) -> ToolResult:
        """Carry out a call, and wait for its confirmation; never raises."""
        offered = {spec.name: spec for spec in self.catalogue()}
        if name not in offered:
            return ToolResult("rejected", data={"problem": f"there is no tool {name[:80]!r}"})
        if name in (LIST_DEVICES, SAY):
            fitting, problems = schema.fit(offered[name].parameters, arguments)
            if problems:
                return ToolResult("rejected", data={"problem": "; ".join(problems)})
            return self._list() if name == LIST_DEVICES else self._tell(str(fitting["text"]))
        key = uuid4().hex
        call = ToolCalled(CallId(key), ResponseId(key), name, arguments)
        with coming_from("mcp"):
            return await self._confirmed(call)

    async def _confirmed(self, call: ToolCalled) -> ToolResult:
        ended: asyncio.Future[ToolResult] = asyncio.get_running_loop().create_future()
        waiting: list[str] = []

        def tell(now: Confirming) -> None:
            if now.result is None or now.challenge.id not in waiting or ended.done():
                return
            if now.result.challenge is None:
                ended.set_result(now.result)
            else:  # a wrong PIN: asked anew
                waiting.append(now.result.challenge.id)

        tools = self._ground.tools
        undo = tools.on_challenge(tell)
        try:
            result = await tools.run(call)
            if result.challenge is None:
                return result
            waiting.append(result.challenge.id)
            async with asyncio.timeout(self._ground.config.gate.challenge_s * 3 + SLACK):
                return await ended
        except TimeoutError:
            return ToolResult("rejected", self._ground.words.answers["expired"])
        finally:
            undo()

    def _list(self) -> ToolResult:
        found: dict[str, tuple[Target, list[str]]] = {}
        for spec in self.catalogue():
            for target in spec.targets:
                found.setdefault(target.id, (target, []))[1].append(spec.name)
        devices = [
            {"id": target.id, "name": target.name, "area": target.area, "tools": tools}
            for target, tools in found.values()
        ]
        return ToolResult("done", data={"devices": devices})

    def _tell(self, text: str) -> ToolResult:
        sentence = rooms.clean(text)
        if self._say is None or not sentence:
            return ToolResult("failed", data={"problem": "there is no voice now"})
        self._say(sentence)
        return ToolResult("done")
