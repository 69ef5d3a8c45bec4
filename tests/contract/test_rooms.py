"""Messages from box to box over a real broker."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.app.box import Box
from appliance.app.ground import Ground
from appliance.app.rooms import MOST, Rooms
from appliance.config import Config
from appliance.events import ToolCalled
from appliance.mqtt import rooms
from appliance.mqtt.bridge import MqttBridge
from appliance.mqtt.presence import topics
from appliance.ports import ToolResult
from appliance.timeline import Timeline
from appliance.tools.registry import ToolRegistry
from appliance.units import CallId, ResponseId
from tests.broker import Broker, broker
from tests.house import WORDING, until


@dataclass
class Fellow:
    """A box as far as its rooms go."""

    bridge: MqttBridge
    tools: ToolRegistry
    part: Rooms
    said: list[str] = field(default_factory=list)

    async def announce(self, message: str, room: str | None = None) -> ToolResult:
        arguments = {"message": message} | ({"room": room} if room else {})
        call = ToolCalled(CallId("call"), ResponseId("reply"), "announce", arguments)
        return await self.tools.run(call)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Broker]:
    with broker(tmp_path) as made:
        yield made


@asynccontextmanager
async def fellow(
    running: Broker, name: str, area: str, *, intercom: bool = True
) -> AsyncIterator[Fellow]:
    config = Config.model_validate(
        {
            "device": {"id": name, "area": area},
            "mqtt": {"host": "127.0.0.1", "port": running.port},
            "household": {"intercom": intercom},
        }
    )
    own = topics(config.mqtt.root, name)
    bridge = MqttBridge(config.mqtt, device=name, availability=own.availability)
    tools = ToolRegistry(WORDING, None)
    part = Rooms(Ground(config, bridge, own, tools, WORDING, Timeline(), state=None))
    made = Fellow(bridge, tools, part)
    async with asyncio.TaskGroup() as group:
        group.create_task(bridge.run())
        part.serve(cast("Box", None), made.said.append)
        await until(lambda: bridge.connected)
        yield made
        part.leave()
        await bridge.close()


@asynccontextmanager
async def house(running: Broker) -> AsyncIterator[tuple[Fellow, Fellow, Fellow]]:
    async with AsyncExitStack() as stack:
        made = [
            await stack.enter_async_context(fellow(running, name, area))
            for name, area in (("one", "kitchen"), ("two", "living room"), ("three", "attic"))
        ]
        await until(lambda: all(len(each.part.rooms()) == 2 for each in made))
        yield made[0], made[1], made[2]


async def test_a_message_is_said_in_its_room_only_and_confirmed(running: Broker) -> None:
    async with house(running) as (kitchen, living, attic):
        result = await kitchen.announce("dinner is ready", "living-room")
        assert result.status == "done"
        assert living.said == ["From the kitchen: dinner is ready"]
        assert attic.said == kitchen.said == []


async def test_a_message_for_everybody_is_said_everywhere_but_here(running: Broker) -> None:
    async with house(running) as (kitchen, living, attic):
        assert (await kitchen.announce("good night")).status == "done"
        await until(lambda: bool(living.said and attic.said))
        assert kitchen.said == []


async def test_a_box_that_has_gone_takes_its_room_along(running: Broker) -> None:
    async with fellow(running, "one", "kitchen") as kitchen:
        async with fellow(running, "two", "cellar"):
            await until(lambda: "cellar" in kitchen.part.rooms())
        await until(lambda: not kitchen.part.rooms())
        assert (await kitchen.announce("hello", "cellar")).status == "rejected"


async def test_a_room_that_takes_no_messages_is_told_of_honestly(running: Broker) -> None:
    async with (
        fellow(running, "one", "kitchen") as kitchen,
        fellow(running, "two", "cellar", intercom=False) as cellar,
    ):
        await until(lambda: "cellar" in kitchen.part.rooms())
        assert (await kitchen.announce("hello", "cellar")).status == "unconfirmed"
        assert cellar.said == []


async def test_doubled_retained_and_endless_messages_are_not_said(running: Broker) -> None:
    async with fellow(running, "one", "kitchen") as kitchen:
        topic = "voice-appliance/zones/home/rooms/kitchen/say"
        doubled = json.dumps({"id": "x", "box": "two", "text": "once"}).encode()
        kitchen.bridge.publish(topic, doubled)
        kitchen.bridge.publish(topic, doubled)
        kitchen.bridge.retain(topic, b"retained")
        for number in range(3 * MOST):
            kitchen.bridge.publish(topic, f"message {number}".encode())
        await asyncio.sleep(0.5)
        assert kitchen.said.count("From the : once") == 0
        assert kitchen.said.count("once") == 1
        assert len(kitchen.said) == MOST


async def test_a_timer_for_a_room_reaches_its_boxes(running: Broker) -> None:
    async with house(running) as (kitchen, living, _):
        seen: list[bytes] = []
        topic = "voice-appliance/two/set/timer"
        kitchen.bridge.subscribe(topic, lambda message: seen.append(message.payload))
        await asyncio.sleep(0.1)
        kitchen.bridge.publish(
            "voice-appliance/zones/home/rooms/living-room/timer", b'{"do": "start"}'
        )
        await until(lambda: bool(seen))
        assert seen == [b'{"do": "start"}']
        assert living.said == []


@given(st.one_of(st.binary(max_size=9_000), st.text(max_size=500).map(str.encode)))
def test_any_payload_can_be_read(payload: bytes) -> None:
    saying = rooms.read_saying(payload)
    rooms.read_about(payload)
    rooms.read_said(payload)
    if saying is not None:
        assert 0 < len(saying.text) <= rooms.LONGEST
        assert saying.text.isprintable()


@given(st.text(max_size=80))
def test_a_room_is_one_level_of_a_topic(area: str) -> None:
    assert not set(rooms.slug(area)) & set("/+#$ ")


ACCESS = """pattern readwrite voice-appliance/%u/#
pattern write homeassistant/device/voice-appliance-%u/config
pattern read voice-appliance/+/availability
pattern read voice-appliance/tools/+/config
pattern read homeassistant/#

