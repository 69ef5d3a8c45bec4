"""Timers over a real broker: what the house is told, and what it may ask."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from appliance.mqtt.bridge import MqttBridge
from appliance.mqtt.presence import topics
from appliance.ports import Message
from tests.broker import Broker, broker
from tests.house import until
from tests.published import rules
from tests.timepieces import Kept, timers

OWN = topics("voice-appliance", "box").root
RULES = {rule.name: rule for rule in rules()}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Broker]:
    with broker(tmp_path) as made:
        yield made


class Watcher:
    """Another program on the broker."""

    def __init__(self, bridge: MqttBridge) -> None:
        self.bridge = bridge
        self.events: list[dict[str, object]] = []
        self.rows: list[list[dict[str, object]]] = []
        bridge.subscribe(f"{OWN}/event", self._event)
        bridge.subscribe(f"{OWN}/timers", self._rows)

    def _event(self, message: Message) -> None:
        _judge("event-timer", message.payload)
        self.events.append(json.loads(message.payload))

    def _rows(self, message: Message) -> None:
        _judge("timers", message.payload)
        self.rows.append(json.loads(message.payload))

    def order(self, **order: object) -> None:
        payload = json.dumps(order).encode()
        _judge("set_timer", payload)
        self.bridge.publish(f"{OWN}/set/timer", payload)

    @property
    def what(self) -> list[object]:
        return [event["what"] for event in self.events]


def _judge(name: str, payload: bytes) -> None:
    assert RULES[name].problem(payload) is None


@asynccontextmanager
async def both(
    running: Broker, folder: Path | None = None, *, speech: bool = False
) -> AsyncIterator[tuple[Kept, Watcher]]:
    mine = topics("voice-appliance", "watcher")
    bridge = MqttBridge(running.settings, device="watcher", availability=mine.availability)
    watcher = Watcher(bridge)
    async with (
        timers(folder, port=running.port, homeassistant={"speech": speech}) as box,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(bridge.run())
        await until(lambda: bridge.connected and box.bridge.connected)
        await until(lambda: bool(watcher.rows))
        yield box, watcher
        await bridge.close()


async def test_a_timer_of_the_broker_runs_rings_and_is_stopped_there(running: Broker) -> None:
    async with both(running) as (box, watcher):
        watcher.order(action="start", duration_s=1, name="pasta")
        await until(lambda: watcher.what == ["started", "ended"])
        assert watcher.events[0] == {
            "type": "timer",
            "what": "started",
            "id": "1",
            "kind": "timer",
        }
        await until(lambda: watcher.rows[-1][0]["state"] == "ringing")
        assert watcher.rows[-1][0]["name"] == "pasta"
        assert box.body.playback.rings
        watcher.order(action="snooze", duration_s=60)
        await until(lambda: watcher.rows[-1][0]["state"] == "snoozed")
        assert 58.0 < cast("float", watcher.rows[-1][0]["remaining_s"]) <= 60.0
        watcher.order(action="stop", id="1")
        await until(lambda: watcher.rows[-1] == [])
        assert watcher.what == ["started", "ended", "snoozed", "stopped"]


async def test_every_command_does_what_it_says(running: Broker) -> None:
    async with both(running) as (box, watcher):
        watcher.order(action="start", duration_s=600, name="pasta")
        watcher.order(action="start", kind="alarm", time="07:00", day="weekdays")
        watcher.order(action="start", kind="reminder", text="call mum", duration_s=60)
        await until(lambda: len(watcher.rows[-1]) == 3)
        assert [row["name"] for row in watcher.rows[-1]] == ["pasta", "", ""]
        watcher.order(action="pause", name="pasta")
        await until(lambda: watcher.rows[-1][0]["state"] == "paused")
        watcher.order(action="add", name="pasta", duration_s=60)
        await until(lambda: watcher.what[-1] == "changed")
        watcher.order(action="take", name="pasta", duration_s=30)
        watcher.order(action="resume", id="1")
        await until(lambda: watcher.what[-1] == "resumed")
        assert 625.0 < cast("float", watcher.rows[-1][0]["remaining_s"]) <= 630.0
        watcher.order(action="cancel", id="2")
        await until(lambda: len(watcher.rows[-1]) == 2)
        watcher.order(action="cancel_all")
        await until(lambda: watcher.rows[-1] == [])
        assert box.part.keeper.state.items == ()


async def test_what_was_said_is_told_only_if_the_owner_wants_it(running: Broker) -> None:
    async with both(running, speech=True) as (_, watcher):
        watcher.order(action="start", kind="reminder", text="call mum", duration_s=60)
        await until(lambda: bool(watcher.rows[-1]) and bool(watcher.events))
        assert watcher.rows[-1][0]["name"] == "call mum"
        assert watcher.events[0]["name"] == "call mum"


BAD = [
    b"", b"\xff", b"[]", b"1", b"null", b'{"action": null}', b'{"action": []}',
    b'{"action": "start"}', b'{"action": "start", "duration_s": 0}',
    b'{"action": "start", "duration_s": 1e300}', b'{"action": "start", "duration_s": "10"}',
    b'{"action": "start", "duration_s": NaN}', b'{"action": "start", "duration_s": true}',
    b'{"action": "start", "kind": "action", "duration_s": 5}',
    b'{"action": "start", "kind": "alarm", "time": "25:00"}',
    b'{"action": "start", "kind": "alarm", "time": "07:00", "date": "2026-99-99"}',
    b'{"action": "start", "kind": "alarm", "time": "07:00", "date": "1999-01-01"}',
    b'{"action": "start", "duration_s": 5, "call": {"tool": "unlock"}}',
    b'{"action": "explode"}', b'{"action": "cancel", "id": "../../x"}', b'{"action": "snooze"}',
    b'{"action": "start", "duration_s": 5, "name": "' + b"x" * 100 + b'"}',
    b"[" * 3_000, b'{"action": "start", "duration_s": 5' + b" " * 5_000 + b"}",
]  # fmt: skip


async def test_no_bad_command_does_anything(running: Broker) -> None:
    async with both(running) as (box, watcher):
        topic = f"{OWN}/set/timer"
        for payload in BAD:
            watcher.bridge.publish(topic, payload)
        watcher.order(action="start", duration_s=600, name="last")
        await until(lambda: bool(watcher.events))
        assert [item.wish.name for item in box.part.keeper.state.items] == ["last"]


async def test_a_command_that_lies_about_is_ignored(running: Broker, tmp_path: Path) -> None:
    async with both(running) as (_, watcher):
        watcher.bridge.retain(f"{OWN}/set/timer", b'{"action": "start", "duration_s": 5}')
        await until(lambda: bool(watcher.events))
    async with both(running, tmp_path / "other") as (box, watcher):
        watcher.order(action="start", duration_s=600, name="mine")
        await until(lambda: bool(watcher.events))
        assert [item.wish.name for item in box.part.keeper.state.items] == ["mine"]
