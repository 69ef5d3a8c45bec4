"""Calls for later: foreseen and confirmed when they are asked for, carried out at their time."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from appliance.events import ToolCalled
from appliance.ports import ToolResult
from appliance.tools.plan import Plan, Planned, marks
from appliance.tools.timers import wishes
from appliance.tools.timers.desk import Desk
from appliance.tools.timers.model import Item, Kind
from appliance.tools.timers.offer import later_spec
from appliance.tools.wording import Wording
from appliance.units import CallId, ResponseId

NAME = "do_later"


class Foreseeing(Protocol):
    """What is asked of the registry."""

    def foresee(self, name: str, arguments: Mapping[str, object]) -> Plan | ToolResult:
        """Work out what a call would do, or why it cannot be made."""
        ...

    async def run_approved(self, call: ToolCalled, approved: frozenset[str]) -> ToolResult:
        """Carry out what was foreseen, and nothing beyond it."""
        ...


class Later:
    """Makes the tool, and carries out what it was asked for. Event loop only.

    Args:
        words: The phrases of the language.
        desk: Keeps it until then.
        tools: The registry.
        now: The local time.
    """

    def __init__(
        self, words: Wording, desk: Desk, tools: Foreseeing, now: Callable[[], datetime]
    ) -> None:
        self._words = words
        self._desk = desk
        self._tools = tools
        self._now = now

    def tool(self) -> Planned:
        """Return the tool: as risky as what it is to do."""
        return Planned(later_spec(self._words), self.plan)

    def plan(self, arguments: Mapping[str, object]) -> Plan | ToolResult:
        """Foresee a call; what cannot be foreseen is not put off either."""
        name, inner = str(arguments.get("tool")), _arguments(arguments.get("arguments", "{}"))
        if name == NAME or inner is None:
            return ToolResult("rejected", self._words.answers["unfit"])
        foreseen = self._tools.foresee(name, inner)
        if isinstance(foreseen, ToolResult):
            return foreseen
        timed = {key: value for key, value in arguments.items() if key in _TIMED}
        try:
            wish = wishes.wish(Kind.ACTION, timed, self._now())
        except wishes.Unusable:
            return ToolResult("rejected", self._words.answers["timers_when"])
        call = {"tool": name, "arguments": inner, "approved": sorted(marks(foreseen.acts))}

        async def put_off() -> ToolResult:
            return self._desk.set(replace(wish, call=call))

        return Plan(foreseen.acts, put_off)

    async def carry_out(self, item: Item) -> str:
        """Carry out what an item is for; return a sentence if it went wrong, else nothing."""
        call = item.wish.call
        arguments, approved = call.get("arguments"), call.get("approved")
        if not isinstance(arguments, Mapping) or not isinstance(approved, list):
            return ""
        called = ToolCalled(
            CallId(f"later-{item.id}"), ResponseId("later"), str(call.get("tool")), arguments
        )
        result = await self._tools.run_approved(called, frozenset(map(str, approved)))
        if result.status in ("done", "unchanged"):
            return ""
        return self._words.say(NAME, "say_failed", {"why": result.say})


_TIMED = frozenset({"duration_s", "time", "day", "date"})


def _arguments(text: object) -> dict[str, object] | None:
    try:
        found = json.loads(str(text))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
