"""Opens the way to the house: reads what is needed of files, connects, and runs the parts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

from appliance.app.backends import answering
from appliance.app.camera import camera_for_tools
from appliance.app.house import House, Read
from appliance.app.manifest_folders import read_manifests
from appliance.app.manifest_watch import watch_manifests
from appliance.app.rehearsal import Rehearsal, RehearsalBridge
from appliance.app.simulation import private_house
from appliance.config import Config, Loaded
from appliance.config.model import Mqtt
from appliance.demo.kitchen import BRIDGE_STATE
from appliance.errors import BrokerError
from appliance.host.kept import Kept
from appliance.mqtt.bridge import MqttBridge
from appliance.mqtt.presence import topics
from appliance.timeline import Timeline
from appliance.tools import wording


@asynccontextmanager
async def open_house(
    loaded: Loaded,
    timeline: Timeline,
    *,
    simulated: bool = False,
    kept: Kept | None = None,
    guest: bool = False,
    rehearsal: Rehearsal | None = None,
) -> AsyncIterator[House]:
    """Open the way to the configured broker, or to a simulated kitchen where there is none.

    Args:
        loaded: The settings.
        timeline: Is told what the house does.
        simulated: Use the kitchen although there is a broker.
        kept: What outlives us; ``None``: nothing does, and nothing is written.
        guest: For a command beside a box that may be running: under a name of its own at the
            broker, for two of one name throw each other off.
        rehearsal: Takes what would be sent; ``None``: it is sent.

    Raises:
        BrokerError: The simulated kitchen cannot be started.
        ConfigError: There is nothing for the language.
    """
    config = loaded.config
    read = await asyncio.to_thread(_read, loaded, kept, simulated=simulated)
    async with AsyncExitStack() as stack:
        settings, awaited = config.mqtt, None
        if simulated or not settings.host:
            awaited = BRIDGE_STATE
            port = await stack.enter_async_context(private_house())
            settings = Mqtt(host="127.0.0.1", port=port, root=config.mqtt.root)
        name = f"{config.device.id}-{uuid4().hex[:8]}" if guest else config.device.id
        bridge = _bridge(settings, name, rehearsal)
        house = House(config, bridge, read, timeline=timeline, awaited=awaited)
        for part in house.parts:
            await part.prepare()
        async with asyncio.TaskGroup() as group:
            group.create_task(bridge.run(), name="mqtt")
            beside = [
                group.create_task(part.run(), name=type(part).__name__) for part in house.parts
            ]
            if not guest:
                watch = watch_manifests(loaded, house.renew, simulated=simulated)
                beside.append(group.create_task(watch, name="manifests"))
            try:
                yield house
            finally:
                for task in beside:
                    task.cancel()
                await bridge.close()


def _read(loaded: Loaded, kept: Kept | None, *, simulated: bool) -> Read:
    """Read what a house needs of files; blocks."""
    config = loaded.config
    there = answering(config)
    return Read(
        read_manifests(loaded, simulated=simulated),
        wording.load(config.device.language),
        kept,
        camera_for_tools(config) if there.sees else None,
        None if loaded.path is None else loaded.path.resolve().parent,
        there,
    )


def _bridge(settings: Mqtt, name: str, rehearsal: Rehearsal | None) -> MqttBridge:
    own = topics(settings.root, name).availability
    if rehearsal is None:
        return MqttBridge(settings, device=name, availability=own)
    return RehearsalBridge(settings, device=name, availability=own, rehearsal=rehearsal)


async def probe_broker(config: Config) -> str:
    """Connect to the configured broker once; return how it went, in words.

    Raises:
        BrokerError: It did not.
    """
    probe = topics(config.mqtt.root, f"{config.device.id}-doctor")
    bridge = MqttBridge(
        config.mqtt, device=f"{config.device.id}-doctor", availability=probe.availability
    )
    told: asyncio.Future[tuple[bool, str]] = asyncio.get_running_loop().create_future()

    def tell(connected: bool, reason: str) -> None:  # noqa: FBT001 - a callback
        if not told.done():
            told.set_result((connected, reason))

    bridge.on_state(tell)
    async with asyncio.TaskGroup() as group:
        group.create_task(bridge.run(), name="mqtt")
        try:
            async with asyncio.timeout(15.0):
                connected, reason = await told
        except TimeoutError as error:
            raise BrokerError("no answer within 15 s") from error
        finally:
            await bridge.close()
    if not connected:
        raise BrokerError(reason)
    return f"connected to {config.mqtt.host}"
