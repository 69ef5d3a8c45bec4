"""A call on its way through the gate: what it would do, who asked, and what a person is asked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from appliance.ports import Challenge, ToolResult
from appliance.tools.asker import Who
from appliance.tools.audit import Record
from appliance.tools.gate.machine import Open
from appliance.tools.gate.risk import Judgement
from appliance.tools.plan import Plan, Sent
from appliance.tools.wording import Wording
from appliance.units import Seconds

LONGEST_NAMES = 200
"""Characters of names in a question; a person listens to it."""

_PLAIN = re.compile(r"[\w.:+#-]{0,32}")
"""A report that is one word or number, such as ``on``; anything else may be a text."""


class Pins(Protocol):
    """Where the hash of the PIN is kept."""

    def read(self) -> str | None:
        """Return what ``gate.pin.hashed`` made; ``None``: no PIN is set. Blocks.

        Raises:
            OSError: It cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """A call, and what it would do."""

    tool: str
    plan: Plan
    who: Who
    arguments: Mapping[str, object]
    """As the audit log shows them."""


@dataclass(frozen=True, slots=True)
class Case:
    """Work at the gate."""

    id: str
    work: Work
    judgement: Judgement

    def question(self, wording: Wording, opened: Open, *, again: bool) -> str:
        """Return what a person is asked, in fixed words.

        Args:
            wording: The phrases of the language.
            opened: The challenge.
            again: It was asked before, and a wrong PIN was said.
        """
        if again:
            return wording.text("gate", "wrong_pin")
        asked = self.work.plan.question or self._plain_question(wording)
        return wording.say("gate", "with_pin", {"question": asked}) if opened.pin else asked

    def _plain_question(self, wording: Wording) -> str:
        named = [_told(act.name or act.device, act.value) for act, _ in self.judgement.acts]
        between = wording.text("gate", "between")
        what = between.join(dict.fromkeys(name for name in named if name))
        what = what or self.work.tool.replace("_", " ")
        return wording.say("gate", "question", {"what": what[:LONGEST_NAMES]})

    def record(
        self,
        at: datetime,
        decision: str,
        result: ToolResult,
        sent: tuple[Sent, ...] = (),
        took: Seconds = Seconds(0.0),
    ) -> Record:
        """Return a line of the audit log."""
        return Record(
            at=at,
            id=self.id,
            who=self.work.who,
            tool=self.work.tool,
            arguments=self.work.arguments,
            acts=self.judgement.acts,
            decision=decision,
            status=result.status,
            sent=sent,
            took=took,
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """A case that waits for a person."""

    case: Case
    challenge: Challenge
    pins: str | None = field(default=None, repr=False)
    """The hash that was kept when it was asked."""


def is_text(reported: object) -> bool:
    """Say whether what the house reported could be read as a text, rather than a state."""
    if reported is None or isinstance(reported, bool | int | float):
        return False
    return not (isinstance(reported, str) and _PLAIN.fullmatch(reported))


def _told(name: str, value: object) -> str:
    """Return a change in words: a name, and a value that is a word or a number."""
    plain = isinstance(value, int | float | str) and not isinstance(value, bool)
    said = f" {value}" if plain and _PLAIN.fullmatch(str(value)) else ""
    return f"{name.replace('_', ' ')}{said}" if name else ""
