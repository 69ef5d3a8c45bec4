"""Whether a client event is one that the vendor's own SDK would send."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from openai.types.realtime import (
    RealtimeClientEvent,
    RealtimeConversationItemAssistantMessage,
    RealtimeConversationItemSystemMessage,
    RealtimeConversationItemUserMessage,
    RealtimeSessionCreateRequest,
)
from pydantic import BaseModel, ValidationError


def _tag(model: type[BaseModel]) -> str:
    return str(get_args(model.model_fields["type"].annotation)[0])


_EVENTS: dict[str, type[BaseModel]] = {
    _tag(model): model for model in get_args(get_args(RealtimeClientEvent)[0])
}
_ROLES: dict[str, type[BaseModel]] = {
    "system": RealtimeConversationItemSystemMessage,
    "user": RealtimeConversationItemUserMessage,
    "assistant": RealtimeConversationItemAssistantMessage,
}
_ITEMS = _EVENTS["conversation.item.create"].model_fields["item"].annotation
_KINDS: dict[str, type[BaseModel]] = {
    _tag(model): model for model in get_args(_ITEMS) if _tag(model) != "message"
}
for _model in (*_EVENTS.values(), *_ROLES.values(), *_KINDS.values()):
    _model.model_rebuild()  # else the first client of a process waits for it
RealtimeSessionCreateRequest.model_rebuild()

_CLOSED = frozenset({"parameters", "metadata", "headers", "variables"})
"""Fields in which anything may stand."""


def problems(event: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with a client event; never quotes what it carries."""
    kind = event.get("type")
    model = _EVENTS.get(kind) if isinstance(kind, str) else None
    if model is None:
        return [f"{kind!r} is no client event"]
    found = list(_check(model, event, str(kind)))
    if kind == "session.update":
        found += _check(RealtimeSessionCreateRequest, event.get("session"), "session")
    if kind == "conversation.item.create":
        found += _check_item(event.get("item"))
    return found


def _check_item(item: object) -> Iterator[str]:
    if not isinstance(item, Mapping):
        yield "item: not an object"
        return
    kinds = _ROLES if item.get("type") == "message" else _KINDS
    name = item.get("role") if item.get("type") == "message" else item.get("type")
    model = kinds.get(str(name))
    if model is None:
        yield f"item: {name!r} is none of {', '.join(kinds)}"
        return
    yield from _check(model, item, f"item {name}")


def _check(model: type[BaseModel], value: object, where: str) -> Iterator[str]:
    try:
        made = model.model_validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        for problem in error.errors(include_input=False):
            place = ".".join(str(part) for part in problem["loc"])
            yield f"{where}: {place}: {problem['msg']}"
        return
    yield from _strangers(made, where)


def _strangers(value: object, where: str) -> Iterator[str]:
    """Yield every field that the SDK does not know."""
    if isinstance(value, BaseModel):
        for name in value.model_extra or {}:
            yield f"{where}: the field {name!r} is unknown"
        for name in value.model_fields_set & set(type(value).model_fields):
            if name not in _CLOSED:
                yield from _strangers(getattr(value, name), f"{where}.{name}")
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from _strangers(part, f"{where}[{index}]")
