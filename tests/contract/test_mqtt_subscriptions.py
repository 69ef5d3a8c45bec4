"""Thousands of topics and of retained messages, at a mosquitto as it comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from appliance.config.model import Mqtt
from appliance.mqtt.bridge import MqttBridge
from appliance.ports import Message
from tests.broker import broker
from tests.house import until

MANY = 3_000


@asynccontextmanager
async def client(settings: Mqtt, name: str) -> AsyncIterator[MqttBridge]:
    settings = settings.model_copy(update={"queue": 20_000})
    bridge = MqttBridge(settings, device=name, availability=f"{name}/availability")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bridge.run(), name=name)
        await until(lambda: bridge.connected)
        yield bridge
        await bridge.close()


async def filled(writer: MqttBridge) -> None:
    for number in range(MANY):
        writer.retain(f"many/{number}/config", b"x" * 700)
    heard: list[Message] = []
    undo = writer.subscribe(f"many/{MANY - 1}/config", heard.append)
    await until(lambda: bool(heard))
    undo()


def test_more_retained_messages_than_mosquitto_queues_all_arrive(tmp_path: Path) -> None:
    async def scene() -> None:
        async with client(house.settings, "w") as writer, client(house.settings, "r") as reader:
            await filled(writer)
            wild: set[str] = set()
            reader.subscribe("many/+/config", lambda message: wild.add(message.topic), qos=0)
            await until(lambda: len(wild) == MANY)

            plain: set[str] = set()
            for topic in sorted(wild):
                reader.subscribe(topic, lambda message: plain.add(message.topic), qos=0)
            await until(lambda: plain == wild)

    with broker(tmp_path) as house:
        asyncio.run(scene())


def test_thousands_of_topics_are_asked_for_again_after_a_reconnect(tmp_path: Path) -> None:
    async def scene() -> None:
        async with client(house.settings, "w") as writer, client(house.settings, "r") as reader:
            heard: set[str] = set()
            for number in range(MANY):
                topic = f"many/{number}/config"
                reader.subscribe(topic, lambda message: heard.add(message.topic), qos=0)
            await asyncio.to_thread(house.kill)
            await until(lambda: not reader.connected and not writer.connected)
            await asyncio.to_thread(house.start)
            await until(lambda: reader.connected and writer.connected)
            await filled(writer)
            await until(lambda: len(heard) == MANY)

    with broker(tmp_path) as house:
        asyncio.run(scene())


def test_a_handler_that_fails_costs_nobody_else_his_message(tmp_path: Path) -> None:
    async def scene() -> None:
        failed: list[object] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: failed.append(context.get("exception")))
        async with client(house.settings, "r") as reader:
            heard: list[bytes] = []

            def fail(message: Message) -> None:
                heard.append(message.payload)
                if len(heard) == 1:
                    raise LookupError

            reader.subscribe("one", fail)
            for number in range(5):
                reader.publish("one", str(number).encode())
            await until(lambda: len(heard) == 5)
            assert len(failed) == 1

    with broker(tmp_path) as house:
        asyncio.run(scene())


def test_who_leaves_hears_no_more_and_the_others_still_do(tmp_path: Path) -> None:
    async def scene() -> None:
        async with client(house.settings, "r") as reader:
            first: list[Message] = []
            second: list[Message] = []
            third: list[Message] = []
            undo = reader.subscribe("a/b", first.append, qos=0)
            reader.subscribe("a/b", second.append)
            reader.subscribe("a/+", third.append, qos=0)
            undo()
            undo()
            await asyncio.sleep(0.1)
            reader.publish("a/b", b"x")
            await until(lambda: bool(second and third))
            assert not first

    with broker(tmp_path) as house:
        asyncio.run(scene())
