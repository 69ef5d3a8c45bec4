"""One request to the running box, over the broker, and its answer (docs/mqtt.md)."""

import asyncio
import json
from collections.abc import Mapping
from uuid import uuid4

from appliance.config import Config
from appliance.errors import BrokerError
from appliance.mqtt.bridge import MqttBridge
from appliance.mqtt.presence import topics
from appliance.ports import Message
from appliance.units import Seconds

CONNECT = Seconds(15.0)
ANSWER = Seconds(5.0)
"""A box answers within milliseconds; one that is busy with its start, within a second or two."""


async def ask_box(
    config: Config, verb: str, value: str, *, patience: Seconds = ANSWER
) -> Mapping[str, object] | None:
    """Ask the box of these settings for something; return its answer.

    Args:
        config: Names the broker and the box.
        verb: As in ``request/<verb>``.
        value: What.
        patience: Longest wait for the answer.

    Returns:
        ``None``: nobody answered.

    Raises:
        BrokerError: There is no connection.
    """
    guest = f"{config.device.id}-command"
    availability = topics(config.mqtt.root, guest).availability
    bridge = MqttBridge(config.mqtt, device=guest, availability=availability)
    async with asyncio.TaskGroup() as group:
        group.create_task(bridge.run(), name="mqtt")
        try:
            await _connected(bridge)
            return await _asked(bridge, config, verb, value, patience)
        finally:
            await bridge.close()


async def _connected(bridge: MqttBridge) -> None:
    told: asyncio.Future[tuple[bool, str]] = asyncio.get_running_loop().create_future()

    def tell(connected: bool, reason: str) -> None:  # noqa: FBT001 - a callback
        if not told.done():
            told.set_result((connected, reason))

    bridge.on_state(tell)
    try:
        async with asyncio.timeout(CONNECT):
            connected, reason = await told
    except TimeoutError as error:
        raise BrokerError(f"no answer within {CONNECT:.0f} s") from error
    if not connected:
        raise BrokerError(reason)


async def _asked(
    bridge: MqttBridge, config: Config, verb: str, value: str, patience: Seconds
) -> Mapping[str, object] | None:
    own = topics(config.mqtt.root, config.device.id)
    mark = uuid4().hex
    answered: asyncio.Future[Mapping[str, object]] = asyncio.get_running_loop().create_future()

    def take(message: Message) -> None:
        try:
            answer = json.loads(message.payload)
        except ValueError:
            return
        ours = isinstance(answer, dict) and answer.get("transaction") == mark
        if ours and not answered.done():
            answered.set_result(answer)

    bridge.subscribe(own.response(verb), take)
    question = json.dumps({"value": value, "transaction": mark}).encode()
    bridge.publish(own.request(verb), question)
    try:
        async with asyncio.timeout(patience):
            return await answered
    except TimeoutError:
        return None
