"""Ways to spoil a reply. Each takes a plan and gives the plan that goes out instead."""

import json
from collections.abc import Callable
from random import Random

from tests.realtime_server.script import (
    Abort,
    Close,
    Event,
    Plan,
    Raw,
    Send,
    Step,
    Stop,
    Twist,
    Wait,
)

AUDIO = "response.output_audio.delta"


def before(kind: str, *steps: Step, count: int = 1) -> Twist:
    """Put something before the ``count``-th event of a type; at the end if there is none."""

    def twist(plan: Plan) -> Plan:
        at = _place(plan, kind, count)
        return [*plan[:at], *steps, *plan[at:]]

    return twist


def instead(kind: str, *steps: Step, count: int = 1) -> Twist:
    """Put something in place of the ``count``-th event of a type and of all that follows."""

    def twist(plan: Plan) -> Plan:
        return [*plan[: _place(plan, kind, count)], *steps]

    return twist


def changed(kind: str, change: Callable[[Event], Event]) -> Twist:
    """Change every event of a type."""

    def twist(plan: Plan) -> Plan:
        return [
            Send(change(dict(step.event)))
            if isinstance(step, Send) and step.event["type"] == kind
            else step
            for step in plan
        ]

    return twist


def without(kind: str) -> Twist:
    """Leave every event of a type out."""

    def twist(plan: Plan) -> Plan:
        return [
            step for step in plan if not (isinstance(step, Send) and step.event["type"] == kind)
        ]

    return twist


def shuffled(seed: int) -> Twist:
    """Send everything in another order."""

    def twist(plan: Plan) -> Plan:
        steps = list(plan)
        Random(seed).shuffle(steps)  # noqa: S311 - the same order every time
        return steps

    return twist


def stall(seconds: float, *, at: str = AUDIO, count: int = 1) -> Twist:
    """Say nothing for a while."""
    return before(at, Wait(seconds), count=count)


def silence(*, at: str = AUDIO, count: int = 1) -> Twist:
    """Say nothing any more, while the connection and the response stay."""
    return instead(at, Wait(1e6), count=count)


def garbage(at: str = AUDIO) -> Twist:
    """Send what is no JSON, not an object, without a type, or with a type that is no string."""
    pieces = ('{"type": "resp', "[]", "null", "7", "{}", '{"type": 7}', '{"type": null}', "")
    return before(at, *(Raw(piece) for piece in pieces))


def binary(at: str = AUDIO) -> Twist:
    """Send a binary frame."""
    return before(at, Raw(b"\x00\xff\xfe\x80"))


def unknown_types(at: str = AUDIO) -> Twist:
    """Send events that nobody knows, and known ones with fields that nobody knows."""
    events: tuple[Event, ...] = (
        {"type": "response.output_hologram.delta", "delta": "AAAA"},
        {"type": "session.moon_phase", "phase": {"deep": [1, {"er": None}]}},
    )
    return before(at, *(Send(event) for event in events))


def stranger(at: str = AUDIO) -> Twist:
    """Send sound, text and a call of a response that never was."""
    place = {"response_id": "resp_of_nobody", "item_id": "item_of_nobody", "output_index": 0}
    item = {
        "id": "item_of_nobody",
        "type": "function_call",
        "status": "completed",
        "name": "unlock_door",
        "call_id": "call_of_nobody",
        "arguments": "{}",
    }
    done = {"id": "resp_of_nobody", "status": "completed", "output": [item]}
    events: tuple[Event, ...] = (
        {"type": AUDIO, **place, "content_index": 0, "delta": "AAAAAAAA"},
        {
            "type": "response.output_audio_transcript.delta",
            **place,
            "content_index": 0,
            "delta": "psst",
        },
        {"type": "response.output_item.done", **place, "item": item},
        {"type": "response.done", "response": done},
    )
    return before(at, *(Send(event) for event in events))


def half_base64() -> Twist:
    """Cut the end off every piece of sound, so that it is no base64 any more."""
    return changed(AUDIO, lambda event: {**event, "delta": event["delta"][:-3]})


def odd_bytes() -> Twist:
    """Send sound of an odd number of bytes, then a piece that is no base64 at all."""
    spoilt = {"delta": "AAAAAAA="}
    return changed(AUDIO, lambda event: {**event, **spoilt})


def error_without_done(code: str = "server_error", *, count: int = 2) -> Twist:
    """Break off with an error in the middle of the sound, and never say that it is over."""
    error = {"type": "server_error", "code": code, "message": "broken", "param": None}
    return instead(AUDIO, Send({"type": "error", "error": error}), Stop(), count=count)


def fatal(code: str, *, at: str = "response.created", in_type: bool = False) -> Twist:
    """Say that there will be no more service, and close."""
    where = {"type": code, "code": None} if in_type else {"type": "tokens", "code": code}
    error = {**where, "message": "no more service", "param": None}
    return instead(at, Send({"type": "error", "error": error}), Close(1008, code))


def close(code: int, reason: str = "", *, at: str = AUDIO, count: int = 2) -> Twist:
    """Close in the middle of the sound."""
    return instead(at, Close(code, reason), count=count)


def abort(*, at: str = AUDIO, count: int = 2) -> Twist:
    """Vanish in the middle of the sound, without a close frame."""
    return instead(at, Abort(), count=count)


def twice(kind: str) -> Twist:
    """Send every event of a type twice."""

    def twist(plan: Plan) -> Plan:
        steps: Plan = []
        for step in plan:
            again = isinstance(step, Send) and step.event["type"] == kind
            steps += [step, step] if again else [step]
        return steps

    return twist


def padded(kind: str, size: int) -> Twist:
    """Make an event of a type far too large."""
    return before(kind, Raw(json.dumps({"type": "session.padding", "padding": "x" * size})))


def _place(plan: Plan, kind: str, count: int) -> int:
    found = [
        index
        for index, step in enumerate(plan)
        if isinstance(step, Send) and step.event["type"] == kind
    ]
    return found[count - 1] if len(found) >= count else len(plan)
