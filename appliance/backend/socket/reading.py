"""Reading what may be anything, writing what is right: JSON of sessions. Pure.

Reading never raises: what has the wrong type reads as empty, for a server may send anything.
"""

import base64
import json
from collections.abc import Mapping
from typing import NoReturn, cast

Message = Mapping[str, object]

LONGEST_MESSAGE = 32 * 1024 * 1024
"""Characters; OpenAI's own limit is 15 MiB of sound, which are 20 MiB of text."""

LONGEST_PIECE = 15 * 1024 * 1024
"""Bytes of sound in one message (OpenAI's limit)."""


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
    pcm = decoded(message, key)
    return None if pcm is None or len(pcm) % 2 else pcm


def decoded(message: Message, key: str) -> bytes | None:
    """Return bytes that are written in base64, or ``None`` if they are not, or too many."""
    encoded = text_of(message, key)
    if len(encoded) > LONGEST_PIECE // 3 * 4:
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        return None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and infinities are no JSON


def dump(value: object) -> str:
    """Return JSON text; what JSON cannot hold becomes its text."""
    return json.dumps(value, separators=(",", ":"), default=str)


def encoded(pcm: bytes) -> str:
    """Return sound as base64."""
    return base64.b64encode(pcm).decode("ascii")