user room-101
topic readwrite voice-appliance/zones/room-101/#
"""


def test_the_access_list_of_the_documentation_is_this_one() -> None:
    text = (Path(__file__).parents[2] / "docs" / "boxes.md").read_text()
    for line in ACCESS.splitlines():
        assert line in text


async def test_with_the_access_list_of_the_documentation_a_box_reaches_its_zone_only(
    tmp_path: Path,
) -> None:
    access = tmp_path / "acl"
    await asyncio.to_thread(access.write_text, ACCESS)
    await asyncio.to_thread(access.chmod, 0o644)
    made = Broker(tmp_path, ("allow_anonymous true", f"acl_file {access}"))
    await asyncio.to_thread(made.start)
    seen: list[str] = []
    settings = made.settings.model_copy(update={"user": "room-101"})
    own = topics("voice-appliance", "room-101")
    bridge = MqttBridge(settings, device="room-101", availability=own.availability)
    bridge.subscribe("voice-appliance/#", lambda message: seen.append(message.topic))
    async with asyncio.TaskGroup() as group:
        group.create_task(bridge.run())
        await until(lambda: bridge.connected)
        for topic in ("zones/room-101/wake", "zones/room-102/wake", "room-102/set/mute"):
            bridge.publish(f"voice-appliance/{topic}", b"x")
        await until(lambda: "voice-appliance/zones/room-101/wake" in seen)
        await asyncio.sleep(0.3)
        await bridge.close()
    await asyncio.to_thread(made.stop)
    assert "voice-appliance/zones/room-102/wake" not in seen
    assert "voice-appliance/room-102/set/mute" not in seen
