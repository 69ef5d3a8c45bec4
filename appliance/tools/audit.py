"""What the audit log keeps of a call. Pure.

Enough to say afterwards who had a door opened and what the house was told; nothing that was said:
no free text, neither in arguments nor in payloads, and no PIN, which never comes this far.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

from appliance.catalogue import Risk, ToolSpec
from appliance.tools.asker import Who
from appliance.tools.plan import Act, Sent
from appliance.units import Seconds

LONGEST_PAYLOAD = 200
"""Bytes of a message that are kept."""

LONGEST_WORD = 64
"""Characters of an argument that is a word of a list, or of a name of others' making."""

MOST = 32
"""Acts, messages or arguments of one call that are kept."""

_TEXT = "text"
"""The trait (``devices.model``) whose value is somebody's own words."""

_sent: ContextVar[list[Sent] | None] = ContextVar("sent", default=None)


@contextmanager
def collecting() -> Iterator[list[Sent]]:
    """Give a list to which ``note_sent`` adds while this call, or a task of it, is at work."""
    found: list[Sent] = []
    token = _sent.set(found)
    try:
        yield found
    finally:
        _sent.reset(token)


def note_sent(messages: Iterable[Sent]) -> None:
    """Say what was published for the call that is at work; nothing where nobody collects."""
    found = _sent.get()
    if found is not None:
        found += messages


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the log."""

    at: datetime
    """With its zone."""

    id: str
    """The same for the lines of one call: asked, and then confirmed or not."""

    who: Who
    tool: str
    arguments: Mapping[str, object]
    acts: tuple[tuple[Act, Risk], ...]
    decision: str
    """``free``, ``grace``, ``asked``, ``wrong_pin``, ``confirmed by phone``, ``pin by voice``,
    ``leave``, else why it was refused: ``never``, ``too_many``, ``denied``, ``expired`` …"""

    status: str
    """As ``ports.ToolResult``."""

    sent: tuple[Sent, ...] = ()
    took: Seconds = Seconds(0.0)

    def as_json(self) -> dict[str, object]:
        """Return the line as JSON data."""
        private = has_free_text(self.arguments) or any(act.trait == _TEXT for act, _ in self.acts)
        return {
            "at": self.at.isoformat(timespec="milliseconds"),
            "id": self.id,
            "who": self.who.as_json(),
            "tool": self.tool[: 2 * LONGEST_WORD],
            "arguments": dict(list(self.arguments.items())[:MOST]),
            "acts": [_act(act, risk) for act, risk in self.acts[:MOST]],
            "decision": self.decision,
            "status": self.status,
            "sent": [_message(message, private=private) for message in self.sent[:MOST]],
            "took_ms": round(self.took * 1000, 1),
        }


def shown(spec: ToolSpec | None, arguments: Mapping[str, object]) -> dict[str, object]:
    """Return arguments as the log keeps them: of free text only its length.

    Args:
        spec: The tool; ``None``: it is unknown, and so is what its arguments are.
        arguments: Those of the call, whatever they are.
    """
    properties = {} if spec is None else spec.parameters.get("properties", {})
    known = properties if isinstance(properties, Mapping) else {}
    ids = frozenset() if spec is None else frozenset(target.id for target in spec.targets)
    return {
        str(name)[:LONGEST_WORD]: _value(value, known.get(name), ids)
        for name, value in list(arguments.items())[:MOST]
    }


def has_free_text(arguments: Mapping[str, object]) -> bool:
    """Say whether something was left out of arguments that ``shown`` made."""
    return any(isinstance(value, Mapping) for value in arguments.values())


def _value(value: object, prop: object, ids: frozenset[str]) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case str() if len(value) <= LONGEST_WORD and _listed(value, prop, ids):
            return value
        case str():
            return {"characters": len(value)}
        case Mapping() | list() | tuple():
            return {"items": len(value)}
        case _:
            return {"items": 0}


def _listed(value: str, prop: object, ids: frozenset[str]) -> bool:
    words = prop.get("enum", ()) if isinstance(prop, Mapping) else ()
    return value in ids or (isinstance(words, list | tuple) and value in words)


def _act(act: Act, risk: Risk) -> dict[str, object]:
    value = act.value
    if act.trait == _TEXT or isinstance(value, Mapping | list | tuple):
        value = None
    elif isinstance(value, str):
        value = value[:LONGEST_WORD]
    elif not isinstance(value, bool | int | float):
        value = None
    told = {"kind": act.kind, "device": act.device[:LONGEST_WORD], "trait": str(act.trait)}
    return {**told, "value": value, "risk": risk.value}


def _message(message: Sent, *, private: bool) -> dict[str, object]:
    topic = message.topic[:LONGEST_PAYLOAD]
    if private:
        return {"topic": topic, "bytes": len(message.payload)}
    text = message.payload[:LONGEST_PAYLOAD].decode(errors="replace")
    return {"topic": topic, "payload": text}
