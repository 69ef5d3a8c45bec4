"""A request of Anthropic's Messages API. Pure.

After anthropic 2.11 (2026-11-21): the user and the assistant take turns, the user first; every
``tool_use`` is followed at once by its ``tool_result``; no text is empty.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Final, assert_never

from appliance.backend.llm.story import Round, Step, Words
from appliance.backend.prompting import schema
from appliance.catalogue import ToolSpec
from appliance.ports import Image

Fields = dict[str, object]

THINKING_ROOM: Final = 4_096
"""Tokens more for models that cannot but think first: their thoughts count as a reply."""


def messages(steps: Sequence[Step]) -> list[Fields]:
    """Return the conversation, in turns."""
    turns: list[tuple[str, list[Fields]]] = []

    def add(role: str, blocks: list[Fields]) -> None:
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(blocks)
        else:
            turns.append((role, blocks))

    for step in steps:
        match step:
            case Words(who=who):
                add(who, _words(step))
            case Round():
                add("assistant", _uses(step))
                add("user", _results(step))
            case _:
                assert_never(step)
    return [{"role": role, "content": blocks} for role, blocks in turns]


def offered(specs: Sequence[ToolSpec], steps: Sequence[Step]) -> Fields:
    """Return the tools; where there are none, those that the conversation shows, not to be called.

    The API takes no conversation with calls in it if it is told of no tools.
    """
    if specs:
        return {"tools": [_tool(schema.function(spec)) for spec in specs]}
    rounds = [step for step in steps if isinstance(step, Round)]
    names = dict.fromkeys(call.tool for each in rounds for call in each.calls)
    if not names:
        return {}
    bare = [{"name": name, "input_schema": {"type": "object"}} for name in names]
    return {"tools": bare, "tool_choice": {"type": "none"}}


def _tool(function: Fields) -> Fields:
    return {
        "name": function["name"],
        "description": function["description"],
        "input_schema": function["parameters"],
    }


def system(instructions: str) -> list[Fields]:
    """Return the instructions; kept by the service, with the tools, so that they cost a tenth."""
    return [{"type": "text", "text": instructions, "cache_control": {"type": "ephemeral"}}]


def reflecting(model: str, effort: str | None) -> Fields:
    """Return how little a model should think before it speaks.

    Unless the settings say how much: as little as it allows. What its models allow is of
    Anthropic's pages on each model and on thinking, read 2026-11-22; of one that is not known here
    nothing is said.

    Args:
        model: Its name.
        effort: ``none``, ``minimal``, ``low`` …, as in the settings; ``None``: not said.
    """
    if effort == "none" and not always_thinks(model):
        return {"thinking": _least(model) or {"type": "disabled"}}
    if effort is not None or always_thinks(model):
        wanted = "low" if effort in (None, "none", "minimal") else effort
        return {"output_config": {"effort": wanted}}
    least = _least(model)
    return {} if least is None else {"thinking": least}


def always_thinks(model: str) -> bool:
    """Whether thinking cannot be turned off."""
    return model.startswith(("claude-opus-5-5", "claude-fable-5", "claude-mythos-5"))


def _least(model: str) -> Fields | None:
    """Return the least thinking of a model that thinks if it is not told not to."""
    if model.startswith("claude-sonnet-5-5"):
        return {"type": "between_tools"}
    if model.startswith(("claude-haiku-5-5", "claude-opus-5", "claude-sonnet-5")):
        return {"type": "disabled"}
    return None


def _words(step: Words) -> list[Fields]:
    blocks = [] if step.image is None else [_image(step.image)]
    return [*blocks, _text(step.text)] if step.text else blocks


def _uses(step: Round) -> list[Fields]:
    blocks = [dict(block) for block in step.kept]
    if step.said.strip() and not blocks:
        blocks.append(_text(step.said.strip()))
    for call in step.calls:
        use = {"type": "tool_use", "id": call.call, "name": call.tool}
        blocks.append({**use, "input": dict(call.arguments)})
    return blocks


def _results(step: Round) -> list[Fields]:
    blocks: list[Fields] = []
    for call in step.calls:
        content = [_text(call.output)]
        if call.image is not None:
            content.append(_image(call.image))
        result: Fields = {"type": "tool_result", "tool_use_id": call.call, "content": content}
        blocks.append({**result, "is_error": True} if call.wrong else result)
    return blocks


def _text(text: str) -> Fields:
    return {"type": "text", "text": text}


def _image(image: Image) -> Fields:
    data = base64.b64encode(image.data).decode("ascii")
    source: Mapping[str, object] = {"type": "base64", "media_type": image.mime, "data": data}
    return {"type": "image", "source": source}
