"""What a model's answer comes to, whatever the API; what each API's reader gives. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from appliance.backend.llm.story import CUT_OFF, NO_OBJECT, NO_TOOL, tool_name
from appliance.backend.pipeline.parts import Calls, Says
from appliance.backend.socket import reading
from appliance.backend.socket.reading import Message
from appliance.catalogue import ToolSpec
from appliance.errors import BackendError, BackendUnavailable
from appliance.events import Usage

MOST_CALLS: Final = 16
"""In one answer; a model that makes more has lost its way, and the rest is left out."""

LONGEST_ARGUMENTS: Final = 64 * 1024
"""Characters of one call."""


@dataclass(slots=True)
class Draft:
    """A call as far as it has come."""

    tool: str = ""
    arguments: str = field(default="", repr=False)
    cut: bool = False
    """The answer ended within it, as far as is known."""

    def add(self, piece: str) -> None:
        """Append to the arguments; what is far too long can be no object any more."""
        if len(self.arguments) <= LONGEST_ARGUMENTS:
            self.arguments += piece


@dataclass(frozen=True, slots=True)
class Ending:
    """How an answer ended."""

    drafts: tuple[Draft, ...] = ()
    why: str = ""
    """The API's own word for it: ``end_turn``, ``length`` …"""

    short: bool = False
    """It was cut off: too long, or refused."""

    kept: tuple[Message, ...] = field(default=(), repr=False)
    """What must be given back as it was, together with the calls."""

    rest: str = field(default="", repr=False)
    """What is left to say."""


class Reader(Protocol):
    """Takes the events of one answer."""

    def receive(self, message: Message) -> Iterator[Says | Usage]:
        """Take an event; one that is nonsense changes nothing.

        Raises:
            BackendError: The service broke off.
        """
        ...

    def finish(self) -> Ending:
        """Say how it ended.

        Raises:
            BackendError: It did not end at all.
        """
        ...


@dataclass(frozen=True, slots=True)
class Sorted:
    """The calls of an answer: those to be made, and those that cannot be."""

    calls: tuple[Calls, ...] = ()
    wrong: tuple[tuple[str, str], ...] = ()
    """The name that the model gave, and what is wrong."""


def sort(drafts: Sequence[Draft], tools: Sequence[ToolSpec]) -> Sorted:
    """Tell the calls that can be made from those that cannot; none is guessed right."""
    names = {tool_name(spec.name): spec.name for spec in tools}
    calls: list[Calls] = []
    wrong: list[tuple[str, str]] = []
    for draft in drafts[:MOST_CALLS]:
        name, arguments = names.get(draft.tool), arguments_of(draft)
        if name is None:
            wrong.append((draft.tool, NO_TOOL))
        elif draft.cut:
            wrong.append((draft.tool, CUT_OFF))
        elif arguments is None:
            wrong.append((draft.tool, NO_OBJECT))
        else:
            calls.append(Calls(name, arguments))
    return Sorted(tuple(calls), tuple(wrong))


def arguments_of(draft: Draft) -> Mapping[str, object] | None:
    """Return the arguments; nothing at all are none, for tools without parameters."""
    text = draft.arguments.strip()
    if len(text) > LONGEST_ARGUMENTS:
        return None
    return reading.parse_object(text) if text else {}


def broke_off() -> BackendError:
    """Say that an answer stopped without an end."""
    return BackendUnavailable("the server broke off in the middle of its answer")
