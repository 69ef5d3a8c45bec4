"""Home Assistant's MQTT discovery: what is announced under one prefix. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from appliance.ports import Message
from appliance.tools.devices.model import LeftOut, Sighting, Thing
from appliance.tools.discovery.homeassistant.abbreviations import expanded
from appliance.tools.discovery.homeassistant.component import Announcement, became
from appliance.tools.discovery.homeassistant.topics import Announced, announced, filters_of
from appliance.tools.discovery.payloads import LONGEST_TEXT, json_of, table, text

LARGEST = 262_144
"""Bytes of one announcement."""

MOST_COMPONENTS = 500
"""Of one device."""

MOST_ORIGINS = 20_000
"""Announcements that are remembered."""

OWN = "voice-appliance"
"""What boxes like this one call themselves in their announcements."""

_SHARED = (
    "availability", "availability_mode", "availability_template", "availability_topic",
    "command_topic", "device", "encoding", "payload_available", "payload_not_available", "qos",
    "state_topic",
)  # fmt: skip
"""What the components of a device have in common, unless they say otherwise."""


@dataclass(slots=True)
class _Origin:
    """What came from one topic."""

    digest: bytes
    things: tuple[Thing, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    moving: bool = False
    """Whether another announcement is to take its things over."""


class HomeAssistantDialect:
    """Reads announcements under one prefix; a thing's first announcer keeps it. Never raises.

    Args:
        prefix: First levels of the topics, ``homeassistant`` in most houses.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix: Final = prefix
        self._origins: dict[str, _Origin] = {}
        self._claims: dict[str, list[str]] = {}
        """From a thing's key to the topics that announce it, the first one first."""

    @property
    def filters(self) -> tuple[str, ...]:
        """Topic filters of announcements."""
        return filters_of(self.prefix)

    def take(self, message: Message) -> tuple[Sighting, ...]:
        """Take an announcement; return what has changed."""
        topic = message.topic
        place = announced(self.prefix, topic)
        if place is None:
            if not topic.endswith("/config"):
                return ()
            return self._replace(topic, _nothing(topic, message, "bad_id"))
        if not message.payload:
            return self._replace(topic, None)
        before = self._origins.get(topic)
        digest = _digest(message)
        if before is not None and before.digest == digest and not before.moving:
            return ()
        if before is None and len(self._origins) >= MOST_ORIGINS:
            return (Sighting(topic, (), (LeftOut(topic[:LONGEST_TEXT], "too_many"),)),)
        return self._replace(topic, self._read(place, message, before))

    def _read(self, place: Announced, message: Message, before: _Origin | None) -> _Origin:
        topic = message.topic
        if len(message.payload) > LARGEST:
            return _nothing(topic, message, "too_large")
        raw = json_of(message.payload, LARGEST)
        if not isinstance(raw, dict):
            return _nothing(topic, message, "not_json")
        fields = expanded(raw)
        if fields.get("migrate_discovery") is True:
            kept = before or _Origin(b"")
            return _Origin(_digest(message), kept.things, kept.left_out, moving=True)
        if text(table(fields.get("origin")).get("name")) == OWN:
            return _nothing(topic, message, "own_box")
        things: dict[str, Thing] = {}
        left_out: list[LeftOut] = []
        if len(table(fields.get("components"))) > MOST_COMPONENTS:
            left_out.append(LeftOut(topic[:LONGEST_TEXT], "too_many"))
        for announcement in _announcements(place, fields, raw):
            made = became(announcement)
            left_out += made.left_out
            if made.thing is None:
                continue
            if made.thing.key in things:
                left_out.append(LeftOut(made.thing.name, "duplicate_id"))
            else:
                things[made.thing.key] = made.thing
        return _Origin(_digest(message), tuple(things.values()), tuple(left_out))

    def _replace(self, topic: str, made: _Origin | None) -> tuple[Sighting, ...]:
        """Put what came from a topic in the place of what came before.

        Returns:
            What that topic says now, and what topics say that announce the same things.
        """
        before = self._origins.pop(topic, None)
        if before is None and made is None:
            return ()
        keys = {thing.key for thing in before.things} if before is not None else set()
        now = {thing.key for thing in made.things} if made is not None else set()
        affected = {topic}
        for key in keys | now:
            topics = self._claims.setdefault(key, [])
            affected.update(topics)
            if key not in now:
                topics.remove(topic)
            elif topic not in topics:
                topics.append(topic)
            if not topics:
                del self._claims[key]
        if made is not None:
            self._origins[topic] = made
        return tuple(self._sighting(one) for one in sorted(affected, key=topic.__ne__))

    def _sighting(self, topic: str) -> Sighting:
        origin = self._origins.get(topic)
        if origin is None:
            return Sighting(topic)
        mine = tuple(thing for thing in origin.things if self._owner(thing.key) == topic)
        others = tuple(
            LeftOut(thing.name, "duplicate_id")
            for thing in origin.things
            if not origin.moving and self._owner(thing.key) != topic
        )
        return Sighting(topic, mine, (*origin.left_out, *others))

    def _owner(self, key: str) -> str:
        """Return whose a thing is: the first announcer's that does not give it away."""
        topics = self._claims[key]
        return next((one for one in topics if not self._origins[one].moving), topics[0])


def _digest(message: Message) -> bytes:
    return blake2b(message.payload, digest_size=16).digest()


def _nothing(topic: str, message: Message, rule: str) -> _Origin:
    return _Origin(_digest(message), (), (LeftOut(topic[:LONGEST_TEXT], rule),))


def _announcements(
    place: Announced, fields: dict[str, object], raw: dict[str, object]
) -> Iterator[Announcement]:
    if place.component != "device":
        yield Announcement(place.component, place.id, fields)
        return
    base = raw.get("~")
    shared = {key: fields[key] for key in _SHARED if key in fields}
    components = table(fields.get("components"))
    for count, (name, component) in enumerate(components.items()):
        if count >= MOST_COMPONENTS:
            return
        if not isinstance(component, dict):
            continue
        own = expanded(component, base if isinstance(base, str) else None)
        kind = text(own.pop("platform", None))
        if own:  # only its platform: it has just been removed
            yield Announcement(kind, f"{place.id}/{name}"[:LONGEST_TEXT], {**shared, **own})
