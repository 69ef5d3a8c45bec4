"""Judges what a box publishes: every message on the broker against the schema of its topic."""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import paho.mqtt.client as paho
from jsonschema import Draft202012Validator
from paho.mqtt.enums import CallbackAPIVersion

import appliance.mqtt

SCHEMAS = Path(appliance.mqtt.__file__).parent / "schemas"

NOT_OURS = re.compile(r"/(set|request)/|^[^/]+/tools/|/rooms/[^/]+/timer$")
"""What others publish to us."""

DEVICES_ANSWER = "/response/"
"""Below it devices answer our requests with what they like, beside our own answers."""


@dataclass(frozen=True)
class Rule:
    """One schema."""

    name: str
    topic: str
    """``{root}/{id}/…``; each name in braces is one level."""

    pattern: re.Pattern[str]
    text: bool
    """The payload is plain text, not JSON."""

    may_be_empty: bool
    schema: Mapping[str, object] = field(repr=False)

    def problem(self, payload: bytes) -> str | None:
        """Return what is wrong with a payload."""
        if not payload and self.may_be_empty:
            return None
        try:
            value: object = payload.decode() if self.text else json.loads(payload)
        except ValueError as error:
            return str(error)
        found = next(iter(Draft202012Validator(self.schema).iter_errors(value)), None)
        return None if found is None else found.message[:300]


@cache
def rules() -> tuple[Rule, ...]:
    """Return every schema that we ship."""
    return tuple(_rule(path) for path in sorted(SCHEMAS.glob("*.json")))


def _rule(path: Path) -> Rule:
    schema = json.loads(path.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    topic = schema["x-topic"]
    levels = re.split(r"\{[a-z]+\}", topic)
    return Rule(
        path.stem,
        topic,
        re.compile("[^/]+".join(re.escape(level) for level in levels)),
        text=schema.get("x-payload") == "text",
        may_be_empty=bool(schema.get("x-may-be-empty") or schema.get("x-retained")),
        schema=schema,
    )


@dataclass
class Watch:
    """Everything that was seen, and what is wrong with it."""

    seen: dict[str, list[bytes]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    """The schemas that something was judged by."""

    def take(self, topic: str, payload: bytes) -> None:
        self.seen.setdefault(topic, []).append(payload)
        if NOT_OURS.search(topic):
            return
        fitting = [rule for rule in rules() if rule.pattern.fullmatch(topic)]
        if not fitting:
            if DEVICES_ANSWER not in topic:
                self.problems.append(f"{topic}: no schema")
            return
        wrong = {rule.name: rule.problem(payload) for rule in fitting}
        right = {name for name, problem in wrong.items() if problem is None}
        self.used |= right
        if not right:
            self.problems.append(f"{topic}: {wrong}: {payload[:300]!r}")


@contextmanager
def watched(port: int, *, root: str = "voice-appliance") -> Iterator[Watch]:
    """Judge all that is published on a broker meanwhile; nothing may be wrong in the end."""
    with watching(port, root=root) as watch:
        yield watch
    assert not watch.problems, "\n".join(watch.problems)


@contextmanager
def watching(port: int, *, root: str = "voice-appliance") -> Iterator[Watch]:
    """Judge it, and leave it to the caller what is done about it."""
    watch = Watch()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    ready = threading.Event()
    client.on_subscribe = lambda *_: ready.set()

    def subscribe(*_: object) -> None:
        client.subscribe([(f"{root}/#", 1), (ANNOUNCED, 1)])

    client.on_connect = subscribe
    client.on_message = lambda _client, _data, message: watch.take(
        message.topic, bytes(message.payload)
    )
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        assert ready.wait(5.0)
        yield watch
    finally:
        client.disconnect()
        client.loop_stop()


ANNOUNCED = "homeassistant/device/+/config"
