"""Sees Shellies, asks them what they are, and tells what has changed.

A Shelly is asked only if it looks like one: its topic prefix is, or its notifications come from,
``shelly<model>-<mac>``. Each is asked three questions, and after its answers once for its state.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from appliance.ports import Message
from appliance.tools.devices.model import LeftOut, Outgoing, Sighting
from appliance.tools.discovery.payloads import dig, json_of, table, text, usable_topic, word
from appliance.tools.discovery.shelly.components import things_of
from appliance.tools.discovery.shelly.rpc import LONGEST, Device, request

MOST_DEVICES: Final = 1_000
MOST_PENDING: Final = 9
_ID: Final = re.compile(r"shelly[a-z0-9]+-([0-9a-f]{12})")
_QUESTIONS: Final = ("Shelly.GetDeviceInfo", "Shelly.GetConfig", "Shelly.GetStatus")


@dataclass
class _Seen:
    """What is known of one device."""

    id: str
    answers: dict[str, object] = field(default_factory=dict)
    pending: dict[str, str] = field(default_factory=dict)
    """Methods asked for, by the number of the request."""

    settings: object = None
    """Number of its settings (``cfg_rev``) when it was asked."""

    away: bool = False
    """It said, or the broker said for it, that it is not online."""


@dataclass
class ShellyDialect:
    """Implements ``devices.model.Dialect``.

    Args:
        own: What the topic begins with on which devices answer us; nobody else's.
    """

    own: str
    _seen: dict[str, _Seen] = field(default_factory=dict, init=False, repr=False)
    """By topic prefix."""

    _told: dict[str, Sighting] = field(default_factory=dict, init=False, repr=False)
    _numbers: Iterator[int] = field(
        default_factory=lambda: itertools.count(1), init=False, repr=False
    )

    @property
    def filters(self) -> tuple[str, ...]:
        """Devices with prefixes of up to three levels, their answers, and first generations'."""
        events = tuple(f"{'+/' * levels}events/rpc" for levels in (1, 2, 3))
        online = tuple(f"{'+/' * levels}online" for levels in (1, 2, 3))
        return (*events, *online, f"{self.own}/+/rpc", "shellies/announce")

    def take(self, message: Message) -> tuple[Sighting, ...]:
        """Take any of them."""
        topic = message.topic
        if topic.startswith(f"{self.own}/"):
            return self._answer(message)
        if topic == "shellies/announce":
            return self._first_generation(message)
        if topic.startswith("shellies/") and topic.count("/") == 2:
            return self._old(topic.split("/")[1])
        if topic.endswith("/online"):
            return self._online(topic.removesuffix("/online"), message.payload)
        if topic.endswith("/events/rpc"):
            return self._event(topic.removesuffix("/events/rpc"), message)
        return ()

    def _first_generation(self, message: Message) -> tuple[Sighting, ...]:
        return self._old(text(dig(json_of(message.payload), ("id",)), 60))

    def _old(self, name: str) -> tuple[Sighting, ...]:
        origin = f"shellies/{name}"
        if not name or origin in self._told or len(self._told) >= 2 * MOST_DEVICES:
            return ()
        return self._tell(Sighting(origin, left_out=(LeftOut(name, "shelly_gen1"),)))

    def _online(self, prefix: str, payload: bytes) -> tuple[Sighting, ...]:
        seen = self._seen.get(prefix)
        if not payload:  # taken away from the broker
            self._seen.pop(prefix, None)
            return self._tell(Sighting(prefix)) if prefix in self._told else ()
        if seen is not None:
            seen.away = payload != b"true"
        if payload != b"true":
            return ()
        if seen is None:
            return self._ask(prefix, prefix.rpartition("/")[2])
        return self._again(prefix, seen)  # it may be another now, or have other settings

    def _event(self, prefix: str, message: Message) -> tuple[Sighting, ...]:
        said = json_of(message.payload, LONGEST)
        source = word(dig(said, ("src",)))
        seen = self._seen.get(prefix)
        if seen is None:
            return self._ask(prefix, source)
        if seen.id != source:  # another tells in its place: only of one that is away
            return self._ask(prefix, source) if seen.away else ()
        revision = dig(said, ("params", "sys", "cfg_rev"))
        if revision is not None and revision != seen.settings:
            seen.settings = revision
            return self._again(prefix, seen)
        return () if len(seen.answers) == len(_QUESTIONS) else self._again(prefix, seen)

    def _ask(self, prefix: str, identifier: str) -> tuple[Sighting, ...]:
        """Ask a device that was not known."""
        if _ID.fullmatch(identifier) is None or len(self._seen) >= MOST_DEVICES:
            return ()
        if not usable_topic(f"{prefix}/events/rpc") or f"{prefix}/".startswith(f"{self.own}/"):
            return ()
        self._seen[prefix] = _Seen(identifier)
        return self._again(prefix, self._seen[prefix])

    def _again(self, prefix: str, seen: _Seen) -> tuple[Sighting, ...]:
        for key in list(seen.pending)[:-MOST_PENDING]:
            del seen.pending[key]  # never answered
        asks = tuple(self._question(prefix, seen, method) for method in _QUESTIONS)
        known = self._told.get(prefix, Sighting(prefix))
        return (Sighting(prefix, known.things, known.left_out, asks),)

    def _question(self, prefix: str, seen: _Seen, method: str) -> Outgoing:
        number = next(self._numbers)
        seen.pending[str(number)] = method
        return request(prefix, f"{self.own}/{seen.id}", number, method, {})

    def _answer(self, message: Message) -> tuple[Sighting, ...]:
        said = table(json_of(message.payload, LONGEST))
        key, source = str(said.get("id"))[:40], said.get("src")
        for prefix, seen in self._seen.items():
            method = seen.pending.get(key)
            if method is None:
                continue
            if source != seen.id or message.topic != f"{self.own}/{seen.id}/rpc":
                return ()  # another answers in its place
            del seen.pending[key]
            result = said.get("result")
            if not isinstance(result, dict):
                refused = LeftOut(seen.id, "shelly_refused")
                return self._tell(Sighting(prefix, left_out=(refused,)))
            seen.answers[method] = result
            complete = len(seen.answers) == len(_QUESTIONS)
            return self._complete(prefix, seen) if complete else ()
        return ()

    def _complete(self, prefix: str, seen: _Seen) -> tuple[Sighting, ...]:
        info, config, status = (table(seen.answers.get(method)) for method in _QUESTIONS)
        match = _ID.fullmatch(seen.id)
        mac = text(info.get("mac")).lower()
        if match is None or mac != match[1] or text(info.get("id")) != seen.id:
            return self._tell(Sighting(prefix, left_out=(LeftOut(seen.id, "mac_mismatch"),)))
        seen.settings = dig(status, ("sys", "cfg_rev"))
        name = text(info.get("name"), 120) or text(dig(config, ("sys", "device", "name")), 120)
        own = f"{self.own}/{seen.id}"
        device = Device(prefix, seen.id, mac, name or seen.id, own, self._numbers)
        things, lost = things_of(device, status, config)
        told = self._tell(Sighting(prefix, things, lost))
        if not told or not things:
            return told
        # what it has just said of its state was said before anybody listened for it
        asks = (request(prefix, own, next(self._numbers), "Shelly.GetStatus", {}),)
        return (*told, Sighting(f"{prefix}#state", asks=asks))

    def _tell(self, sighting: Sighting) -> tuple[Sighting, ...]:
        if self._told.get(sighting.origin) == sighting:
            return ()
        if sighting.things or sighting.left_out:
            self._told[sighting.origin] = sighting
        else:
            self._told.pop(sighting.origin, None)
        return (sighting,)
