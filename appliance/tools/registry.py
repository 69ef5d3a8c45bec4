"""Finds the tool that a call names, checks the call, has it carried out, and answers it once."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import assert_never

from appliance.catalogue import ToolSpec
from appliance.config.cloud import McpServer
from appliance.events import ToolCalled
from appliance.ports import ToolResult
from appliance.tools import gate, schema
from appliance.tools.actions import values_of
from appliance.tools.house import Ending, House
from appliance.tools.manifest import Manifest
from appliance.tools.plan import Planned
from appliance.tools.ready import BuiltIn, Ready, SlowBuiltIn
from appliance.tools.templates import TemplateFailed
from appliance.tools.wording import Wording

log = logging.getLogger(__name__)

_Entry = BuiltIn | SlowBuiltIn | Planned | Manifest

LONGEST_REPORT = 2_000
"""Characters of what the house reported that a model is told; data, never instructions."""


class ToolRegistry:
    """The tools of one appliance; implements ``ports.ToolRunner``. Event loop only.

    A name belongs to who came first: built-in tools, then files, then the broker. What comes later
    with the same name is refused, by name. The name of a built-in tool that this box has no use
    for (it has no camera) is kept for it all the same: no manifest ends because one is plugged in.

    A call of a remote tool (``mcp:label/tool``) only asks for leave: nothing is carried out here.

    Args:
        wording: The phrases of the language.
        house: Carries manifests out; ``None``: there is no broker.
        remote: Servers of remote tools.
    """

    def __init__(
        self, wording: Wording, house: House | None, *, remote: Iterable[McpServer] = ()
    ) -> None:
        self._wording = wording
        self._house = house
        self._remote = tuple(remote)
        self._built_in: dict[str, _Entry] = {}
        self._planned: dict[str, dict[str, Planned]] = {}
        self._files: dict[str, Manifest] = {}
        self._broker: dict[str, Manifest] = {}
        self._tools: dict[str, _Entry] = {}
        self._catalogue: tuple[ToolSpec, ...] = ()

    def catalogue(self) -> tuple[ToolSpec, ...]:
        """Return the tools that can be called now: the same object until they change."""
        return self._catalogue

    def source(self, name: str) -> str | None:
        """Say where a tool comes from: ``built in``, a file, or a topic."""
        match self._tools.get(name):
            case None:
                return None
            case BuiltIn() | SlowBuiltIn():
                return "built in"
            case Planned(source=source) | Manifest(source=source):
                return source
            case entry:
                assert_never(entry)

    def add_built_in(self, tools: Iterable[Ready]) -> None:
        """Add the tools that need no house; before any other."""
        self._built_in |= {tool.spec.name: tool for tool in tools}
        self._renew()

    def set_planned(self, source: str, tools: Iterable[Planned]) -> None:
        """Replace the tools of a source whose names are ours (``languages/``)."""
        self._planned[source] = {tool.spec.name: tool for tool in tools}
        self._renew()

    def set_files(self, manifests: Iterable[Manifest]) -> tuple[str, ...]:
        """Replace the manifests of files.

        Returns:
            One line for each that was refused, because its name was taken.
        """
        self._files = {}
        refused: list[str] = []
        for manifest in manifests:
            taken = self._taken(manifest)
            if taken is None:
                self._files[manifest.name] = manifest
            else:
                refused.append(taken)
        self._renew()
        return tuple(refused)

    def set_from_broker(self, name: str, manifest: Manifest | None) -> str | None:
        """Add, replace or (``None``) remove a manifest of the broker.

        Returns:
            Why it was refused, if it was: its name is taken.
        """
        self._broker.pop(name, None)
        refused = None if manifest is None else self._taken(manifest)
        if manifest is not None and refused is None:
            self._broker[name] = manifest
        self._renew()
        return refused

    async def run(self, call: ToolCalled) -> ToolResult:
        """Carry out one call; see ``ports.ToolRunner``."""
        if gate.is_remote(call.tool):
            return self._give_leave(call.tool)
        entry = self._tools.get(call.tool)
        if entry is None:
            return self._rejected("unknown", f"there is no tool {call.tool!r}")
        risk = entry.spec.risk
        if (reason := gate.refusal(risk)) is not None:
            return self._rejected(reason, f"{call.tool} is of risk {risk.value}")
        arguments, problems = schema.fit(entry.spec.parameters, call.arguments)
        if problems:
            return self._rejected("unfit", *problems)
        match entry:
            case BuiltIn():
                return entry.run(arguments)
            case SlowBuiltIn():
                return await self._work(entry, arguments)
            case Planned():
                return await self._follow(entry, arguments)
            case Manifest():
                return await self._carry_out(entry, arguments)
            case _:
                assert_never(entry)

    def _give_leave(self, tool: str) -> ToolResult:
        risk = gate.remote_risk(tool, self._remote)
        reason = gate.refusal(risk)
        log.info("remote tool %.80r: %s", tool, reason or "allowed")  # a name that others chose
        if reason is not None:
            return self._rejected(reason, f"{tool} is of risk {risk.value}")
        return ToolResult("done")

    async def _work(self, tool: SlowBuiltIn, arguments: Mapping[str, object]) -> ToolResult:
        """Await a tool of ours; whatever becomes of it, the call is answered."""
        try:
            async with asyncio.timeout(tool.patience):
                return await tool.run(arguments)
        except Exception as error:  # noqa: BLE001 - the caller is owed an answer
            # the message may quote what was said
            log.warning("tool %s failed: %s", tool.spec.name, type(error).__name__)
            return ToolResult("failed", self._wording.answers["failed"])

    async def _follow(self, tool: Planned, arguments: Mapping[str, object]) -> ToolResult:
        plan = tool.plan(arguments)
        if isinstance(plan, ToolResult):
            return plan
        for act in plan.acts:
            if (reason := gate.refusal(act.at_least)) is not None:
                return self._rejected(reason, f"{tool.spec.name} is of risk {act.at_least.value}")
        return await self._work(SlowBuiltIn(tool.spec, lambda _: plan.run(), plan.patience), {})

    async def _carry_out(self, manifest: Manifest, arguments: Mapping[str, object]) -> ToolResult:
        if self._house is None:
            ending = Ending("failed", "no_house", problem="there is no broker")
        else:
            ending = await self._house.carry_out(manifest, arguments)
        log.info("tool %s: %s %s", manifest.name, ending.status, ending.reason)
        data: dict[str, object] = {}
        if ending.problem:
            data["problem"] = ending.problem
        if ending.reported is not None and len(str(ending.reported)) <= LONGEST_REPORT:
            data["reported"] = ending.reported
        return ToolResult(ending.status, self._say(manifest, arguments, ending), data)

    def _say(self, manifest: Manifest, arguments: Mapping[str, object], ending: Ending) -> str:
        """Use the manifest's words where they tell the truth, else the language's."""
        template = manifest.say.get(ending.status)
        if template is not None and ending.reason in ("", "sent"):
            values = values_of(manifest, arguments)
            try:
                return template.render({**values, "reported": ending.reported}, longest=1_000)
            except TemplateFailed as error:
                log.warning("tool %s: say.%s: %s", manifest.name, ending.status, error)
        return self._wording.answers[ending.reason or ending.status]

    def _rejected(self, reason: str, *problems: str) -> ToolResult:
        log.info("tool call rejected: %s", reason)
        return ToolResult(
            "rejected", self._wording.answers[reason], {"problem": "; ".join(problems)}
        )

    def _taken(self, manifest: Manifest) -> str | None:
        """Return the line that refuses a manifest whose name is taken."""
        first = self._files.get(manifest.name)
        if manifest.name in self._wording.tools or manifest.name in self._built_in:
            where = "a built-in tool"
        elif first is not None:
            where = first.source
        else:
            return None
        return f"{manifest.source}: name: `{manifest.name}` is taken by {where}"

    def _renew(self) -> None:
        planned = {
            name: tool for source in self._planned.values() for name, tool in source.items()
        }
        tools: dict[str, _Entry] = {**self._broker, **self._files, **planned, **self._built_in}
        self._tools = dict(sorted(tools.items()))
        catalogue = tuple(tool.spec for tool in self._tools.values())
        if catalogue != self._catalogue:
            self._catalogue = catalogue
        if self._house is not None:
            self._house.follow(tool for tool in self._tools.values() if isinstance(tool, Manifest))
