"""The wire format of Live messages: what we send. Pure; ``socket.reading`` reads.

Field by field as in the types of openai-python 3.52, ``types/live`` (read 2026-11-22). The server
refuses fields that it does not know, so nothing optional is sent that is not needed.
"""

from base64 import b64encode
from collections.abc import Iterator
from typing import Final

from appliance.backend.socket.reading import Message, dump, encoded
from appliance.ports import Image
from appliance.units import CallId

LONGEST_APPEND: Final = 256 * 1024
"""Bytes of sound that we put into one message."""

LONGEST_TEXT: Final = 1_200
"""Characters of one appended text. The service takes 500 tokens; scripts that are dense in tokens
have about 2.5 characters in one."""


def start(session: Message, event: str) -> str:
    """Begin the session."""
    return _dump("session.start", event_id=event, session=session)


def appends(pcm: bytes) -> Iterator[str]:
    """Let the model hear sound."""
    for begin in range(0, len(pcm), LONGEST_APPEND):
        yield _dump(
            "session.input_audio.append", audio=encoded(pcm[begin : begin + LONGEST_APPEND])
        )


def mute() -> str:
    """Let the model hear silence, whatever is sent."""
    return _dump("session.input_audio.mute")


def unmute() -> str:
    """Let the model hear what is sent."""
    return _dump("session.input_audio.unmute")


def commentary(event: str, content: str) -> str:
    """Tell the model what it should speak of now."""
    return _append("commentary", event, content)


def instruct(event: str, content: str) -> str:
    """Tell the model something that it should heed; it says nothing for that."""
    return _append("instructions", event, content)


def create_item(event: str, item: Message) -> str:
    """Add to the conversation of the model behind."""
    return _dump("response.item.create", event_id=event, item=item)


def create_response(event: str) -> str:
    """Have the model behind go on: every call has its answer."""
    return _dump("response.create", event_id=event)


def update_tools(tools: list[Message]) -> str:
    """Replace the tools of the model behind."""
    delegation = {"type": "responses", "responses": {"tools": tools}}
    return _dump("session.update", session={"delegation": delegation})


def close(event: str) -> str:
    """End the session in good order."""
    return _dump("session.close", event_id=event)


def call_output(call: CallId, output: str) -> Message:
    """Return the item that answers a call."""
    return {"type": "function_call_output", "call_id": call, "output": output}


def picture(image: Image) -> Message:
    """Return the item with which the model behind is shown a picture."""
    data = b64encode(image.data).decode("ascii")
    content = {
        "type": "input_image",
        "image_url": f"data:{image.mime};base64,{data}",
        "detail": "auto",
    }
    return {"type": "message", "role": "user", "content": [content]}


def cut(text: str) -> str:
    """Return a text that may be appended."""
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def _append(kind: str, event: str, content: str) -> str:
    """The type calls ``delegation_id`` required and nullable; ``null`` is the whole session."""
    return _dump(
        f"session.{kind}.append", event_id=event, delegation_id=None, content=cut(content)
    )


def _dump(kind: str, **fields: object) -> str:
    return dump({"type": kind, **fields})
