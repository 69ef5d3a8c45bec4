"""Commands of the broker: JSON that says what to do with which timer (docs/timers.md)."""

import json
from collections.abc import Callable, Mapping
from typing import cast

from appliance.ports import ToolResult
from appliance.tools import schema
from appliance.tools.timers.desk import Desk
from appliance.tools.timers.model import Kind
from appliance.tools.timers.offer import specs
from appliance.tools.wording import Wording

_STARTS: Mapping[str, tuple[str, Kind]] = {
    "timer": ("set_timer", Kind.TIMER),
    "alarm": ("set_alarm", Kind.ALARM),
    "reminder": ("remind_me", Kind.REMINDER),
}

_Arguments = Mapping[str, object]


class Orders:
    """Takes commands. Event loop only.

    Args:
        words: The phrases of the language, for the schemas of the tools: what they take, the
            broker may send.
        desk: Carries them out.
    """

    def __init__(self, words: Wording, desk: Desk) -> None:
        self._schemas = {spec.name: spec.parameters for spec in specs(words)}
        self._desk = desk

    def take(self, payload: bytes) -> str:
        """Carry a command out; return what is wrong with it, empty if nothing is. Never raises.

        Args:
            payload: ``{"action": …}`` with what the action needs, as the tools take it; ``name``
                stands for ``which`` there. At most 4 000 bytes.
        """
        try:
            order = json.loads(payload)
        except (ValueError, RecursionError):
            return "it is no JSON"
        if not isinstance(order, dict):
            return "it is no object"
        arguments = dict(cast("_Arguments", order))
        action = arguments.pop("action", None)
        if action == "start":
            kind = arguments.pop("kind", "timer")
            if not isinstance(kind, str) or kind not in _STARTS:
                return "kind: there is no such kind"
            tool, what = _STARTS[kind]
            return self._run(tool, arguments, lambda given: self._desk.start(what, given))
        if action == "snooze":
            return self._run("snooze", arguments, self._desk.snooze)
        if "name" in arguments:
            arguments["which"] = arguments.pop("name")
        return self._run("change_timer", {"action": action, **arguments}, self._desk.change)

    def _run(
        self, tool: str, arguments: _Arguments, run: Callable[[_Arguments], ToolResult]
    ) -> str:
        fitting, problems = schema.fit(self._schemas[tool], arguments)
        if problems:
            return "; ".join(problems)[:300]
        result = run(fitting)
        return "" if result.status == "done" else str(result.data.get("problem", result.status))
