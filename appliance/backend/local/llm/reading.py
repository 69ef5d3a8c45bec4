"""What the model wrote → calls, each of them checked; anything else is nothing. Pure."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jsonschema import Draft202012Validator

from appliance.backend.local.llm.offer import Offered
from appliance.backend.local.llm.schema import LONGEST_SAID, MOST_CALLS
from appliance.backend.local.understand.types import Call


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model wants."""

    calls: tuple[Call, ...] = field(default=(), repr=False)
    say: str = field(default="", repr=False)
    """Only without calls, and only where it was allowed to speak."""


NOTHING = Answer()


def read(text: str, tools: Sequence[Offered], *, speaks: bool = False) -> Answer:
    """Read an answer; one call that does not fit spoils all of them.

    Args:
        text: What the model wrote; may be cut off, or rubbish.
        tools: What it was offered; nothing else can be called.
        speaks: Whether it may answer in words.
    """
    try:
        answer = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return NOTHING
    if not isinstance(answer, dict):
        return NOTHING
    wanted = answer.get("calls")
    if not isinstance(wanted, list) or len(wanted) > MOST_CALLS:
        return NOTHING
    if not wanted:
        say = answer.get("say")
        words = " ".join(say.split()) if speaks and isinstance(say, str) else ""
        return Answer(say=words[:LONGEST_SAID])
    known = {tool.name: tool for tool in tools}
    calls: dict[str, Call] = {}
    for each in wanted:
        call = _call(each, known)
        if call is None:
            return NOTHING
        calls[repr((call.tool, sorted(call.arguments.items())))] = call
    return Answer(tuple(calls.values()))


def _call(wanted: object, known: Mapping[str, Offered]) -> Call | None:
    if not isinstance(wanted, dict) or wanted.keys() != {"tool", "arguments"}:
        return None
    name, arguments = wanted["tool"], wanted["arguments"]
    if not isinstance(name, str) or not isinstance(arguments, dict):
        return None
    tool = known.get(name)
    if tool is None or not all(map(_is_finite, arguments.values())):
        return None
    if not Draft202012Validator(check_of(tool)).is_valid(arguments):
        return None
    return Call(name, {key: _whole(tool, key, value) for key, value in arguments.items()})


def check_of(tool: Offered) -> dict[str, object]:
    """Return the schema that the arguments of a tool must fit: all that its own schema says."""
    return {
        "type": "object",
        "properties": {name: dict(prop) for name, prop in tool.properties.items()},
        "required": list(tool.required),
        "minProperties": tool.least,
        "additionalProperties": False,
    }


def _whole(tool: Offered, name: str, value: object) -> object:
    """Return 21 for 21.0 where either is a number: people and other stages say 21."""
    if isinstance(value, float) and value.is_integer() and "enum" not in tool.properties[name]:
        return int(value)
    return value


def _is_finite(value: object) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _refuse(word: str) -> object:
    raise ValueError(f"{word} is no number")
