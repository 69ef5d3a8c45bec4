"""Finds the tool that a call names, checks the call, has it carried out, and answers it once."""

import logging
from collections.abc import Iterable, Mapping
from typing import assert_never

from appliance.catalogue import Risk, ToolSpec
from appliance.events import ToolCalled
from appliance.ports import ToolResult
from appliance.tools import schema
from appliance.tools.actions import values_of
from appliance.tools.builtin import BuiltIn
from appliance.tools.house import Ending, House
from appliance.tools.manifest import Manifest
from appliance.tools.templates import TemplateFailed
from appliance.tools.wording import Wording

log = logging.getLogger(__name__)

_Entry = BuiltIn | Manifest

LONGEST_REPORT = 2_000
"""Characters of what the house reported that a model is told; data, never instructions."""


class ToolRegistry:
    """The tools of one appliance; implements ``ports.ToolRunner``. Event loop only.

    A name belongs to who came first: built-in tools, then files, then the broker. What comes later
    with the same name is refused, by name.

    Args:
        wording: The phrases of the language.
        house: Carries manifests out; ``None``: there is no broker.
    """

    def __init__(self, wording: Wording, house: House | None) -> None:
        self._wording = wording
        self._house = house
        self._built_in: dict[str, _Entry] = {}
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
            case BuiltIn():
                return "built in"
            case Manifest(source=source):
                return source
            case entry:
                assert_never(entry)

    def add_built_in(self, tools: Iterable[BuiltIn]) -> None:
        """Add the tools that need no house; before any other."""
        self._built_in |= {tool.spec.name: tool for tool in tools}
        self._renew()

    def set_files(self, manifests: Iterable[Manifest]) -> tuple[str, ...]:
        """Replace the manifests of files.

        Returns:
            One line for each that was refused, because its name was taken.
        """
        self._files = {}
        refused: list[str] = []
        for manifest in manifests:
            first = self._built_in.get(manifest.name) or self._files.get(manifest.name)
            if first is None:
                self._files[manifest.name] = manifest
            else:
                refused.append(_taken(manifest, first))
        self._renew()
        return tuple(refused)

    def set_from_broker(self, name: str, manifest: Manifest | None) -> str | None:
        """Add, replace or (``None``) remove a manifest of the broker.

        Returns:
            Why it was refused, if it was: its name is taken.
        """
        self._broker.pop(name, None)
        refused: str | None = None
        if manifest is not None:
            first = self._built_in.get(name) or self._files.get(name)
            if first is None:
                self._broker[name] = manifest
            else:
                refused = _taken(manifest, first)
        self._renew()
        return refused

    async def run(self, call: ToolCalled) -> ToolResult:
        """Carry out one call; see ``ports.ToolRunner``."""
        entry = self._tools.get(call.tool)
        if entry is None:
            return self._rejected("unknown", f"there is no tool {call.tool!r}")
        if entry.spec.risk is not Risk.FREE:
            # Fail closed: what needs more than a word is not done until something can ask for it.
            reason = "never" if entry.spec.risk is Risk.NEVER else "gated"
            return self._rejected(reason, f"{call.tool} is of risk {entry.spec.risk.value}")
        arguments, problems = schema.fit(entry.spec.parameters, call.arguments)
        if problems:
            return self._rejected("unfit", *problems)
        match entry:
            case BuiltIn():
                return entry.run(arguments)
            case Manifest():
                return await self._carry_out(entry, arguments)
            case _:
                assert_never(entry)

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

    def _renew(self) -> None:
        tools: dict[str, _Entry] = {**self._broker, **self._files, **self._built_in}
        self._tools = dict(sorted(tools.items()))
        catalogue = tuple(tool.spec for tool in self._tools.values())
        if catalogue != self._catalogue:
            self._catalogue = catalogue
        if self._house is not None:
            self._house.follow(tool for tool in self._tools.values() if isinstance(tool, Manifest))


def _taken(manifest: Manifest, first: _Entry) -> str:
    where = "a built-in tool" if isinstance(first, BuiltIn) else first.source
    return f"{manifest.source}: name: `{manifest.name}` is taken by {where}"
