"""A reply as the list of what goes over the wire, in the order of the real server. Pure."""

import base64
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.realtime_server.script import (
    BYTES_PER_MS,
    RATE,
    Call,
    Event,
    Plan,
    RemoteCall,
    Reply,
    Send,
    Step,
    Wait,
)

CHARACTERS_PER_S = 15.0
"""How fast text is spoken."""


class Ids:
    """Names things, in order."""

    def __init__(self) -> None:
        self._counters: dict[str, Iterator[int]] = {}

    def __call__(self, kind: str) -> str:
        return f"{kind}_{next(self._counters.setdefault(kind, itertools.count(1)))}"


@dataclass
class Frame:
    """What every event of one response carries."""

    response: str
    ids: Ids
    speaks: bool
    """Whether it answers by sound; else by text."""

    metadata: Any = None
    conversation: str | None = "conv_1"
    argument_deltas: bool = True
    outputs: list[Event] = field(default_factory=list)
    usage: Event = field(default_factory=dict)

    def resource(self, status: str, details: object = None) -> Event:
        """Return the ``response`` of created and done."""
        return {
            "object": "realtime.response",
            "id": self.response,
            "status": status,
            "status_details": details,
            "output": [item for item in self.outputs if status != "in_progress"],
            "conversation_id": self.conversation,
            "output_modalities": ["audio" if self.speaks else "text"],
            "max_output_tokens": "inf",
            "usage": self.usage if status != "in_progress" else None,
            "metadata": self.metadata,
        }


def tone(seconds: float, *, hertz: float = 440.0, level: float = 0.2) -> bytes:
    """Return a sine, with soft edges so that it is no click."""
    at = np.arange(round(seconds * RATE)) / RATE
    edges = np.minimum(1.0, np.minimum(at, at[::-1]) / 0.005) if len(at) else at
    return (32767 * level * edges * np.sin(2 * math.pi * hertz * at)).astype("<i2").tobytes()


def sound_of(reply: Reply) -> bytes:
    """Return what a reply sounds like."""
    return reply.pcm or tone(len(reply.text) / CHARACTERS_PER_S)


def plan(reply: Reply, frame: Frame) -> Plan:
    """Return all that goes out for a reply, from ``response.created`` to ``response.done``."""
    steps: Plan = [Wait(reply.first_event_s)]
    steps.append(Send({"type": "response.created", "response": frame.resource("in_progress")}))
    steps.append(Send(rate_limits()))
    steps.append(Wait(reply.first_audio_s))
    parts: list[Plan] = [list(_message(reply, frame))] if reply.text or reply.pcm else []
    calls = [list(_call(call, frame)) for call in reply.calls]
    calls += [list(_remote(call, frame)) for call in reply.remote]
    for index, part in enumerate(calls + parts if reply.calls_first else parts + calls):
        steps += [_indexed(step, index) for step in part]
    frame.outputs += [
        step.event["item"]
        for step in steps
        if isinstance(step, Send) and step.event["type"] == "response.output_item.done"
    ]
    frame.usage = usage(reply, frame)
    details = dict(reply.details) if reply.details is not None else None
    done = frame.resource(reply.status, details)
    steps.append(Send({"type": "response.done", "response": done}))
    for twist in reply.twists:
        steps = twist(steps)
    return steps


def cancelled(frame: Frame, reason: str) -> Event:
    """Return the end of a response that was cancelled."""
    details = {"type": "cancelled", "reason": reason}
    return {"type": "response.done", "response": frame.resource("cancelled", details)}


def usage(reply: Reply, frame: Frame) -> Event:
    """Return about what such a reply costs: 20 tokens a second of sound, one per 4 letters."""
    text = len(reply.text) // 4 + sum(len(call.arguments) // 4 for call in reply.calls)
    audio = len(sound_of(reply)) // BYTES_PER_MS // 50 if frame.speaks and reply.text else 0
    cached = {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0}
    inward = {"text_tokens": 120, "audio_tokens": 30, "image_tokens": 0}
    return {
        "total_tokens": 150 + text + audio,
        "input_tokens": 150,
        "output_tokens": text + audio,
        "input_token_details": {**inward, "cached_tokens": 64, "cached_tokens_details": cached},
        "output_token_details": {"text_tokens": text, "audio_tokens": audio},
    }


