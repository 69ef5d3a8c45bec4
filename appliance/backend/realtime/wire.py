"""The wire format of realtime messages: reading what may be anything, writing what is right. Pure.

Reading never raises: what has the wrong type reads as empty, for a server may send anything.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NoReturn, cast

from appliance.ports import Enclosure, Image
from appliance.units import ResponseId

Message = Mapping[str, object]

LONGEST_MESSAGE = 32 * 1024 * 1024
"""Characters; the API's own limit is 15 MiB of sound, which are 20 MiB of text."""

LONGEST_PIECE = 15 * 1024 * 1024
"""Bytes of sound in one message (the API's limit)."""

LONGEST_APPEND = 1024 * 1024
"""Bytes of sound that we put into one message."""

# -- reading ------------------------------------------------------------------------------------


def parse(message: str | bytes) -> Message | None:
    """Return a message as an object, or ``None`` if it is none."""
    if isinstance(message, bytes) or len(message) > LONGEST_MESSAGE:
        return None
    return parse_object(message)


def parse_object(text: str) -> Message | None:
    """Return JSON text as an object, or ``None`` if it is something else."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return cast("Message", value) if isinstance(value, dict) else None


def text_of(message: Message, key: str) -> str:
    """Return a text, or ``""``."""
    value = message.get(key)
    return value if isinstance(value, str) else ""


def number_of(message: Message, key: str) -> float:
    """Return a number that is not negative, or 0."""
    value = message.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if 0 <= value < 2**53 else 0.0


def object_of(message: Message, key: str) -> Message:
    """Return an object, or an empty one."""
    value = message.get(key)
    return cast("Message", value) if isinstance(value, dict) else {}


def objects_of(message: Message, key: str) -> list[Message]:
    """Return the objects in a list."""
    value = message.get(key)
    if not isinstance(value, list):
        return []
    entries = cast("list[object]", value)
    return [cast("Message", entry) for entry in entries if isinstance(entry, dict)]


def sound_of(message: Message, key: str) -> bytes | None:
    """Return sound, or ``None`` if it is half a piece, too much of it or none at all."""
    encoded = text_of(message, key)
    if len(encoded) > LONGEST_PIECE // 3 * 4:
        return None
    try:
        pcm = base64.b64decode(encoded, validate=True)
    except ValueError:
        return None
    return None if len(pcm) % 2 else pcm


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and infinities are no JSON


# -- writing ------------------------------------------------------------------------------------


def session_update(session: Message, event: str) -> str:
    """Change the session's settings."""
    return _dump("session.update", event_id=event, session=session)


def appends(pcm: bytes) -> Iterator[str]:
    """Add sound to the input buffer."""
    for begin in range(0, len(pcm), LONGEST_APPEND):
        encoded = base64.b64encode(pcm[begin : begin + LONGEST_APPEND]).decode("ascii")
        yield _dump("input_audio_buffer.append", audio=encoded)


def commit(event: str) -> str:
    """Make a user's message of the input buffer."""
    return _dump("input_audio_buffer.commit", event_id=event)


def clear() -> str:
    """Empty the input buffer."""
    return _dump("input_audio_buffer.clear")


def create_item(item: Message) -> str:
    """Add to the conversation."""
    return _dump("conversation.item.create", item=item)


def delete_item(item: str) -> str:
    """Remove from the conversation."""
    return _dump("conversation.item.delete", item_id=item)


def retrieve_item(item: str) -> str:
    """Ask what the server has of an item, with the sound that it heard; for debugging."""
    return _dump("conversation.item.retrieve", item_id=item)


def truncate_item(item: str, content: int, milliseconds: int) -> str:
    """Make the server forget the end of something it said."""
    return _dump(
        "conversation.item.truncate",
        item_id=item,
        content_index=content,
        audio_end_ms=milliseconds,
    )


def create_response(event: str, response: Message) -> str:
    """Ask for a reply."""
    return _dump("response.create", event_id=event, response=response)


def out_of_band(event: str, *, name: str, instructions: str, items: Sequence[Message]) -> str:
    """Ask, beside the conversation and without adding to it, for an answer in text."""
    response = {
        "conversation": "none",
        "metadata": {"aside": name},
        "output_modalities": ["text"],
        "instructions": instructions,
        "input": list(items),
        "tool_choice": "none",
    }
    return create_response(event, response)


def cancel_response(response: ResponseId) -> str:
    """Stop a reply."""
    return _dump("response.cancel", response_id=response)


def user_message(enclosure: Enclosure, item: str = "") -> Message:
    """Return a user's message: a note of the box, text, a picture."""
    content: list[Message] = [
        {"type": "input_text", "text": text} for text in (enclosure.note, enclosure.text) if text
    ]
    if enclosure.image is not None:
        content.append({"type": "input_image", "image_url": data_uri(enclosure.image)})
    named = {"id": item} if item else {}
    return {**named, "type": "message", "role": "user", "content": content}


def data_uri(image: Image) -> str:
    """Return a picture as a URI."""
    return f"data:{image.mime};base64,{base64.b64encode(image.data).decode('ascii')}"


def call_output(call: str, output: str) -> Message:
    """Return the item that answers a function call."""
    return {"type": "function_call_output", "call_id": call, "output": output}


def approval(request: str, *, approve: bool, reason: str) -> Message:
    """Return the item that answers a remote tool's request."""
    answer: dict[str, object] = {
        "type": "mcp_approval_response",
        "id": f"approval_{request}"[:32],
        "approval_request_id": request,
        "approve": approve,
    }
    return {**answer, "reason": reason} if reason else answer


def dump(value: object) -> str:
    """Return JSON text; what JSON cannot hold becomes its text."""
    return json.dumps(value, separators=(",", ":"), default=str)


def _dump(kind: str, **fields: object) -> str:
    return dump({"type": kind, **fields})
