"""The calls of one reply and the answers that they are owed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from appliance.backend.local.understand.types import Call
from appliance.catalogue import ToolSpec
from appliance.ports import ToolResult
from appliance.units import CallId, ResponseId, TurnNumber


@dataclass(slots=True, eq=False)
class Calls:
    """What a reply asked for; complete when every call is answered."""

    turn: TurnNumber
    response: ResponseId
    owed: tuple[CallId, ...]
    closes: bool
    """The conversation ends with one of them."""

    remark: str = field(default="", repr=False)
    """What to add to their results."""

    _answers: dict[CallId, ToolResult] = field(default_factory=dict, repr=False)

    def answer(self, call: CallId, result: ToolResult) -> bool:
        """Take the answer to one call; the first one counts. Tell whether it was taken."""
        if call not in self.owed or call in self._answers:
            return False
        self._answers[call] = result
        return True

    @property
    def complete(self) -> bool:
        """Whether nothing is owed any more."""
        return len(self._answers) == len(self.owed)

    def results(self) -> tuple[ToolResult, ...]:
        """Return the answers that came, in the order of the calls."""
        return tuple(self._answers[call] for call in self.owed if call in self._answers)


def closes(calls: Sequence[Call], tools: Sequence[ToolSpec]) -> bool:
    """Tell whether one of the calls ends the conversation."""
    closing = {tool.name for tool in tools if tool.closes}
    return any(call.tool in closing for call in calls)


def summary(calls: Sequence[Call]) -> str:
    """Return the calls in one line: ``light(target=kitchen, state=on); stop()``."""
    return "; ".join(
        f"{call.tool}({', '.join(f'{name}={value}' for name, value in call.arguments.items())})"
        for call in calls
    )
