import json
from dataclasses import dataclass, field
from typing import cast

import pytest

from appliance.events import CallAnswered, Transcribed, WakeWordHeard
from appliance.mqtt.bridge import MqttBridge
from appliance.mqtt.presence import Presence, topics
from appliance.ports import Cue
from appliance.units import CallId, SampleIndex, Seconds, TurnNumber
from tests.bus import FakeBus


@dataclass
class FakeBridge(FakeBus):
    retained: dict[str, bytes] = field(default_factory=dict)

    def retain(self, topic: str, payload: bytes) -> None:
        self.retained[topic] = payload


@dataclass
class FakeCommands:
    done: list[object] = field(default_factory=list)

    def mute(self, *, muted: bool) -> None:
        self.done.append(muted)

    def stop(self) -> None:
        self.done.append("stop")

    def set_volume(self, level: int) -> None:
        self.done.append(level)


@pytest.fixture
def bridge() -> FakeBridge:
    return FakeBridge()


@pytest.fixture
def commands() -> FakeCommands:
    return FakeCommands()


@pytest.fixture
def presence(bridge: FakeBridge, commands: FakeCommands) -> Presence:
    return Presence(cast("MqttBridge", bridge), topics("voice-appliance", "box"), commands)


def test_the_phase_is_retained(presence: Presence, bridge: FakeBridge) -> None:
    assert bridge.retained["voice-appliance/box/state"] == b'{"phase":"idle"}'
    for cue in Cue:
        presence.show(cue)
        assert json.loads(bridge.retained["voice-appliance/box/state"])["phase"]


def test_events_tell_what_happened_and_never_what_was_said(
    presence: Presence, bridge: FakeBridge
) -> None:
    presence.note(WakeWordHeard("hey_jarvis", 0.9, SampleIndex(0)), Seconds(1.0))
    presence.note(Transcribed(TurnNumber(1), "a secret"), Seconds(2.0))
    presence.note(CallAnswered(CallId("1"), "set_light", "done", Seconds(0.1)), Seconds(3.0))
    assert [json.loads(payload) for _, payload in bridge.published] == [
        {"type": "wake", "word": "hey_jarvis", "at_s": 1.0},
        {"type": "tool", "tool": "set_light", "status": "done", "took_s": 0.1, "at_s": 3.0},
    ]


def test_an_event_that_nobody_can_hear_is_dropped(presence: Presence, bridge: FakeBridge) -> None:
    bridge.connected = False
    presence.note(WakeWordHeard("hey_jarvis", 0.9, SampleIndex(0)), Seconds(1.0))
    assert bridge.published == []


def test_commands_are_taken_and_nonsense_is_not(
    presence: Presence, bridge: FakeBridge, commands: FakeCommands
) -> None:
    for name, payload in (
        ("mute", b"ON"),
        ("mute", b"off"),
        ("mute", b"maybe"),
        ("stop", b""),
        ("volume", b"30"),
        ("volume", b"101"),
        ("volume", b"-1"),
        ("volume", "²".encode()),
        ("volume", b"\xff"),
    ):
        bridge.say(f"voice-appliance/box/set/{name}", payload)
    assert commands.done == [True, False, "stop", 30]
    bridge.say("voice-appliance/box/set/stop", b"", retained=True)
    assert commands.done[-1] == 30
    presence.close()
    assert bridge.handlers == {}
