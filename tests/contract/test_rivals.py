"""Eight boxes on one real broker: one of them answers each call."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from appliance import turn
from appliance.app.box import Box
from appliance.app.ground import Ground
from appliance.app.rivals import Rivals
from appliance.config import Config
from appliance.events import StopAsked, TurnEvent, WakeWordHeard
from appliance.mqtt.bridge import MqttBridge
from appliance.mqtt.presence import topics
from appliance.timeline import Timeline
from appliance.tools.registry import ToolRegistry
from appliance.units import SampleIndex, Seconds
from tests.broker import Broker, broker
from tests.house import WORDING, until

BOXES = 8


@dataclass
class _Conversation:
    state: turn.State = turn.START


@dataclass
class Fellow:
    """As much of a box as ``Rivals`` sees."""

    timeline: Timeline = field(default_factory=Timeline)
    conversation: _Conversation = field(default_factory=_Conversation)
    events: list[TurnEvent] = field(default_factory=list)

    def put(self, event: TurnEvent) -> None:
        self.events.append(event)

    def now(self) -> Seconds:
        return Seconds(0.0)

    def hears(self, score: float = 0.9) -> None:
        self.timeline.note(WakeWordHeard("alexa", score, SampleIndex(0)), Seconds(0.0))

    @property
    def silenced(self) -> bool:
        return StopAsked() in self.events


@asynccontextmanager
async def fellow(settings: Broker, number: int, *, zone: str = "home") -> AsyncIterator[Fellow]:
    config = Config.model_validate(
        {
            "device": {"id": f"box-{number}"},
            "mqtt": {"host": "127.0.0.1", "port": settings.port},
            "household": {"zone": zone},
        }
    )
    own = topics(config.mqtt.root, config.device.id)
    bridge = MqttBridge(config.mqtt, device=config.device.id, availability=own.availability)
    ground = Ground(
        config, bridge, own, ToolRegistry(WORDING, None), WORDING, Timeline(), state=None
    )
    rivals, made = Rivals(ground), Fellow()
    bridge.on_state(lambda up, _: rivals.connection(up=up))
    async with asyncio.TaskGroup() as group:
        group.create_task(bridge.run())
        await until(lambda: bridge.connected)
        rivals.serve(cast("Box", made), lambda _: None)
        yield made
        rivals.leave()
        await bridge.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Broker]:
    with broker(tmp_path) as made:
        yield made


async def test_one_of_eight_boxes_answers_each_call(running: Broker) -> None:
    chance = random.Random(5)  # noqa: S311
    async with _eight(running) as boxes:
        for _ in range(6):
            for box in boxes:
                box.events.clear()
            for box in sorted(boxes, key=lambda _: chance.random()):
                box.hears(chance.random())
                await asyncio.sleep(chance.choice([0.0, 0.0, 0.002, 0.01]))
            await asyncio.sleep(0.25)
            assert sum(not box.silenced for box in boxes) == 1
            await asyncio.sleep(0.8)


async def test_boxes_of_two_zones_do_not_silence_each_other(running: Broker) -> None:
    async with (
        fellow(running, 1, zone="room-101") as one,
        fellow(running, 2, zone="room-102") as other,
    ):
        await asyncio.sleep(0.1)
        one.hears()
        other.hears()
        await asyncio.sleep(0.3)
        assert not one.silenced
        assert not other.silenced


async def test_without_a_broker_a_box_answers_by_itself(running: Broker) -> None:
    async with fellow(running, 1) as one, fellow(running, 2) as other:
        await asyncio.sleep(0.1)
        await asyncio.to_thread(running.kill)
        one.hears()
        other.hears()
        await asyncio.sleep(0.3)
        assert not one.silenced
        assert not other.silenced


@asynccontextmanager
async def _eight(running: Broker) -> AsyncIterator[list[Fellow]]:
    async with asyncio.timeout(50), asyncio.TaskGroup() as group:
        ready: list[Fellow] = []
        ended = asyncio.Event()

        async def live(number: int) -> None:
            async with fellow(running, number) as made:
                ready.append(made)
                await ended.wait()

        for number in range(BOXES):
            group.create_task(live(number))
        await until(lambda: len(ready) == BOXES)
        await asyncio.sleep(0.3)  # for the greetings
        try:
            yield ready
        finally:
            ended.set()