def rate_limits() -> Event:
    """Return the limits that the real server tells at every response."""
    limit = {"name": "tokens", "limit": 50_000, "remaining": 49_950, "reset_seconds": 0.06}
    return {"type": "rate_limits.updated", "rate_limits": [limit]}


def _indexed(step: Step, index: int) -> Step:
    if isinstance(step, Send) and "output_index" in step.event:
        return Send({**step.event, "output_index": index})
    return step


def _framed(frame: Frame, kind: str, **more: object) -> Send:
    return Send({"type": kind, "response_id": frame.response, "output_index": 0, **more})


def _opened(frame: Frame, item: Event) -> Iterator[Step]:
    yield _framed(frame, "response.output_item.added", item=item)
    if frame.conversation is not None:
        added = {"type": "conversation.item.added", "previous_item_id": None, "item": item}
        yield Send(added)


def _ended(frame: Frame, item: Event) -> Iterator[Step]:
    yield _framed(frame, "response.output_item.done", item=item)
    if frame.conversation is not None:
        done = {"type": "conversation.item.done", "previous_item_id": None, "item": item}
        yield Send(done)


def _message(reply: Reply, frame: Frame) -> Iterator[Step]:
    base = {"id": frame.ids("item"), "object": "realtime.item", "type": "message"}
    base["role"] = "assistant"
    yield from _opened(frame, {**base, "status": "in_progress", "content": []})
    place = {"item_id": base["id"], "content_index": 0}
    kind = "audio" if frame.speaks else "text"
    word = "transcript" if frame.speaks else "text"
    part = {"type": kind, word: ""}
    yield _framed(frame, "response.content_part.added", **place, part=part)
    yield from _spoken(reply, frame, place) if frame.speaks else _written(reply, frame, place)
    whole = {"type": kind, word: reply.text}
    yield _framed(frame, "response.content_part.done", **place, part=whole)
    content = [{"type": f"output_{kind}", word: reply.text}]
    yield from _ended(frame, {**base, "status": "completed", "content": content})


def _spoken(reply: Reply, frame: Frame, place: Event) -> Iterator[Step]:
    sound = sound_of(reply)
    size = round(reply.piece_s * RATE) * 2
    pieces = [sound[begin : begin + size] for begin in range(0, len(sound), size)]
    letters = math.ceil(len(reply.text) / max(1, len(pieces)))
    for index, piece in enumerate(pieces):
        said = reply.text[index * letters : (index + 1) * letters]
        if said:
            kind = "response.output_audio_transcript.delta"
            yield _framed(frame, kind, **place, delta=said)
        delta = base64.b64encode(piece).decode()
        yield _framed(frame, "response.output_audio.delta", **place, delta=delta)
        yield Wait(len(piece) / 2 / RATE / reply.pace)
    yield _framed(frame, "response.output_audio.done", **place)
    kind = "response.output_audio_transcript.done"
    yield _framed(frame, kind, **place, transcript=reply.text)


def _written(reply: Reply, frame: Frame, place: Event) -> Iterator[Step]:
    for word in reply.text.split(" "):
        yield _framed(frame, "response.output_text.delta", **place, delta=f"{word} ")
    yield _framed(frame, "response.output_text.done", **place, text=reply.text)


def _call(call: Call, frame: Frame) -> Iterator[Step]:
    item = {"id": frame.ids("item"), "object": "realtime.item", "type": "function_call"}
    item |= {"name": call.name, "call_id": call.id or frame.ids("call")}
    yield from _opened(frame, {**item, "status": "in_progress", "arguments": ""})
    place = {"item_id": item["id"], "call_id": item["call_id"]}
    kind = "response.function_call_arguments"
    for begin in range(0, len(call.arguments), 16_384) if frame.argument_deltas else ():
        yield _framed(
            frame, f"{kind}.delta", **place, delta=call.arguments[begin : begin + 16_384]
        )
    yield _framed(frame, f"{kind}.done", **place, name=call.name, arguments=call.arguments)
    yield from _ended(frame, {**item, "status": "completed", "arguments": call.arguments})


def _remote(call: RemoteCall, frame: Frame) -> Iterator[Step]:
    item = {"id": frame.ids("mcpr"), "type": "mcp_approval_request", "server_label": call.server}
    item |= {"name": call.name, "arguments": call.arguments}
    yield from _opened(frame, item)
    yield from _ended(frame, item)
