"""The appliance's half of a house, joined as ``app`` joins it, for tests against a real broker."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from appliance.config.model import Mqtt
from appliance.demo.kitchen import BRIDGE_STATE, MANIFESTS
from appliance.events import ToolCalled
from appliance.mqtt.bridge import MqttBridge
from appliance.mqtt.presence import topics
from appliance.ports import Message, ToolResult
from appliance.tools import wording
from appliance.tools.house import House
from appliance.tools.manifest import Manifest
from appliance.tools.registry import ToolRegistry
from appliance.tools.sources import BrokerManifests, load_folder
from appliance.units import CallId, ResponseId

OWN = topics("voice-appliance", "box")


@dataclass
class Box:
    """What a test holds of it."""

    bridge: MqttBridge
    registry: ToolRegistry
    from_broker: BrokerManifests
    states: list[tuple[bool, str]] = field(default_factory=list)

    async def call(self, tool: str, **arguments: object) -> ToolResult:
        return await self.registry.run(
            ToolCalled(CallId("call"), ResponseId("reply"), tool, arguments)
        )


KITCHEN, _PROBLEMS = load_folder([MANIFESTS])
WORDING = wording.load("en")
assert _PROBLEMS == ()


@asynccontextmanager
async def box(settings: Mqtt, *manifests: Manifest) -> AsyncIterator[Box]:
    bridge = MqttBridge(settings, device="box", availability=OWN.availability)
    house = House(bridge, replies=OWN.replies)
    registry = ToolRegistry(WORDING, house)
    registry.set_files(manifests)
    from_broker = BrokerManifests(bridge, root="voice-appliance", shelf=registry)
    made = Box(bridge, registry, from_broker)
    bridge.on_state(lambda connected, _: None if connected else house.connection_lost())
    bridge.on_state(lambda connected, reason: made.states.append((connected, reason)))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bridge.run(), name="bridge")
        yield made
        await bridge.close()


async def until(truth: Callable[[], bool], *, patience: float = 10.0) -> None:
    async with asyncio.timeout(patience):
        while not truth():  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.01)


async def kitchen_is_up(made: Box) -> None:
    seen: list[Message] = []
    undo = made.bridge.subscribe(BRIDGE_STATE, seen.append)
    await until(lambda: any(b"online" in message.payload for message in seen))
    undo()
    await asyncio.sleep(0.05)
