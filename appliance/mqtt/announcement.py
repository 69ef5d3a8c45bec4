"""How the box shows itself to Home Assistant: one device discovery payload. Pure.

Every component reads a topic that we publish anyway, and commands one that everybody may use: what
Home Assistant sees, others can, too (docs/mqtt.md).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from appliance.mqtt.requests import AUTOMATIC, ON_DEVICE, clean
from appliance.mqtt.topics import PHASES, Topics

ORIGIN = "voice-appliance"

EVENTS = ("wake", "turn_end", "tool", "timer", "confirmation", "heard", "said")
"""Types of what ``event`` tells that become events there."""

LONGEST_NAME = 60
"""Characters of the names that people gave the box and its room."""

_LIST = "value_json.timers if value_json is mapping else value_json"

Component = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class About:
    """What is announced."""

    id: str
    """``device.id``."""

    name: str
    """As people call it."""

    version: str
    own: Topics
    words: Sequence[str]
    """Wake words that can be chosen."""

    area: str | None = None
    online: bool = False
    """Whether it may talk to somebody beyond the house, which costs money."""

    backends: Sequence[str] = ()
    """Who can be chosen to answer; fewer than two: there is no choice."""


def topic(prefix: str, device: str) -> str:
    """Return where a box is announced, retained.

    Args:
        prefix: ``homeassistant.prefix``.
        device: ``device.id``.
    """
    return f"{prefix}/device/{ORIGIN}-{device}/config"


def announcement(about: About) -> bytes:
    """Return the payload."""
    name = clean(about.name)[:LONGEST_NAME].strip() or "Voice appliance"
    device: dict[str, object] = {
        "identifiers": [f"{ORIGIN}-{about.id}"],
        "name": name,
        "manufacturer": ORIGIN,
        "model": "Voice appliance",
        "sw_version": about.version,
    }
    if area := clean(about.area or "")[:LONGEST_NAME].strip():
        device["suggested_area"] = area
    components = {
        key: {"unique_id": f"{ORIGIN}-{about.id}-{key}", **component}
        for key, component in _components(about).items()
    }
    payload = {
        "device": device,
        "origin": {"name": ORIGIN, "sw_version": about.version},
        "availability_topic": about.own.availability,
        "qos": 1,
        "components": components,
    }
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def _components(about: About) -> Mapping[str, Component]:
    own = about.own
    return {
        **_switches(own),
        **_volumes(own),
        **_wake(own, about.words),
        **_told(own),
        **_timers(own),
        **_diagnostics(own),
        **_talk(own),
        **(_choice(own, about.backends) if len(about.backends) > 1 else {}),
        **(_online(own) if about.online else {}),
    }


def _switches(own: Topics) -> Mapping[str, Component]:
    return {
        "mute": {
            "platform": "switch",
            "name": "Mute",
            "icon": "mdi:microphone-off",
            "state_topic": own.state,
            "value_template": "{{ 'on' if value_json.phase == 'muted' else 'off' }}",
            "command_topic": own.command("mute"),
            "payload_on": "on",
            "payload_off": "off",
        },
        "privacy": {
            "platform": "switch",
            "name": "Privacy",
            "icon": "mdi:incognito",
            "state_topic": own.backend,
            "value_template": "{{ 'on' if value_json.private else 'off' }}",
            "command_topic": own.command("private"),
            "payload_on": "on",
            "payload_off": "off",
        },
    }


def _volumes(own: Topics) -> Mapping[str, Component]:
    return {
        name: {
            "platform": "number",
            "name": label,
            "icon": "mdi:volume-high",
            "state_topic": own.volume,
            "value_template": f"{{{{ value_json.{name} }}}}",
            "command_topic": own.command(name),
            "min": 0,
            "max": 100,
            "step": 1,
            "unit_of_measurement": "%",
        }
        for name, label in (
            ("volume", "Volume"),
            ("chime_volume", "Chime volume"),
            ("alarm_volume", "Alarm volume"),
        )
    }


def _wake(own: Topics, words: Sequence[str]) -> Mapping[str, Component]:
    return {
        "wake_word": {
            "platform": "select",
            "name": "Wake word",
            "icon": "mdi:chat-sleep",
            "entity_category": "config",
            "state_topic": own.wake_word,
            "value_template": "{{ value_json.word }}",
            "command_topic": own.command("wake_word"),
            "options": list(words),
        },
        "sensitivity": {
            "platform": "number",
            "name": "Wake word sensitivity",
            "icon": "mdi:ear-hearing",
            "entity_category": "config",
            "state_topic": own.wake_word,
            "value_template": "{{ value_json.sensitivity }}",
            "command_topic": own.command("sensitivity"),
            "min": 0,
            "max": 1,
            "step": 0.05,
        },
        "last_wake": {
            "platform": "sensor",
            "name": "Last called",
            "device_class": "timestamp",
            "state_topic": own.wake_word,
            "value_template": "{{ value_json.last }}",
        },
    }


def _told(own: Topics) -> Mapping[str, Component]:
    return {
        "state": {
            "platform": "sensor",
            "name": "State",
            "icon": "mdi:account-voice",
            "device_class": "enum",
            "options": sorted(set(PHASES.values())),
            "state_topic": own.state,
            "value_template": "{{ value_json.phase }}",
        },
        "event": {
            "platform": "event",
            "name": "Event",
            "icon": "mdi:waveform",
            "event_types": list(EVENTS),
            "state_topic": own.event,
            # an empty value is no event there: others than these are for other listeners
            "value_template": "{{ dict(value_json, event_type=value_json.type) | to_json"
            f" if value_json.type in {list(EVENTS)} }}}}",
        },
    }


def _timers(own: Topics) -> Mapping[str, Component]:
    return {
        "timers": {
            "platform": "sensor",
            "name": "Timers",
            "icon": "mdi:timer-outline",
            "state_topic": own.timers,
            "value_template": f"{{{{ ({_LIST}) | count }}}}",
        },
        "next_timer": {
            "platform": "sensor",
            "name": "Next timer",
            "device_class": "timestamp",
            "state_topic": own.timers,
            "value_template": f"{{{{ ({_LIST}) | map(attribute='ends_at') | reject('none')"
            " | sort | first | default(None) }}",
        },
    }


def _diagnostics(own: Topics) -> Mapping[str, Component]:
    def sensor(key: str, label: str, **more: object) -> Component:
        return {
            "platform": "sensor",
            "name": label,
            "entity_category": "diagnostic",
            "state_topic": own.diagnostics,
            "value_template": f"{{{{ value_json.{key} }}}}",
            **more,
        }

    counted = {"state_class": "total_increasing"}
    both = "{{ {'installed_version': value_json.version, 'latest_version': value_json.version}"
    return {
        "update": {
            "platform": "update",
            "name": "Update",
            "entity_category": "diagnostic",
            "device_class": "firmware",
            "state_topic": own.diagnostics,
            "value_template": both + " | to_json }}",
        },
        "started": sensor("started", "Started", device_class="timestamp"),
        "memory": sensor(
            "memory_mb",
            "Memory",
            device_class="data_size",
            unit_of_measurement="MB",
            state_class="measurement",
        ),
        "lost_blocks": sensor("lost_blocks", "Lost sound blocks", **counted),
        "connections": sensor("connections", "Broker connections", **counted),
        "answered_by": {
            "platform": "sensor",
            "name": "Answered by",
            "entity_category": "diagnostic",
            "state_topic": own.backend,
            "value_template": "{{ value_json.name or None }}",
        },
    }


def _talk(own: Topics) -> Mapping[str, Component]:
    def button(name: str, label: str, icon: str) -> Component:
        return {
            "platform": "button",
            "name": label,
            "icon": icon,
            "command_topic": own.command(name),
            "payload_press": "press",
        }

    def text(name: str, label: str, icon: str) -> Component:
        return {
            "platform": "text",
            "name": label,
            "icon": icon,
            "command_topic": own.command(name),
            "min": 1,
            "max": 255,  # theirs
        }

    return {
        "listen": button("listen", "Listen", "mdi:microphone"),
        "stop": button("stop", "Stop", "mdi:stop"),
        "announce": {
            "platform": "notify",
            "name": "Announce",
            "command_topic": own.command("say"),
        },
        "say": text("say", "Say", "mdi:bullhorn"),
        "ask": text("ask", "Ask", "mdi:chat-question"),
    }


def _choice(own: Topics, backends: Sequence[str]) -> Mapping[str, Component]:
    shown = f"'{ON_DEVICE}' if value_json.private else (value_json.chosen or '{AUTOMATIC}')"
    return {
        "backend": {
            "platform": "select",
            "name": "Answers",
            "icon": "mdi:cloud-question",
            "state_topic": own.backend,
            "value_template": f"{{{{ {shown} }}}}",
            "command_topic": own.command("backend"),
            "options": [AUTOMATIC, *backends, ON_DEVICE],
        },
    }


def _online(own: Topics) -> Mapping[str, Component]:
    def cost(key: str, label: str) -> Component:
        return {
            "platform": "sensor",
            "name": label,
            "device_class": "monetary",
            "unit_of_measurement": "USD",
            "state_topic": own.money,
            "value_template": f"{{{{ value_json.{key} }}}}",
            "suggested_display_precision": 2,
        }

    return {
        "cost_day": cost("day_usd", "Cost today"),
        "cost_month": cost("month_usd", "Cost this month"),
    }
