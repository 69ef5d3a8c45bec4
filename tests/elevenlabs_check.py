"""Whether a message is one that the client of elevenlabs 2.78.0 would send."""

from typing import Any

from elevenlabs.types.conversation_initiation_client_data_request_input import (
    ConversationInitiationClientDataRequestInput as Initiation,
)
from pydantic import BaseModel

FIELDS = {
    "pong": {"event_id"},
    "client_tool_result": {"tool_call_id", "result", "is_error"},
    "contextual_update": {"text"},
    "user_message": {"text"},
    "user_activity": set[str](),
}
"""What a client may send, and with it (``ClientToOrchestratorEvent``)."""


def problems(message: dict[str, Any], *, first: bool) -> list[str]:
    """Say what is wrong with a message; ``first``: none came before it."""
    kind = message.get("type")
    if first:
        if kind != "conversation_initiation_client_data":
            return [f"{kind!r} before the settings"]
        given = {name: value for name, value in message.items() if name != "type"}
        return list(strangers(Initiation.model_validate(given), "settings"))
    if kind is None:
        return [] if set(message) == {"user_audio_chunk"} else ["a strange piece of sound"]
    if kind not in FIELDS or set(message) - {"type"} != FIELDS[kind]:
        return [f"{kind!r} with {sorted(message)}"]
    return []


def strangers(value: object, where: str) -> list[str]:
    """Return every field that the SDK does not know."""
    if not isinstance(value, BaseModel):
        return []
    found = [f"{where}: the field {name!r} is unknown" for name in value.model_extra or {}]
    for name in type(value).model_fields:
        found += strangers(getattr(value, name), f"{where}.{name}")
    return found
