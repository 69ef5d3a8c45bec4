"""The way of a tool call on a real mosquitto, with the simulated kitchen behind it."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.demo.broker import end, start_with_us
from appliance.demo.kitchen import simulated_kitchen
from appliance.ports import Message
from tests.broker import Broker, broker
from tests.house import KITCHEN, box, kitchen_is_up

CALLS: list[tuple[str, dict[str, object], str]] = [
    ("set_light", {"light": "reading_lamp", "brightness": 9}, "The reading lamp is at 9 percent."),
    ("set_light", {"light": "bedroom_light", "color": "red"}, "The bedroom light is red."),
    ("set_switch", {"device": "radio", "state": "on"}, "The radio is on."),
    (
        "set_temperature",
        {"thermostat": "bedroom_thermostat", "temperature": 20.5},
        "The bedroom thermostat is set to 20.5 degrees.",
    ),
    ("set_blind", {"blind": "kitchen_blind", "action": "close"}, "The kitchen blind is moving."),
    ("set_blind", {"blind": "bedroom_blind", "position": 40}, "The bedroom blind is moving."),
    ("make_coffee", {"size": "large", "drink": "latte", "cups": 2}, "2 large latte coming up."),
]


@pytest.fixture
def house_broker(tmp_path: Path) -> Iterator[Broker]:
    with broker(tmp_path) as made:
        yield made


@pytest.fixture
def kitchen(house_broker: Broker) -> Iterator[Broker]:
    with simulated_kitchen(house_broker.port):
        yield house_broker


def test_a_lamp_is_switched_on_and_says_so(kitchen: Broker) -> None:
    async def scene() -> None:
        async with box(kitchen.settings, *KITCHEN) as made:
            await kitchen_is_up(made)
            lamp: list[Message] = []
            made.bridge.subscribe("zigbee2mqtt/kitchen_light", lamp.append)

            result = await made.call("set_light", light="kitchen_light", state="on")

            assert (result.status, result.say) == ("done", "The kitchen light is on.")
            assert json.loads(lamp[-1].payload)["state"] == "ON"

            again = await made.call("set_light", light="kitchen_light", state="on")
            assert (again.status, again.say) == ("unchanged", "The kitchen light is already on.")

    asyncio.run(scene())


def test_every_tool_of_the_kitchen_is_confirmed(kitchen: Broker) -> None:
    async def scene() -> None:
        async with box(kitchen.settings, *KITCHEN) as made:
            await kitchen_is_up(made)
            results = await asyncio.gather(*(made.call(tool, **given) for tool, given, _ in CALLS))
            assert [(each.status, each.say) for each in results] == [
                ("done", said) for _, _, said in CALLS
            ]

    asyncio.run(scene())


def test_a_device_that_says_no_is_quoted(kitchen: Broker) -> None:
    async def scene() -> None:
        async with box(kitchen.settings, *KITCHEN) as made:
            await kitchen_is_up(made)
            for _ in range(5):
                await made.call("make_coffee", cups=4)
            result = await made.call("make_coffee", cups=1)
            assert result.status == "failed"
            assert result.say == "The coffee maker says: the water tank is empty."

    asyncio.run(scene())


def test_an_answer_in_the_payload_will_do_where_the_protocol_is_old(kitchen: Broker) -> None:
    async def scene() -> None:
        old = kitchen.settings.model_copy(update={"version": "3.1.1"})
        async with box(old, *KITCHEN) as made:
            await kitchen_is_up(made)
            result = await made.call("make_coffee", drink="espresso")
            assert (result.status, result.say) == ("done", "1 medium espresso coming up.")

    asyncio.run(scene())


def test_a_house_that_sleeps_is_not_said_to_have_acted(house_broker: Broker) -> None:
    port = str(house_broker.port)
    kitchen = [sys.executable, "-m", "appliance.demo.kitchen", "--silent", "--port", port]
    sleeper = start_with_us(kitchen)

    async def scene() -> None:
        async with box(house_broker.settings, *KITCHEN) as made:
            await kitchen_is_up(made)
            result = await made.call("set_switch", device="radio", state="on")
            assert result.status == "unconfirmed"
            assert result.say == "I told the radio, but it did not answer."

    try:
        asyncio.run(scene())
    finally:
        end(sleeper)


def test_a_call_that_does_not_fit_sends_nothing(kitchen: Broker) -> None:
    async def scene() -> None:
        async with box(kitchen.settings, *KITCHEN) as made:
            await kitchen_is_up(made)
            sent: list[Message] = []
            made.bridge.subscribe("zigbee2mqtt/+/set", sent.append)
            for arguments in (
                {"light": "garage_light", "state": "on"},
                {"light": "kitchen_light"},
                {"light": "kitchen_light", "brightness": 101},
                {"light": "kitchen_light", "state": "on", "who": "me"},
            ):
                assert (await made.call("set_light", **arguments)).status == "rejected"
            assert (await made.call("open_the_pod_bay_doors")).status == "rejected"
            await asyncio.sleep(0.1)
            assert sent == []

    asyncio.run(scene())
