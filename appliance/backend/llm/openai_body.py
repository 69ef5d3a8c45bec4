"""Requests of OpenAI's two interfaces: chat completions, and responses. Pure.

After openai 3.52 (2026-11-21), as far as other servers understand it, too: in chat completions the
instructions come first and only there, a tool's answer is text, and a picture is the user's.
"""

import base64
import re
from collections.abc import Sequence
from typing import Final, assert_never

from appliance.backend.llm.story import Done, Round, Step, Words
from appliance.backend.prompting import schema
from appliance.backend.socket import reading
from appliance.catalogue import ToolSpec
from appliance.ports import Image

Fields = dict[str, object]

SEEN: Final = "[The picture that the tool took:]"
"""Before a picture of a tool's, which only a user's message can show."""

_MINIMAL: Final = re.compile(r"gpt-5(-mini|-nano)?(-20\d\d-\d\d-\d\d)?$")
_NONE: Final = re.compile(r"gpt-5\.[1-5](-mini|-nano)?(-20\d\d-\d\d-\d\d)?$")
_LOW: Final = re.compile(r"o[1-9](-mini)?(-20\d\d-\d\d-\d\d)?$")


def chat_messages(instructions: str, steps: Sequence[Step]) -> list[Fields]:
    """Return the conversation for ``/chat/completions``."""
    told: list[Fields] = [{"role": "system", "content": instructions}]
    for step in steps:
        match step:
            case Words(who="user", image=None):
                told.append({"role": "user", "content": step.text})
            case Words(who="user", image=Image() as image):
                told.append({"role": "user", "content": _chat_picture(step.text, image)})
            case Words():
                told.append({"role": "assistant", "content": step.text})
            case Round():
                told += _chat_round(step)
            case _:
                assert_never(step)
    return told


def chat_tools(specs: Sequence[ToolSpec]) -> list[Fields]:
    """Return the tools for ``/chat/completions``."""
    return [{"type": "function", "function": schema.function(spec)} for spec in specs]


def response_items(steps: Sequence[Step]) -> list[Fields]:
    """Return the conversation for ``/responses``; the instructions stand elsewhere."""
    told: list[Fields] = []
    for step in steps:
        match step:
            case Words(who="user"):
                content: list[Fields] = []
                if step.text:
                    content.append({"type": "input_text", "text": step.text})
                if step.image is not None:
                    content.append(_input_image(step.image))
                told.append({"type": "message", "role": "user", "content": content})
            case Words():
                told.append(_spoken(step.text))
            case Round():
                if step.said.strip():
                    told.append(_spoken(step.said.strip()))
                told += map(_function_call, step.calls)
                told += map(_function_output, step.calls)
            case _:
                assert_never(step)
    return told


def response_tools(specs: Sequence[ToolSpec]) -> list[Fields]:
    """Return the tools for ``/responses``; not strict, for our schemas are richer than that."""
    return [{"type": "function", "strict": False, **schema.function(spec)} for spec in specs]


def least_effort(model: str) -> str | None:
    """Return the least that one of OpenAI's models reflects before it speaks; ``None``: not known.

    After OpenAI's guide to reasoning and its pages on each model (2026-11-22).
    """
    if _NONE.match(model):
        return "none"
    if _MINIMAL.match(model):
        return "minimal"
    return "low" if _LOW.match(model) else None


def _chat_round(step: Round) -> list[Fields]:
    calls = [
        {
            "id": call.call,
            "type": "function",
            "function": {"name": call.tool, "arguments": reading.dump(call.arguments)},
        }
        for call in step.calls
    ]
    made: Fields = {"role": "assistant", "content": step.said.strip(), "tool_calls": calls}
    told = [made]
    told += (
        {"role": "tool", "tool_call_id": call.call, "content": call.output} for call in step.calls
    )
    images = [call.image for call in step.calls if call.image is not None]
    told += ({"role": "user", "content": _chat_picture(SEEN, image)} for image in images)
    return told


def _chat_picture(text: str, image: Image) -> list[Fields]:
    words: list[Fields] = [{"type": "text", "text": text}] if text else []
    return [*words, {"type": "image_url", "image_url": {"url": _data_url(image)}}]


def _spoken(text: str) -> Fields:
    return {"type": "message", "role": "assistant", "content": text}


def _function_call(call: Done) -> Fields:
    return {
        "type": "function_call",
        "call_id": call.call,
        "name": call.tool,
        "arguments": reading.dump(call.arguments),
    }


def _function_output(call: Done) -> Fields:
    output: object = call.output
    if call.image is not None:
        output = [{"type": "input_text", "text": call.output}, _input_image(call.image)]
    return {"type": "function_call_output", "call_id": call.call, "output": output}


def _input_image(image: Image) -> Fields:
    return {"type": "input_image", "detail": "auto", "image_url": _data_url(image)}


def _data_url(image: Image) -> str:
    return f"data:{image.mime};base64,{base64.b64encode(image.data).decode('ascii')}"
