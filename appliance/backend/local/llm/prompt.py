"""What the language model is told. Pure.

The same catalogue gives the same text, byte by byte: the model reads it once and keeps what it
made of it, so that a request costs only its own words. Names and descriptions come from people and
brokers; that they can talk the model into something is why guarded tools are not offered, and why
its calls go through the gate like everybody's.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from appliance.backend.local.llm.offer import Offered, Property

LONGEST_REQUEST = 400
"""Characters of what was said; more is no request to a box."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What stands before every request."""

    system: str = field(repr=False)
    shots: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Requests with their answers, as if they had been said before."""

    def messages(self, request: str) -> list[dict[str, str]]:
        """Return the messages of one request."""
        told = [{"role": "system", "content": self.system}]
        for said, answer in self.shots:
            told += [
                {"role": "user", "content": said},
                {"role": "assistant", "content": answer},
            ]
        request = " ".join(request.split())[:LONGEST_REQUEST]
        return [*told, {"role": "user", "content": request}]


def prompt(tools: Sequence[Offered], *, area: str | None = None, speaks: bool = False) -> Prompt:
    """Return the prompt.

    Args:
        tools: What can be called.
        area: The room of the box.
        speaks: Whether it may answer in words.
    """
    here = f" You stand in the {area}: here is the {area}." if area else ""
    lines = "\n".join(tool.line() for tool in tools)
    other = (
        "For anything else, such as a question about the world, "
        'write {"calls":[],"say":"one short spoken sentence"}.'
        if speaks
        else _ELSE
    )
    system = f"{_HEAD}{here}\n\nTools (? may be left out):\n{lines}\n\n{other}"
    return Prompt(system, tuple(_shots(tools, speaks=speaks)))


_HEAD = (
    "You control a home. Say which tools do what the user needs. "
    'Write {"calls":[{"tool":"...","arguments":{...}}]}.'
)
_ELSE = (
    "Most people near you talk about other things. If no tool above clearly does what is needed, "
    'write {"calls":[]}.'
)


def _shots(tools: Sequence[Offered], *, speaks: bool) -> Iterator[tuple[str, str]]:
    """Yield examples: something said in a roundabout way, and talk that no tool is for."""
    yield _TALK[0], _written([], "It is about fourteen billion years old." if speaks else None)
    switched = _switched(tools)
    if switched is not None:
        yield switched
    yield _TALK[1], _written([], "I cannot do that." if speaks else None)


_TALK = ("How old is the universe?", "Ring my cousin and ask about the car.")


def _switched(tools: Sequence[Offered]) -> tuple[str, str] | None:
    """Return an example of something that is to be switched off."""
    for tool in tools:
        name = next((n for n, p in tool.properties.items() if "off" in _words(p)), None)
        if name is None or tool.target_parameter is None or not tool.targets:
            continue
        target = tool.targets[-1]
        arguments = {tool.target_parameter: target.id, name: "off"}
        call: dict[str, object] = {"tool": tool.name, "arguments": arguments}
        return f"The {target.name} has been on for long enough.", _written([call], None)
    return None


def _words(prop: Property) -> list[object]:
    values = prop.get("enum")
    return values if isinstance(values, list) else []


def _written(calls: list[dict[str, object]], say: str | None) -> str:
    answer: dict[str, object] = {"calls": calls}
    if say is not None:
        answer["say"] = say
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
