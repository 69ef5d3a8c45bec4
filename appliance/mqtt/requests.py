"""What is in a command or a request to us, and where it is answered. Pure.

Whatever can be published on the broker comes here: nothing raises, nothing is believed.
"""

import json
import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from appliance.units import Seconds

LARGEST = 4096
"""Bytes of a command or request; more is not even looked at."""

LONGEST_TEXT = 500
"""Characters that the box says, or takes as a question, at once."""

LONGEST_NAME = 200
"""Characters of a transaction or a response topic."""

AUTOMATIC, ON_DEVICE = "automatic", "on the device"
"""What ``set/backend`` takes besides the names of the order: whoever is best, or nobody beyond
this house (privacy mode)."""

_SWITCH: Mapping[str, bool] = {"on": True, "true": True, "off": False, "false": False}


@dataclass(frozen=True, slots=True)
class Asked:
    """One command or request."""

    value: str = field(default="", repr=False)
    """As text: ``on``, ``30``, or what is to be said."""

    transaction: str | int | None = None
    """Goes back with the answer, as it came."""


def read_command(payload: bytes) -> Asked | None:
    """Return what a command asks for, or ``None`` if nobody could mean it."""
    if len(payload) > LARGEST:
        return None
    try:
        return Asked(payload.decode().strip())
    except UnicodeDecodeError:
        return None


def read_request(payload: bytes) -> Asked | None:
    """Return what a request asks for: plain text as in a command, or a JSON object.

    The object has a ``value`` (or ``text``), where the verb needs one, and may have a
    ``transaction``: a string or a whole number.
    """
    plain = read_command(payload)
    if plain is None or not plain.value.startswith("{"):
        return plain
    try:
        found = json.loads(plain.value, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    value = _plain(found.get("value", found.get("text", "")))
    transaction = found.get("transaction")
    if isinstance(transaction, bool) or not isinstance(transaction, str | int | None):
        return None
    if len(str(transaction)) > LONGEST_NAME or value is None:
        return None
    return Asked(value, transaction)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _plain(value: object) -> str | None:
    match value:
        case bool():
            return "on" if value else "off"
        case str():
            return value
        case int() | float():
            return f"{value:.12g}" if abs(value) < 1e12 else None
        case _:
            return None


def switch(value: str) -> bool | None:
    """Return whether something is to be on, or ``None`` if that is not what is said."""
    return _SWITCH.get(value[:8].lower())


def level(value: str) -> int | None:
    """Return a whole number from 0 to 100, or ``None``."""
    if not (value.isascii() and value.isdecimal() and len(value) < 10) or int(value) > 100:
        return None
    return int(value)


def fraction(value: str) -> float | None:
    """Return a number from 0 to 1, or ``None``."""
    try:
        number = float(value[:32]) if value.isascii() else math.nan
    except ValueError:
        return None
    return number if 0.0 <= number <= 1.0 else None


def text(value: str) -> str | None:
    """Return what may be said or asked, in one line and without signs; ``None``: nothing may.

    Text that is too long is not cut: half a sentence may mean the opposite.
    """
    if len(value) > LARGEST:
        return None
    cleaned = clean(value)
    return cleaned if 0 < len(cleaned) <= LONGEST_TEXT else None


def clean(value: str) -> str:
    """Return text in one line, without control, format and private characters."""
    normal = unicodedata.normalize("NFC", value)
    kept = (" " if each.isspace() else each for each in normal if _visible(each))
    return " ".join("".join(kept).split())


def _visible(character: str) -> bool:
    return character.isspace() or not unicodedata.category(character).startswith("C")


def answer_topic(root: str, usual: str, wanted: str | None) -> str | None:
    """Return where a request is answered; ``None``: it may not be answered where it wants.

    Who may publish to us might otherwise have us publish anywhere in the house: so an answer goes
    to topics below our own root that have a level ``response``, and to no others.

    Args:
        root: ``mqtt.root``.
        usual: Where, if it does not say.
        wanted: Its response topic.
    """
    if not wanted:
        return usual
    if len(wanted) > LONGEST_NAME or any(sign in wanted for sign in "#+$\0"):
        return None
    levels = wanted.removeprefix(f"{root}/").split("/")
    inside = wanted.startswith(f"{root}/") and "response" in levels and "" not in levels
    return None if not inside or {"set", "request"} & set(levels) else wanted


def answer(asked: Asked, reason: str, data: Mapping[str, object] | None = None) -> bytes:
    """Return an answer.

    Args:
        asked: The request.
        reason: Why it was not done; empty: it was.
        data: What else it says.
    """
    said: dict[str, object] = {"status": "rejected" if reason else "done"}
    if asked.transaction is not None:
        said["transaction"] = asked.transaction
    if reason:
        said["reason"] = reason
    return json.dumps({**said, **(data or {})}, separators=(",", ":")).encode()


class Allowance:
    """So many at once, and so many a second for ever; the rest is too much.

    Args:
        burst: At once.
        pause: Until one more is allowed.
    """

    def __init__(self, burst: int, pause: Seconds) -> None:
        self._burst, self._pause = burst, pause
        self._free_at = -math.inf  # when all of the burst is allowed again

    def take(self, now: Seconds) -> bool:
        """Whether one more is allowed now; if so, it counts."""
        free_at = max(self._free_at, now) + self._pause
        if free_at - now > self._burst * self._pause + 1e-9:
            return False
        self._free_at = free_at
        return True
