"""Finds the tool that a call names, checks the call, has it pass the gate, answers it once."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import assert_never

from appliance.catalogue import Risk, ToolSpec
from appliance.config.cloud import McpServer
from appliance.config.house import Gate
from appliance.events import ToolCalled
from appliance.ports import Challenge, Confirming, ToolResult, Word
from appliance.tools import audit, gate, schema
from appliance.tools.actions import values_of
from appliance.tools.asker import Asker
from appliance.tools.case import Work, is_text
from appliance.tools.guard import Guard
from appliance.tools.house import Ending, House
from appliance.tools.manifest import Manifest
from appliance.tools.plan import Act, Plan, Planned, marks
from appliance.tools.ready import BuiltIn, SlowBuiltIn
from appliance.tools.shelf import Shelf, Tool
from appliance.tools.templates import TemplateFailed
from appliance.tools.wording import Wording
from appliance.units import Seconds

log = logging.getLogger(__name__)

LONGEST_REPORT = 2_000
"""Characters of what the house reported that a model is told; data, never instructions."""

SLACK = Seconds(5.0)
"""A manifest's own patience ends first."""


class ToolRegistry(Shelf):
    """The tools of one appliance; ``ports.ToolRunner`` and ``ports.Confirmations``. Loop only.

    A call of a remote tool (``mcp:label/tool``) only asks for leave: nothing is carried out here.

    Args:
        wording: The phrases of the language.
        house: Carries manifests out; ``None``: there is no broker.
        remote: Servers of remote tools.
        settings: Of the gate.
    """

    def __init__(
        self,
        wording: Wording,
        house: House | None,
        *,
        remote: Iterable[McpServer] = (),
        settings: Gate | None = None,
    ) -> None:
        super().__init__(wording, house)
        self._remote = tuple(remote)
        self.asker = Asker()
        """Must be told what happens (``Timeline.tell``), to know who asked."""

        self.guard = Guard(settings or Gate(), wording, strangers=gate.unasked(self._remote))
        """The gate that every call passes."""

    def open(self) -> Challenge | None:
        """Return the challenge that waits for a person now; see ``ports.Confirmations``."""
        return self.guard.open()

    def on_challenge(self, tell: Callable[[Confirming], None]) -> Callable[[], None]:
        """Have ``tell`` called for what becomes of challenges; see ``ports.Confirmations``."""
        return self.guard.on_challenge(tell)

    async def settle(self, challenge: str, word: Word) -> ToolResult:
        """Take a person's word to a challenge; see ``ports.Confirmations``."""
        return await self.guard.settle(challenge, word)

    async def run(self, call: ToolCalled) -> ToolResult:
        """Carry out one call; see ``ports.ToolRunner``."""
        tool = self.find(call.tool)
        admitted = self.guard.admit()
        if not admitted and not (tool is not None and tool.spec.closes):  # "stop" always works
            return self.guard.refuse(self._work(call, tool), "too_many")
        if gate.is_remote(call.tool):
            risk = gate.remote_risk(call.tool, self._remote)
            return self.guard.leave(self._work(call, None), gate.refusal(risk))
        if tool is None:
            problem = f"there is no tool {call.tool[:80]!r}"
            return self.guard.refuse(self._work(call, tool), "unknown", problem)
        arguments, problems = schema.fit(tool.spec.parameters, call.arguments)
        if problems:
            return self.guard.refuse(self._work(call, tool), "unfit", *problems)
        plan = self._plan(tool, arguments)
        if isinstance(plan, ToolResult):
            return plan
        return await self.guard.carry_out(self._work(call, tool, plan, arguments))

    def foresee(self, name: str, arguments: Mapping[str, object]) -> Plan | ToolResult:
        """Work out what a call would do some time; nothing is done, and nobody is asked.

        Returns:
            A plan whose acts are at least as risky as they are here and now; or why the call
            cannot be made. Tools of ours (``BuiltIn``) are not for later.
        """
        tool = self.find(name)
        if tool is None or isinstance(tool, BuiltIn | SlowBuiltIn):
            return ToolResult("rejected", self._wording.answers["unknown"])
        fitting, problems = schema.fit(tool.spec.parameters, arguments)
        if problems:
            data = {"problem": "; ".join(problems)}
            return ToolResult("rejected", self._wording.answers["unfit"], data)
        plan = self._plan(tool, fitting)
        if isinstance(plan, ToolResult):
            return plan
        return replace(plan, acts=self.guard.weighed(name, plan.acts))

    async def run_approved(self, call: ToolCalled, approved: frozenset[str]) -> ToolResult:
        """Carry out at its time what has passed the gate when it was asked for.

        Args:
            call: It.
            approved: The marks (``plan.marks``) of what was foreseen then: what it would do beyond
                that, or more riskily, it does not do.
        """
        plan = self.foresee(call.tool, call.arguments)
        tool = self.find(call.tool)
        if isinstance(plan, ToolResult):
            return plan
        work = self._work(call, tool, plan)
        if not marks(plan.acts) <= approved:
            return self.guard.refuse(work, "changed")
        return await self.guard.carry_out_approved(work)

    def _work(
        self,
        call: ToolCalled,
        tool: Tool | None,
        plan: Plan | None = None,
        arguments: Mapping[str, object] | None = None,
    ) -> Work:
        spec = None if tool is None else tool.spec
        shown = audit.shown(spec, call.arguments if arguments is None else arguments)
        return Work(call.tool, plan or Plan((), _nothing), self.asker.who(call), shown)

    def _plan(self, tool: Tool, arguments: Mapping[str, object]) -> Plan | ToolResult:
        """Work out what a call would do; nothing is done."""
        match tool:
            case BuiltIn(spec=spec, run=run):

                async def at_once() -> ToolResult:
                    return run(arguments)

                return Plan(_own(spec), at_once)
            case SlowBuiltIn(spec=spec, run=work, patience=patience):
                return Plan(_own(spec), lambda: work(arguments), patience=patience)
            case Planned():
                return self._planned_call(tool, arguments)
            case Manifest():
                acts = _manifest_acts(tool, arguments)
                patience = Seconds(tool.timeout + SLACK)
                return Plan(acts, lambda: self._carry_out(tool, arguments), patience=patience)
            case _:
                assert_never(tool)

    def _planned_call(self, tool: Planned, arguments: Mapping[str, object]) -> Plan | ToolResult:
        try:
            plan = tool.plan(arguments)
        except Exception as error:  # noqa: BLE001 - the caller is owed an answer
            # the message may quote what was said
            log.warning("tool %s cannot be planned: %s", tool.spec.name, type(error).__name__)
            return ToolResult("failed", self._wording.answers["failed"])
        if isinstance(plan, Plan) and tool.spec.risk is not Risk.FREE:
            return replace(plan, acts=(*plan.acts, *_own(tool.spec)))
        return plan

    async def _carry_out(self, manifest: Manifest, arguments: Mapping[str, object]) -> ToolResult:
        if self._house is None:
            ending = Ending("failed", "no_house", problem="there is no broker")
        else:
            ending = await self._house.carry_out(manifest, arguments)
        log.info("tool %s: %s %s", manifest.name, ending.status, ending.reason)
        if is_text(ending.reported):  # which its words may quote
            self.guard.taint()
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


async def _nothing() -> ToolResult:
    return ToolResult("rejected")


def _own(spec: ToolSpec) -> tuple[Act, ...]:
    """Return the act of a tool that is a function of ours: as risky as it says."""
    return (Act("builtin", device=spec.name, at_least=spec.risk),)


def _manifest_acts(manifest: Manifest, arguments: Mapping[str, object]) -> tuple[Act, ...]:
    """Return what a manifest's call would do, as far as the gate can know.

    One act for each argument, of the tool and of the target by name, so that the owner's rules can
    name either, and a tool or target whose name says that it opens a door is asked about.
    """
    spec = manifest.spec
    shown = {
        name: value
        for name, value in audit.shown(spec, arguments).items()
        if name != spec.target_parameter
    }
    chosen = arguments.get(spec.target_parameter or "")
    targets = [target for target in spec.targets if target.id == chosen]
    things = [
        (spec.name, spec.name.replace("_", " ")),
        *((each.id, each.name) for each in targets),
    ]
    changes = list(shown.items()) or [("", None)]
    return tuple(
        Act("manifest", trait, value, device, name, at_least=spec.risk)
        for device, name in things
        for trait, value in changes
    )
