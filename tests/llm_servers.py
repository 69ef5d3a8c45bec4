"""Answers of language models as services stream them; each event fits the SDK's types."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from anthropic.types import RawMessageStreamEvent
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.responses import ResponseStreamEvent
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from pydantic import SecretStr

from appliance.backend.llm import anthropic, openai_chat, openai_responses
from appliance.backend.llm.thinker import Thinker
from appliance.config import Config
from appliance.config.keys import Keys
from appliance.config.pipeline import Llm, Pipeline
from tests.sdk_shapes import adapter
from tests.web_server import Answer

KEY = "sk-very-secret"
MODEL = "some-model"


@dataclass(frozen=True)
class Reply:
    """What a model answers."""

    text: Sequence[str] = ()
    calls: Sequence[tuple[str, str]] = ()
    """Names, and arguments as they are sent: any text."""

    stop: Literal["", "long", "refused"] = ""
    given: int = 30
    cached: int = 10
    made: int = 7
    thoughts: str = ""


def _sse(events: Sequence[dict[str, Any]], *, named: bool) -> list[bytes]:
    return [
        (f"event: {event['type']}\n" if named else "").encode()
        + f"data: {json.dumps(event)}\n\n".encode()
        for event in events
    ]


def _halves(text: str) -> list[str]:
    return [text[: len(text) // 2], text[len(text) // 2 :]]


# -- Anthropic ------------------------------------------------------------------------------------


def messages_stream(reply: Reply) -> list[bytes]:
    fresh = reply.given - reply.cached
    usage = {"input_tokens": fresh, "cache_read_input_tokens": reply.cached, "output_tokens": 1}
    message: dict[str, Any] = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    events: list[dict[str, Any]] = [{"type": "message_start", "message": message}]
    events.append({"type": "ping"})
    blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    if reply.thoughts:
        thinking = {"type": "thinking", "thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": t} for t in _halves(reply.thoughts)]
        blocks.append((thinking, [*deltas, {"type": "signature_delta", "signature": "sig"}]))
    if reply.text:
        deltas = [{"type": "text_delta", "text": text} for text in reply.text]
        blocks.append(({"type": "text", "text": ""}, deltas))
    for number, (name, arguments) in enumerate(reply.calls):
        use = {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": {}}
        pieces = ["", *_halves(arguments)]
        blocks.append((use, [{"type": "input_json_delta", "partial_json": p} for p in pieces]))
    for index, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": d} for d in deltas]
        events.append({"type": "content_block_stop", "index": index})
    usual = "tool_use" if reply.calls else "end_turn"
    reason = {"": usual, "long": "max_tokens", "refused": "refusal"}[reply.stop]
    delta = {"stop_reason": reason, "stop_sequence": None}
    made = {"output_tokens": reply.made}
    events.append({"type": "message_delta", "delta": delta, "usage": made})
    events.append({"type": "message_stop"})
    for event in events:
        if event["type"] != "ping":  # which the SDK takes out before its types
            adapter(RawMessageStreamEvent).validate_python(event)
    return _sse(events, named=True)


# -- OpenAI ---------------------------------------------------------------------------------------


def chat_stream(reply: Reply) -> list[bytes]:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if reply.thoughts:
        deltas += [{"content": "<thi"}, {"content": f"nk>{reply.thoughts}</think>"}]
    deltas += [{"content": text} for text in reply.text]
    for index, (name, arguments) in enumerate(reply.calls):
        begun = {"name": name, "arguments": ""}
        deltas.append({"tool_calls": [_piece(index, begun, id=f"call_{index}", type="function")]})
        deltas += [{"tool_calls": [_piece(index, {"arguments": a})]} for a in _halves(arguments)]
    usual = "tool_calls" if reply.calls else "stop"
    reason = {"": usual, "long": "length", "refused": "content_filter"}[reply.stop]
    chunks = [_chunk([{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas]
    chunks.append(_chunk([{"index": 0, "delta": {}, "finish_reason": reason}]))
    usage = {
        "prompt_tokens": reply.given,
        "completion_tokens": reply.made,
        "total_tokens": reply.given + reply.made,
        "prompt_tokens_details": {"cached_tokens": reply.cached},
    }
    chunks.append({**_chunk([]), "usage": usage})
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk)
    return [*_sse(chunks, named=False), b"data: [DONE]\n\n"]


def _piece(index: int, function: dict[str, str], **more: str) -> dict[str, Any]:
    return {"index": index, "function": function, **more}


def _chunk(choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL,
        "choices": choices,
    }  # fmt: skip


def responses_stream(reply: Reply) -> list[bytes]:
    items: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    if reply.text:
        text = "".join(reply.text)
        part = {"type": "output_text", "text": text, "annotations": []}
        done = {
            "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [part],
        }  # fmt: skip
        begun = {**done, "status": "in_progress", "content": []}
        events.append({"type": "response.output_item.added", "output_index": 0, "item": begun})
        where = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        delta = {"type": "response.output_text.delta", "logprobs": [], **where}
        events += [{**delta, "delta": text} for text in reply.text]
        items.append(done)
    for number, (name, arguments) in enumerate(reply.calls):
        call = {
            "type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}",
            "name": name, "arguments": arguments, "status": "completed",
        }  # fmt: skip
        place = len(items)
        begun = {**call, "arguments": "", "status": "in_progress"}
        events.append({"type": "response.output_item.added", "output_index": place, "item": begun})
        delta = {
            "type": "response.function_call_arguments.delta", "item_id": call["id"],
            "output_index": place,
        }  # fmt: skip
        events += [{**delta, "delta": half} for half in _halves(arguments)]
        events.append({"type": "response.output_item.done", "output_index": place, "item": call})
        items.append(call)
    events = [
        {"type": "response.created", "response": _response([], "in_progress")},
        *events,
        _over(reply, items),
    ]
    numbered = [{**event, "sequence_number": n} for n, event in enumerate(events)]
    for event in numbered:
        adapter(ResponseStreamEvent).validate_python(event)
    return _sse(numbered, named=True)


def _over(reply: Reply, items: list[dict[str, Any]]) -> dict[str, Any]:
    response = _response(items, "incomplete" if reply.stop else "completed")
    response["usage"] = {
        "input_tokens": reply.given,
        "input_tokens_details": {"cached_tokens": reply.cached, "cache_write_tokens": 0},
        "output_tokens": reply.made,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": reply.given + reply.made,
    }
    if reply.stop:
        reason = "max_output_tokens" if reply.stop == "long" else "content_filter"
        response["incomplete_details"] = {"reason": reason}
    return {"type": f"response.{response['status']}", "response": response}


def _response(items: list[dict[str, Any]], status: str) -> dict[str, Any]:
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "model": MODEL, "status": status,
        "output": items, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
    }  # fmt: skip


# -- all three ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Api:
    """One of the three interfaces: how to make its mind, and how its server talks."""

    name: str
    path: str
    request: Any
    """The SDK's type of what is sent."""

    stream: Callable[[Reply], list[bytes]]
    make: Callable[[Config], Thinker] = field(repr=False)
    vendor: Literal["openai", "anthropic"] = "openai"
    kind: Literal["chat", "responses"] = "chat"

    def config(self, url: str, **settings: Any) -> Config:  # noqa: ANN401 - any setting
        given = {"vendor": self.vendor, "api": self.kind, "url": url, "model": MODEL, **settings}
        return Config(pipeline=Pipeline(llm=Llm(**given)), keys=Keys(llm=SecretStr(KEY)))

    def mind(self, url: str, **settings: Any) -> Thinker:  # noqa: ANN401 - any setting
        return self.make(self.config(url, **settings))

    def answer(self, reply: Reply) -> Answer:
        return Answer(self.stream(reply))


ANTHROPIC = Api(
    "anthropic", "/v1/messages", MessageCreateParamsStreaming, messages_stream, anthropic.mind,
    vendor="anthropic",
)  # fmt: skip
CHAT = Api(
    "chat", "/v1/chat/completions", CompletionCreateParamsStreaming, chat_stream, openai_chat.mind
)
RESPONSES = Api(
    "responses", "/v1/responses", ResponseCreateParamsStreaming, responses_stream,
    openai_responses.mind, kind="responses",
)  # fmt: skip
APIS = (ANTHROPIC, CHAT, RESPONSES)
