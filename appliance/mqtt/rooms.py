"""Messages from box to box: who is in which room, and what is to be said there. Pure.

All of it stays below ``<root>/zones/<zone>``, so that a house of hundreds of boxes is many small
ones to each of them. ``boxes/<id>`` (retained) tells who a box is. ``rooms/<room>/say`` is said by
the boxes of a room, ``rooms/all/say`` by all; each that says it answers on
``boxes/<sender>/said``. Text from the broker is cut and cleaned before it is said, and it is only
said: no model is given it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from appliance.text import one_line

EVERYWHERE = "all"
"""The room that is every room."""

LONGEST = 300
"""Characters of a message: half a minute of speech."""

LARGEST = 8_192
"""Bytes of a message that is looked at."""


@dataclass(frozen=True, slots=True)
class About:
    """Who a box is."""

    name: str
    area: str | None
    zone: str
    version: str


@dataclass(frozen=True, slots=True)
class Saying:
    """What is to be said in a room."""

    id: str
    """Random; the same for a message that comes twice."""

    box: str
    """Who sends it: its id."""

    room: str
    """Where that stands, as people say it; may be empty."""

    text: str = field(repr=False)


def slug(area: str) -> str:
    """Return how a room is called in topics: ``living room`` → ``living-room``."""
    return re.sub(r"[^\w]+", "-", area.strip().lower()).strip("-")[:64] or EVERYWHERE


def clean(text: str, longest: int = LONGEST) -> str:
    """Return a text of one line that can be said: no control characters, not too long."""
    return one_line(text, longest)[:longest].strip()


def write_about(about: About) -> bytes:
    """Return what a box tells of itself."""
    table = {
        "name": about.name,
        "area": about.area,
        "zone": about.zone,
        "version": about.version,
    }
    return json.dumps(table, separators=(",", ":")).encode()


def read_about(payload: bytes) -> About | None:
    """Read what a box tells of itself; ``None``: nothing, or nothing usable."""
    table = _table(payload)
    name, area, zone = (clean(_text(table, key), 64) for key in ("name", "area", "zone"))
    if not zone:
        return None
    return About(name, area or None, zone, clean(_text(table, "version"), 64))


def write_saying(saying: Saying) -> bytes:
    """Return a message for a room."""
    table = {"id": saying.id, "box": saying.box, "room": saying.room, "text": saying.text}
    return json.dumps(table, separators=(",", ":"), ensure_ascii=False).encode()


def read_saying(payload: bytes) -> Saying | None:
    """Read a message for a room; ``None``: there is nothing in it to say.

    Somebody's automation need only send ``{"text": …}``, or the bare text.
    """
    table = _table(payload)
    if not table:
        try:
            bare = payload[:LARGEST].decode()
        except UnicodeDecodeError:
            return None
        if bare[:1] in ("{", "["):
            return None
        table = {"text": bare}
    text = clean(_text(table, "text"))
    if not text:
        return None
    name, box, room = (clean(_text(table, key), 64) for key in ("id", "box", "room"))
    return Saying(name, box, room, text)


def write_said(name: str, box: str) -> bytes:
    """Return the answer of a box that says a message."""
    return json.dumps({"id": name, "box": box}, separators=(",", ":")).encode()


def read_said(payload: bytes) -> str | None:
    """Return which message was said."""
    return _text(_table(payload), "id") or None


def _table(payload: bytes) -> Mapping[str, object]:
    if len(payload) > LARGEST:
        return {}
    try:
        table = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return table if isinstance(table, dict) else {}


def _text(table: Mapping[str, object], key: str) -> str:
    value = table.get(key)
    return value if isinstance(value, str) else ""
