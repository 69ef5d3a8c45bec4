"""The messages that we send to Gemini Live. Pure.

Field by field as ``LiveClientMessage`` of google-genai 3.4.0 (``types.py``).
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

from appliance.backend.socket.reading import dump, encoded
from appliance.ports import Image

Fields = Mapping[str, object]

SOUND = "audio/pcm;rate=16000"


def setup(fields: Fields) -> str:
    """Return the settings, the first message."""
    return dump({"setup": fields})


def history(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the conversation so far: pairs of ``user`` or ``assistant`` and a text."""
    spoken = groupby(pairs, key=itemgetter(0))
    turns = [
        {
            "role": "user" if who == "user" else "model",
            "parts": [{"text": text} for _, text in said],
        }
        for who, said in spoken
    ]
    return dump({"clientContent": {"turns": turns, "turnComplete": True}})


def begin() -> str:
    """Say that the user begins."""
    return _realtime(activityStart={})


def end() -> str:
    """Say that the user has finished."""
    return _realtime(activityEnd={})


def sound(pcm: bytes) -> str:
    """Return a piece of the user's sound: 16 kHz."""
    return _realtime(audio={"data": encoded(pcm), "mimeType": SOUND})


def text(words: str) -> str:
    """Return words of the user's turn."""
    return _realtime(text=words)


def picture(image: Image) -> str:
    """Return a picture of the user's turn."""
    return _realtime(video={"data": encoded(image.data), "mimeType": image.mime})


def tool_response(responses: Sequence[tuple[str, str, Fields]]) -> str:
    """Answer calls: each with its id, the tool, and ``output`` or ``error``."""
    listed = [
        {"id": call, "name": tool, "response": dict(answer)} for call, tool, answer in responses
    ]
    return dump({"toolResponse": {"functionResponses": listed}})


def retool(tools: Sequence[Fields]) -> str:
    """Replace the tools, in the form of the settings."""
    return dump({"contextUpdate": {"tools": {"tools": list(tools)}}})


def _realtime(**fields: object) -> str:
    return dump({"realtimeInput": fields})
