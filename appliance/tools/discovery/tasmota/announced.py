"""What a Tasmota device says of itself, checked; and its topics. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from appliance.tools.devices.model import Availability
from appliance.tools.discovery.codecs import Table
from appliance.tools.discovery.payloads import rows, table, text, usable_topic, whole, word
from appliance.tools.discovery.readers import Plain

MOST_RELAYS: Final = 32
MAC: Final = re.compile(r"[0-9A-F]{12}")
_ON_OFF: Final = ("OFF", "ON")


@dataclass(frozen=True, slots=True)
class Announced:
    """The settings of one device."""

    mac: str
    name: str
    names: tuple[str, ...]
    """Of its relays, as far as they have one."""

    command: str
    """What the topics of commands begin with, the last ``/`` included."""

    stat: str
    tele: str
    online: str
    offline: str
    off: str
    """How its relays say that they are off."""

    on: str
    relays: tuple[int, ...]
    """0 none, 1 relay, 2 light, 3 shutter."""

    switches: tuple[int, ...]
    """Modes of its switches; below 0: none."""

    switch_names: tuple[str, ...]
    buttons: int
    options: Mapping[str, int]
    """``SetOption`` by number."""

    light: int
    """0 none, 1 dimmer, 2 cold and warm white, 3 RGB, 4 RGBW, 5 RGBCW."""

    linked: bool
    """RGB and white are one light."""

    fan: bool
    tuya: bool
    sleeps: bool
    """It sleeps deeply: its last will says nothing."""

    inverted: tuple[bool, ...]
    """Of each shutter: whether its positions are upside down."""

    tilts: tuple[tuple[int, int], ...]
    """Of each shutter: the least and the greatest tilt; equal: it has none."""

    def set_option(self, number: int) -> bool:
        """Whether a ``SetOption`` is on."""
        return self.options.get(str(number), 0) == 1

    def availability(self) -> Availability:
        """Return how it tells whether it can be reached."""
        if self.sleeps:
            return Availability()
        codec = Table(((self.online, True), (self.offline, False)))
        return Availability((Plain(f"{self.tele}LWT", codec),))

    def relay_name(self, index: int) -> str:
        """Return how a relay is called, the device's name included."""
        if index < len(self.names) and self.names[index]:
            return self.names[index]
        return self.name if index == 0 else f"{self.name} {index + 1}"


def announced(mac: str, said: object) -> Announced | str:
    """Read a ``config`` payload.

    Returns:
        The settings, or the rule by which the device is left out.
    """
    config = table(said)
    if not config:
        return "bad_payload"
    if text(config.get("mac")).replace(":", "").upper() != mac:
        return "mac_mismatch"
    topics = _topics(mac, config)
    if topics is None:
        return "bad_topic"
    states = _words(config.get("state"), 4)
    off, on = (states + ("",) * 2)[:2]
    options = {
        key[:4]: value
        for key, value in list(table(config.get("so")).items())[:200]
        if isinstance(value, int)
    }
    name = text(config.get("dn")) or text(config.get("hn")) or mac
    tilts = [_tilt(one) for one in rows(config.get("sht"), 16)]
    return Announced(
        mac,
        name,
        _words(config.get("fn"), MOST_RELAYS),
        *topics,
        text(config.get("onln")) or "Online",
        text(config.get("ofln")) or "Offline",
        off or _ON_OFF[0],
        on or _ON_OFF[1],
        _numbers(config.get("rl"), 0, 3, MOST_RELAYS),
        _numbers(config.get("swc"), -1, 99, 32),
        _words(config.get("swn"), 32),
        sum(_numbers(config.get("btn"), 0, 1, 32)),
        options,
        whole(config.get("lt_st"), 0, 5) or 0,
        config.get("lk") in (1, True),
        config.get("if") in (1, True),
        config.get("ty") in (1, True),
        bool(whole(config.get("dslp"), 0, 2**31)),
        tuple(bool(one & 1) for one in _numbers(config.get("sho"), 0, 255, 16)),
        tuple(tilts),
    )


def _topics(mac: str, config: Mapping[str, object]) -> tuple[str, str, str] | None:
    full, topic = word(config.get("ft")), word(config.get("t"))
    prefixes = [word(one) for one in rows(config.get("tp"), 3)]
    if "%prefix%" not in full or len(set(prefixes)) < 3 or not all(prefixes) or not topic:
        return None  # commands and states would be one topic
    full = full.replace("%hostname%", word(config.get("hn"))).replace("%id%", mac[-6:])
    full = full.replace("%topic%", topic)
    full = full if full.endswith("/") else f"{full}/"
    command, stat, tele = (full.replace("%prefix%", prefix) for prefix in prefixes)
    if not all(usable_topic(f"{one}SHUTTERPOSITION16") for one in (command, stat, tele)):
        return None
    return command, stat, tele


def _words(value: object, most: int) -> tuple[str, ...]:
    return tuple(text(one) for one in rows(value, most))


def _numbers(value: object, low: int, high: int, most: int) -> tuple[int, ...]:
    found = (whole(one, low, high) for one in rows(value, most))
    return tuple(low if one is None else one for one in found)


def _tilt(value: object) -> tuple[int, int]:
    found = [whole(one, -100_000, 100_000) for one in rows(value, 3)]
    if len(found) < 3 or not found[2] or found[0] is None or found[1] is None:
        return 0, 0
    return found[0], found[1]
