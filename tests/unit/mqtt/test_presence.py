import asyncio
import json
from dataclasses import dataclass, field
from typing import cast

import pytest

from appliance.events import BackendChanged, CallAnswered, Transcribed, WakeWordHeard
from appliance.mqtt.bridge import MqttBridge
from appliance.mqtt.presence import BILL_PAUSE, Bill, Presence, Shown, topics
from appliance.ports import Cue
from appliance.units import CallId, SampleIndex, Seconds, TurnNumber
from tests.bus import FakeBus
from tests.virtual_time import run_virtual


@dataclass
class FakeBridge(FakeBus):
    retained: dict[str, bytes] = field(default_factory=dict)

    def retain(self, topic: str, payload: bytes) -> None:
        self.retained[topic] = payload


@pytest.fixture
def bridge() -> FakeBridge:
    return FakeBridge()


@pytest.fixture
def presence(bridge: FakeBridge) -> Presence:
    return Presence(cast("MqttBridge", bridge), topics("voice-appliance", "box"))


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


def test_volumes_are_retained(presence: Presence, bridge: FakeBridge) -> None:
    presence.show_volumes(Shown(30, 50, 100, quiet=True))
    assert json.loads(bridge.retained["voice-appliance/box/volume"]) == {
        "volume": 30,
        "chime_volume": 50,
        "alarm_volume": 100,
        "quiet": True,
    }


def test_players_of_the_house_are_told_and_none_stays_soft_for_a_lost_message(
    presence: Presence, bridge: FakeBridge
) -> None:
    presence.show_ducking(soft=True, by_db=20.0)
    assert bridge.published == [("voice-appliance/box/duck", b'{"by_db":20.0}')]
    bridge.connected = False
    presence.show_ducking(soft=False, by_db=20.0)
    presence.show_ducking(soft=True, by_db=20.0)
    presence.show_ducking(soft=False, by_db=20.0)
    assert len(bridge.published) == 1
    bridge.connected = True
    presence.reconnected()
    presence.reconnected()
    assert bridge.published[1:] == [("voice-appliance/box/unduck", b'{"by_db":20.0}')]


def test_players_are_not_told_late_to_be_softer(presence: Presence, bridge: FakeBridge) -> None:
    bridge.connected = False
    presence.show_ducking(soft=True, by_db=20.0)
    bridge.connected = True
    presence.reconnected()
    assert bridge.published == []


def test_who_answers_is_retained_with_the_reason_and_whether_anything_leaves_the_house(
    presence: Presence, bridge: FakeBridge
) -> None:
    topic = "voice-appliance/box/backend"
    assert topic not in bridge.retained  # not known yet
    presence.note(BackendChanged("realtime", "configured"), Seconds(1.0))
    presence.show_private(private=True)
    assert json.loads(bridge.retained[topic]) == {
        "name": "realtime",
        "reason": "configured",
        "private": True,
        "chosen": "",
    }
    presence.note(BackendChanged("local", "privacy", "realtime"), Seconds(2.0))
    assert json.loads(bridge.retained[topic])["name"] == "local"
    assert json.loads(bridge.retained[topic])["private"]
    presence.show_private(private=False)
    assert not json.loads(bridge.retained[topic])["private"]


def test_the_bill_is_retained_at_once_and_then_every_few_seconds_with_the_latest(
    presence: Presence, bridge: FakeBridge, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[float] = []

    def told_now() -> float:
        return float(json.loads(bridge.retained["voice-appliance/box/money"])["day_usd"])

    async def spend() -> None:
        presence.show_money(Bill(0.1, 1.0, 0.5, None, "ok"))
        told.append(told_now())
        presence.show_money(Bill(0.2, 1.1))
        presence.show_money(Bill(0.3, 1.2))
        told.append(told_now())
        await asyncio.sleep(BILL_PAUSE + 0.1)
        told.append(told_now())
        bridge.retained.clear()
        await asyncio.sleep(BILL_PAUSE + 0.1)
        assert bridge.retained == {}  # nothing new, nothing said
        presence.show_money(Bill(0.4, 1.3))
        told.append(told_now())
        presence.show_money(Bill(0.5, 1.4))
        presence.close()
        await asyncio.sleep(2 * BILL_PAUSE)
        told.append(told_now())

    run_virtual(spend())
    assert told == [0.1, 0.1, 0.3, 0.4, 0.4]
    assert not [
        record for record in caplog.records if record.name == "asyncio" and record.exc_info
    ]


def test_the_bill_names_its_caps_and_its_state(presence: Presence, bridge: FakeBridge) -> None:
    async def spend() -> None:
        presence.show_money(Bill(0.1, 1.0, 0.5, None, "warned"))
        presence.close()

    run_virtual(spend())
    assert json.loads(bridge.retained["voice-appliance/box/money"]) == {
        "day_usd": 0.1,
        "month_usd": 1.0,
        "day_cap_usd": 0.5,
        "month_cap_usd": None,
        "state": "warned",
    }


def test_who_answers_can_be_told_before_anything_has_changed(
    presence: Presence, bridge: FakeBridge
) -> None:
    presence.show_private(private=True)
    presence.show_serving("local", "privacy")
    assert json.loads(bridge.retained["voice-appliance/box/backend"]) == {
        "name": "local",
        "reason": "privacy",
        "private": True,
        "chosen": "",
    }
