"""What an announcement may say at most, and which rule leaves out what says more. Pure.

Whoever may write to the broker may announce. So a payload has a size and a depth, a thing a
number of traits, and a topic that is listened to or written to is a plain one: no wildcard,
nothing of the broker's own.
"""

import math
import re

from appliance.ports import Message
from appliance.tools.devices.merge import topics_of
from appliance.tools.devices.model import Choice, Range, Shape, Source, Thing

LARGEST = 64 * 1024
"""Bytes of an announcement, and of a state."""

LARGEST_LIST = 4 * 1024 * 1024
"""Bytes of Zigbee2MQTT's list of all devices and groups, which is one message."""

DEEPEST = 64
"""Lists and objects within each other."""

LONGEST_TOPIC = 1_024

MOST_FEATURES = 40
MOST_READERS = 100
MOST_OPTIONS = 500
MOST_IDENTITIES = 16
LONGEST_WORD = 256

_LISTS = ("/bridge/devices", "/bridge/groups", "/bridge/info")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def plain(topic: str) -> bool:
    """Say whether a topic may be listened to, and written to."""
    if not 0 < len(topic) <= LONGEST_TOPIC or topic[0] == "$" or not topic.isprintable():
        return False
    return not ("+" in topic or "#" in topic)


def refusal_of_message(source: Source, message: Message) -> str | None:
    """Return the rule that leaves an announcement out unread, if there is one."""
    lists = source is Source.ZIGBEE2MQTT and message.topic.endswith(_LISTS)
    if len(message.payload) > (LARGEST_LIST if lists else LARGEST):
        return "too_large"
    return "too_deep" if _depth(message.payload) > DEEPEST else None


def _depth(payload: bytes) -> int:
    """Return how deep a JSON text nests, at least; at once where it cannot be deep."""
    most = payload.count(b"[") + payload.count(b"{")
    if most <= DEEPEST:
        return most
    depth = deepest = 0
    for token in _TOKEN.finditer(payload):
        first = payload[token.start()]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"]}":
            depth -= 1
    return deepest


def refusal_of_thing(thing: Thing) -> str | None:
    """Return the rule that leaves a thing out, if there is one."""
    words = (thing.key, *thing.identity)
    readers = [reader for feature in thing.features.values() for reader in feature.reads]
    readers += thing.availability.reads
    if (
        len(thing.identity) > MOST_IDENTITIES
        or len(thing.features) > MOST_FEATURES
        or len(readers) > MOST_READERS
        or not all(0 < len(word) <= LONGEST_WORD for word in words)
    ):
        return "unfit"
    if not all(map(plain, topics_of(thing))):
        return "bad_topic"
    if not all(_sane(feature.shape) for feature in thing.features.values()):
        return "bad_range"
    return None


def _sane(shape: Shape) -> bool:
    match shape:
        case Range(minimum, maximum, step):
            finite = all(map(math.isfinite, (minimum, maximum, step)))
            return finite and minimum <= maximum and step >= 0
        case Choice(options):
            return 0 < len(options) <= MOST_OPTIONS and all(
                0 < len(option) <= LONGEST_WORD for option in options
            )
        case _:
            return True
