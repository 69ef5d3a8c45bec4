"""Eight whole boxes in one house hear the same person: the lamp is switched once."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from appliance.app.backends import Answers
from appliance.app.detectors import load_senses
from appliance.app.open_house import open_house
from appliance.app.replay import Playing, replay
from appliance.audio.recording import Recording
from appliance.backend.kinds.local import local_backend
from appliance.config import Config, Loaded
from appliance.demo.kitchen import MANIFESTS
from appliance.mqtt.bridge import MqttBridge
from appliance.ports import Message
from appliance.timeline import Entry, Timeline
from appliance.units import SampleRate
from tests.broker import Broker, broker
from tests.end_to_end.conftest import Player
from tests.published import watched
from tests.realtime_box import RATE, Sound, scene
from tests.steady import steady

pytestmark = pytest.mark.alone

BOXES = 8
FARTHEST = 0.06
"""Seconds that the farthest box hears the person later: some rooms and half-open doors away."""


@dataclass
class Home:
    """One box of the eight, and what came of it."""

    number: int
    entries: list[Entry] = field(default_factory=list)

    def has(self, event: str) -> bool:
        return any(entry.event == event for entry in self.entries)

    def config(self, port: int) -> Config:
        return Config.model_validate(
            {
                "device": {"id": f"box-{self.number}", "area": "kitchen"},
                "mqtt": {"host": "127.0.0.1", "port": port},
                "tools": {"folders": [MANIFESTS]},
                "audio": {"chimes": False},
            }
        )

    def sound(self) -> Sound:
        """Return what this one hears: later, softer, with other noise."""
        heard = scene(9.0)
        late = round(self.number * FARTHEST / (BOXES - 1) * RATE)
        noise = np.random.default_rng(self.number).integers(-8, 9, len(heard))
        moved = np.concatenate([heard[:late], heard[: len(heard) - late]])
        loud = moved * (1.0 - 0.06 * self.number) + noise
        return np.clip(loud, -32_768, 32_767).astype(np.int16)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Broker]:
    with broker(tmp_path) as made, watched(made.port):
        yield made


async def _live(home: Home, play: Player, port: int, ready: asyncio.Barrier) -> None:
    config, timeline = home.config(port), Timeline()
    timeline.watch(home.entries.append)
    senses = await asyncio.to_thread(load_senses, config, play.store)
    sound = await asyncio.to_thread(home.sound)
    recording = Recording(sound[:, np.newaxis], SampleRate(RATE))
    async with open_house(Loaded(config, None, {}), timeline) as house:
        await house.settle()
        answers = Answers(local_backend(play.parts, house.tools.catalogue, config))
        await ready.wait()
        await replay(
            config,
            Playing(recording, speed="real"),
            senses=senses,
            answers=answers,
            house=house,
            timeline=timeline,
        )


async def _evening(play: Player, port: int) -> tuple[list[Home], list[Message]]:
    homes = [Home(number) for number in range(BOXES)]
    switched: list[Message] = []
    bridge = MqttBridge(homes[0].config(port).mqtt, device="ear", availability="ear/availability")
    bridge.subscribe("zigbee2mqtt/kitchen_light/set", switched.append)
    ready = asyncio.Barrier(BOXES)
    async with asyncio.TaskGroup() as group:
        group.create_task(bridge.run())
        async with asyncio.TaskGroup() as boxes:
            for home in homes:
                boxes.create_task(_live(home, play, port, ready))
        await bridge.close()
    return homes, switched


def test_one_of_eight_boxes_that_hear_a_person_does_what_is_asked(
    play: Player, running: Broker
) -> None:
    with steady():
        homes, switched = asyncio.run(_evening(play, running.port))
    assert sum(home.has("wake") for home in homes) >= BOXES - 1  # the softest may miss it
    assert [message.topic for message in switched] == ["zigbee2mqtt/kitchen_light/set"]
    answering = [home for home in homes if home.has("transcript")]
    assert len(answering) == 1
    assert sum(home.has("yields") for home in homes) == sum(home.has("wake") for home in homes) - 1
