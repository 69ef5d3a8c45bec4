"""What a realtime server says and takes, by the types of the ``openai`` SDK, for tests."""

import base64
import json
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

import pydantic
from openai.types import realtime as sdk

from appliance.backend.realtime.protocol import Patience, RealtimeProtocol, Terms
from appliance.backend.socket.rules import Out
from appliance.events import BackendEvent
from appliance.units import Seconds

Message = dict[str, Any]

SESSION: Mapping[str, object] = {"type": "realtime", "instructions": "You are a lamp."}
PATIENCE = Patience(setup=Seconds(3.0), stall=Seconds(4.0), tools=Seconds(2.0))


def union_members(union: object) -> dict[str, type[pydantic.BaseModel]]:
    """Return the models of an SDK union by the ``type`` that they stand for."""
    annotated = get_args(union)[0]
    models = cast("tuple[type[pydantic.BaseModel], ...]", get_args(annotated))
    return {get_args(model.model_fields["type"].annotation)[0]: model for model in models}


CLIENT_EVENTS = union_members(sdk.RealtimeClientEvent)
SERVER_EVENTS = union_members(sdk.RealtimeServerEvent)


def check_client_event(text: str) -> Message:
    """Return what we send as an object, once the SDK's types have taken every field of it."""
    message: Message = json.loads(text)
    model = CLIENT_EVENTS[message["type"]].model_validate_json(text)
    unknown = [*_unknown(model)]
    assert not unknown, f"{message['type']} has fields that the API does not know: {unknown}"
    return message


def _unknown(value: object) -> Iterator[str]:
    if isinstance(value, pydantic.BaseModel):
        yield from value.model_extra or {}
        for name in type(value).model_fields:
            yield from _unknown(getattr(value, name))
    elif isinstance(value, list):
        for entry in cast("list[object]", value):
            yield from _unknown(entry)


def sample(kind: str) -> Message:
    """Return an event of the server with every field that the SDK knows."""
    return cast("Message", _sample(SERVER_EVENTS[kind]))


def _sample(kind: Any, depth: int = 0) -> object:  # noqa: ANN401 - types are anything
    origin = get_origin(kind)
    if origin is Annotated:
        return _sample(get_args(kind)[0], depth)
    if origin is Literal:
        return get_args(kind)[0]
    if origin in {Union, types.UnionType}:
        return _sample(next(m for m in get_args(kind) if m is not type(None)), depth)
    if origin is list:
        return [_sample(member, depth) for member in get_args(kind)[:1]]
    if origin is dict:
        return {"key": _sample(get_args(kind)[1], depth)}
    if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
        fields = kind.model_fields.items() if depth < 6 else ()
        return {name: _sample(field.annotation, depth + 1) for name, field in fields}
    return {str: "text", int: 1, float: 1.0, bool: True}.get(kind, {})


def pcm(milliseconds: int) -> str:
    """Return so much sound at 24 kHz, in base64."""
    return base64.b64encode(bytes(48 * milliseconds)).decode("ascii")


class Peer:
    """A protocol with the time it is told, and all that came out of it."""

    def __init__(self, protocol: RealtimeProtocol) -> None:
        self.protocol = protocol
        self.now = Seconds(100.0)
        self.sent: list[Message] = []
        self.events: list[BackendEvent] = []
        self._responses = 0

    def take(self, out: Out) -> Out:
        """Keep and check what came out."""
        self.sent += (check_client_event(str(text)) for text in out.send)
        self.events += out.events
        return out

    def say(self, kind: str, **fields: object) -> list[BackendEvent]:
        """Send an event of the server; return what it led to."""
        text = json.dumps({"type": kind, "event_id": "event_1", **fields})
        return [*self.take(self.protocol.receive(text, self.now)).events]

    def wait(self, seconds: float) -> None:
        """Let time pass, waking the protocol when it wants to be woken."""
        until = Seconds(self.now + seconds)
        while (deadline := self.protocol.deadline()) is not None and deadline <= until:
            self.now = Seconds(max(self.now, deadline))
            self.take(self.protocol.expire(self.now))
        self.now = until

    def new(self, kind: str) -> list[Message]:
        """Return the messages of one type sent since they were last asked for."""
        found = [message for message in self.sent if message["type"] == kind]
        self.sent = [message for message in self.sent if message["type"] != kind]
        return found

    def begin(self, response: str, *, echo: bool = True) -> list[BackendEvent]:
        """Begin the reply that was asked for."""
        asked = self.new("response.create")[-1]
        metadata = asked["response"]["metadata"] if echo else None
        return self.say("response.created", response={"id": response, "metadata": metadata})

    def sound(self, response: str, milliseconds: int, item: str = "item_1") -> list[BackendEvent]:
        """Send a piece of a reply."""
        return self.say(
            "response.output_audio.delta",
            response_id=response,
            item_id=item,
            output_index=0,
            content_index=0,
            delta=pcm(milliseconds),
        )

    def end(
        self, response: str, *output: Mapping[str, object], **fields: object
    ) -> list[BackendEvent]:
        """End a reply."""
        whole = {"id": response, "status": "completed", "output": list(output), **fields}
        return self.say("response.done", response=whole)

    def fail(
        self, code: str, event: str | None = None, kind: str = "invalid_request_error"
    ) -> None:
        """Report an error."""
        error = {"type": kind, "code": code, "message": "secret", "event_id": event}
        self.say("error", error=error)


def function_call(
    call: str, name: str = "set_light", arguments: object = "{}", **fields: object
) -> Message:
    """Return the item of a call."""
    return {
        "type": "function_call",
        "id": f"item_{call}",
        "call_id": call,
        "name": name,
        "arguments": arguments,
        "status": "completed",
        **fields,
    }


def approval_request(request: str, name: str = "forecast") -> Message:
    """Return the item by which a server asks whether it may call a remote tool."""
    return {
        "type": "mcp_approval_request",
        "id": request,
        "server_label": "weather",
        "name": name,
        "arguments": '{"place": "Ghent"}',
    }


def terms(**changes: Any) -> Terms:  # noqa: ANN401 - any field of the terms
    """Return terms for a session with on-device turn detection, or as changed."""
    given: dict[str, Any] = {
        "session": SESSION,
        "patience": PATIENCE,
        "model": "gpt-realtime-2.1",
        "transcription_model": "gpt-transcribe",
        "closing": frozenset({"stop"}),
    }
    return Terms(**{**given, **changes})


def ready(**changes: Any) -> Peer:  # noqa: ANN401 - any field of the terms
    """Return a session whose settings have been taken."""
    peer = Peer(RealtimeProtocol(terms(**changes)))
    peer.take(peer.protocol.opened(peer.now))
    peer.say("session.created", session={})
    peer.say("session.updated", session={})
    return peer
