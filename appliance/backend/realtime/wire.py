"""The wire format of realtime messages: what we send. Pure; ``socket.reading`` reads."""

from collections.abc import Iterator, Sequence

from appliance.backend.socket.reading import Message, dump, encoded
from appliance.ports import Enclosure, Image
from appliance.units import ResponseId

LONGEST_APPEND = 1024 * 1024
"""Bytes of sound that we put into one message."""


def session_update(session: Message, event: str) -> str:
    """Change the session's settings."""
    return _dump("session.update", event_id=event, session=session)


def appends(pcm: bytes) -> Iterator[str]:
    """Add sound to the input buffer."""
    for begin in range(0, len(pcm), LONGEST_APPEND):
        piece = pcm[begin : begin + LONGEST_APPEND]
        yield _dump("input_audio_buffer.append", audio=encoded(piece))


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
    return f"data:{image.mime};base64,{encoded(image.data)}"


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


def _dump(kind: str, **fields: object) -> str:
    return dump({"type": kind, **fields})
