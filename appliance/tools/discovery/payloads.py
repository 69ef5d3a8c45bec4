"""What strangers publish, read without trust: JSON, numbers, texts, topics. Pure.

Nothing here raises, whatever it is given, and all of it is bounded: by the length of a payload, by
the length of a text, by the number of levels that JSON may nest.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence

LONGEST_STATE = 32_768
"""Bytes of a payload that tells a state; longer ones say nothing."""

LONGEST_ANNOUNCEMENT = 16 * 1024 * 1024
"""Bytes of a payload that announces things."""

LONGEST_TEXT = 255
"""Characters of a text, of a name, of an option."""

LONGEST_TOPIC = 512
"""Characters of a topic that is listened to or published on."""

Path = tuple[str | int, ...]

_TOPIC = re.compile(r"[^\x00-\x1f\x7f-\x9f+#\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]+")
_HALVES = re.compile(r"[\ud800-\udfff]")
_latest: tuple[bytes, object] = (b"null", None)


def _not_finite(_: str) -> None:
    return None


def json_of(payload: bytes, longest: int = LONGEST_STATE) -> object:
    """Return what JSON says; ``None``: nothing, or it is none, too long or too deep.

    NaN and infinities become ``None``. The same payload is read once for all who ask one after the
    other (one message tells many traits), so nobody may change what is returned.
    """
    global _latest  # noqa: PLW0603 - one entry, replaced whole: any thread
    if len(payload) > longest:
        return None
    kept, value = _latest
    if kept is payload or kept == payload:
        return value
    try:
        value = json.loads(payload, parse_constant=_not_finite)
    except (ValueError, RecursionError):
        value = None
    if len(payload) <= LONGEST_STATE:
        _latest = (payload, value)
    return value


def dig(value: object, path: Path) -> object:
    """Return what lies at a path of keys and indices; ``None``: nothing."""
    for step in path:
        if isinstance(step, str):
            if not isinstance(value, Mapping):
                return None
            value = value.get(step)
        elif isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def table(value: object) -> Mapping[str, object]:
    """Return a JSON object; an empty one if it is none."""
    return value if isinstance(value, Mapping) else {}


def rows(value: object, most: int) -> Sequence[object]:
    """Return a JSON array, of at most so many; an empty one if it is none."""
    return value[:most] if isinstance(value, list) else ()


def tables(value: object, most: int) -> Iterator[Mapping[str, object]]:
    """Yield the objects in a JSON array."""
    for row in rows(value, most):
        if isinstance(row, Mapping):
            yield row


def number(value: object) -> float | None:
    """Return a finite number; of texts, those that are one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and len(value) > 64:
        return None
    if isinstance(value, int | float | str):
        try:
            found = float(value)
        except (ValueError, OverflowError):
            return None
        return found if math.isfinite(found) else None
    return None


def whole(value: object, low: int, high: int) -> int | None:
    """Return a whole number of JSON within limits."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if low <= value <= high else None


def text(value: object, longest: int = LONGEST_TEXT) -> str:
    """Return a text, cut to length, without halves of characters; empty if it is none."""
    if not isinstance(value, str):
        return ""
    cut = value[:longest]
    return cut if cut.isascii() else _HALVES.sub("", cut)


def word(value: object, longest: int = LONGEST_TEXT) -> str:
    """Return a text that counts only as a whole (an address, a topic); empty if it is longer."""
    return value if isinstance(value, str) and len(value) <= longest else ""


def texts(value: object, most: int = 100) -> tuple[str, ...]:
    """Return the different, not overlong texts of a JSON array, in order."""
    found = (row for row in rows(value, most) if isinstance(row, str))
    return tuple(dict.fromkeys(row for row in found if 0 < len(row) <= LONGEST_TEXT))


def usable_topic(topic: str) -> bool:
    """Whether one may subscribe to, and publish on, exactly this topic.

    No wildcards, no control characters, not the broker's own (``$SYS``), no empty first level.
    """
    return (
        0 < len(topic) <= LONGEST_TOPIC
        and topic[0] not in "$/"
        and _TOPIC.fullmatch(topic) is not None
    )


def decoded(payload: bytes, longest: int = LONGEST_STATE) -> str | None:
    """Return a payload as text; ``None``: it is none."""
    if len(payload) > longest:
        return None
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return None
