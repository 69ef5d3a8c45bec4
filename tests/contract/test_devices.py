"""Found devices at a real mosquitto: they appear, change, vanish, and do what they are told."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.config.model import Mqtt
from appliance.mqtt.bridge import MqttBridge
from appliance.ports import Message
from appliance.tools.devices import found, household
from appliance.tools.devices.household import FoundHousehold
from appliance.tools.devices.known import Order
from appliance.tools.devices.model import Dialect, Source, Trait
from appliance.units import Seconds
from tests.announcing import PlainDialect
from tests.broker import broker
from tests.house import until


@dataclass
class Living:
    """A household on a broker, and somebody who plays the house."""

    bridge: MqttBridge
    household: FoundHousehold
    others: MqttBridge

    def announce(self, place: str, **said: object) -> None:
        payload = json.dumps({"kind": "light", **said}).encode()
        self.others.retain(f"plain/{place}/config", payload)

    def names(self) -> set[str]:
        return set(self.household.known())


@asynccontextmanager
async def living(
    settings: Mqtt, dialect: Dialect | None = None, *, names: Path | None = None
) -> AsyncIterator[Living]:
    settings = settings.model_copy(update={"queue": 20_000})
    bridge = MqttBridge(settings, device="box", availability="box/availability")
    others = MqttBridge(settings, device="house", availability="house/availability")
    made = FoundHousehold(
        bridge,
        ((Source.HOMEASSISTANT, dialect or PlainDialect()),),
        most=5_000,
        hidden=("secret*",),
        patience=Seconds(3.0),
        names=names,
    )
    bridge.on_state(lambda connected, _: made.connection(up=connected))
    await made.prepare()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bridge.run(), name="bridge")
        tasks.create_task(others.run(), name="others")
        running = tasks.create_task(made.run(), name="household")
        await until(lambda: bridge.connected and others.connected)
        yield Living(bridge, made, others)
        running.cancel()
        await bridge.close()
        await others.close()


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "PATIENCE", Seconds(1.0))


def test_devices_appear_change_and_vanish(tmp_path: Path) -> None:
    async def scene() -> None:
        async with living(house.settings) as here:
            told: list[int] = []
            here.household.on_change(lambda: told.append(len(here.household.known())))
            here.announce("lamp")
            here.announce("secret_lamp")
            await until(lambda: here.names() == {"lamp"})
            here.announce("lamp", traits=["power"], name="Desk <b>lamp</b>\n")
            await until(lambda: here.names() == {"desk_lamp"})
            assert here.household.known()["desk_lamp"].name == "Desk lamp"
            here.others.retain("plain/lamp/config", b"")
            await until(lambda: here.names() == set())
            await until(lambda: told[-1:] == [0])

    with broker(tmp_path) as house:
        asyncio.run(scene())


def test_an_order_goes_to_the_device_and_is_confirmed_by_it(tmp_path: Path) -> None:
    async def scene() -> None:
        async with living(house.settings) as here:
            here.announce("lamp")
            here.others.subscribe(
                "plain/lamp/set",
                lambda message: here.others.publish("plain/lamp", message.payload),
            )
            await until(lambda: here.names() == {"lamp"})
            wanted = {Trait.POWER: True, Trait.BRIGHTNESS: 30}
            outcome = await here.household.carry_out(Order("lamp", wanted))
            assert (outcome.status, outcome.now) == ("done", wanted)
            assert (await here.household.carry_out(Order("lamp", wanted))).status == "unchanged"
            gone = await here.household.carry_out(Order("nothing", wanted))
            assert (gone.status, gone.reason) == ("failed", "gone")

    with broker(tmp_path) as house:
        asyncio.run(scene())


@pytest.mark.usefixtures("short_patience")
def test_what_did_not_come_back_with_the_broker_is_gone(tmp_path: Path) -> None:
    async def scene() -> None:
        async with living(house.settings) as here:
            here.announce("lamp")
            here.announce("fan")
            here.announce("broken", kind="no such kind")
            await until(lambda: here.names() == {"lamp", "fan"})
            assert [each.rule for each in here.household.left_out()] == ["unreadable"]
            await asyncio.to_thread(house.kill)
            await until(lambda: not here.bridge.connected and not here.others.connected)
            assert here.names() == {"lamp", "fan"}
            del here.others._facts["plain/fan/config"]
            del here.others._facts["plain/broken/config"]
            await asyncio.to_thread(house.start)
            await until(lambda: here.names() == {"lamp"})
            await until(lambda: here.household.left_out() == ())

    with broker(tmp_path) as house:
        asyncio.run(scene())


@pytest.mark.usefixtures("short_patience")
def test_a_broker_that_flaps_costs_no_device_and_no_message(tmp_path: Path) -> None:
    async def scene() -> None:
        async with living(house.settings) as here:
            sent: list[Message] = []
            here.others.subscribe("#", sent.append)
            for number in range(50):
                here.announce(f"lamp{number}")
            await until(lambda: len(here.names()) == 50)
            known = here.household.known()
            for _ in range(3):
                await asyncio.to_thread(house.kill)
                await until(lambda: not here.bridge.connected)
                await asyncio.to_thread(house.start)
                await until(lambda: here.bridge.connected and here.others.connected)
            await asyncio.sleep(1.5)
            assert here.household.known() is known
            ours = {message.topic for message in sent} - set(here.others._facts)
            assert ours <= {"box/availability"}

    with broker(tmp_path) as house:
        asyncio.run(scene())


def test_five_thousand_devices_are_found_and_the_loop_is_not_held_up(tmp_path: Path) -> None:
    async def scene() -> None:
        async with living(house.settings) as here:
            for number in range(5_100):
                here.announce(f"lamp{number}")
            await until(lambda: len(here.names()) == 5_000, patience=40)
            await until(lambda: len(here.household.left_out()) == 100)
            assert {each.rule for each in here.household.left_out()} == {"too_many"}

    with broker(tmp_path) as house:
        asyncio.run(scene())


def test_a_device_that_flaps_is_read_now_and_then_and_its_last_word_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found, "EVERY", Seconds(0.2))

    async def scene() -> None:
        dialect = PlainDialect()
        async with living(house.settings, dialect) as here:
            here.household._found._pace.every = Seconds(0.2)
            for number in range(300):
                here.announce("lamp", traits=["power"], area=f"room {number}")
            await until(
                lambda: [each.area for each in here.household.known().values()] == ["room 299"]
            )
            assert len(dialect.taken) < 30

    with broker(tmp_path) as house:
        asyncio.run(scene())


def test_questions_go_twice_in_a_minute_at_most_and_never_to_wildcards(tmp_path: Path) -> None:
    async def scene() -> None:
        async with living(house.settings) as here:
            asked: list[str] = []
            sent: list[str] = []
            publish = here.bridge.publish

            def spied(topic: str, payload: bytes, *, qos: int = 1) -> None:
                sent.append(topic)
                publish(topic, payload, qos=qos)

            here.bridge.publish = spied  # type: ignore[method-assign,assignment]
            here.others.subscribe("shelly/rpc", lambda message: asked.append(message.topic))
            here.others.subscribe("other/rpc", lambda message: asked.append(message.topic))
            await asyncio.sleep(0.1)
            for number in range(5):
                topics = ["shelly/rpc", "#", "other/+", "$SYS/rpc", "", "a\0b"]
                here.announce("shelly", asks=topics, number=number)
                await asyncio.sleep(0.1)
            here.announce("other", asks=["other/rpc"])
            await until(lambda: "other/rpc" in asked)
            assert asked == sent == ["shelly/rpc", "shelly/rpc", "other/rpc"]
            assert here.bridge.connected

    with broker(tmp_path) as house:
        asyncio.run(scene())


Fault = Callable[[], bytes]


@pytest.mark.parametrize(
    ("payload", "rule"),
    [
        (lambda: b'{"kind": "light", "name": "%s"}' % (b"x" * 1_000_000), "too_large"),
        (lambda: b'{"kind": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", "too_deep"),
        (lambda: b"{", "unreadable"),
        (lambda: b'{"kind": "light", "identity": ["%s"]}' % (b"x" * 300), "unfit"),
        (lambda: b"\xff\xfe\x00", "unreadable"),
        (lambda: b"{}", "no_kind"),
    ],
)
def test_bad_announcements_are_left_out_by_name_and_take_the_old_thing_away(
    tmp_path: Path, payload: Fault, rule: str
) -> None:
    async def scene() -> None:
        async with living(house.settings) as here:
            here.announce("lamp")
            here.announce("fan")
            await until(lambda: here.names() == {"lamp", "fan"})
            here.others.retain("plain/lamp/config", payload())
            await until(lambda: here.names() == {"fan"})
            await until(lambda: [each.rule for each in here.household.left_out()] == [rule])

    with broker(tmp_path) as house:
        asyncio.run(scene())


def test_the_owners_names_are_read_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(household, "LOOK_EVERY", Seconds(0.1))
    path = tmp_path / "names.toml"

    async def scene() -> None:
        async with living(house.settings, names=path) as here:
            here.announce("lamp")
            await until(lambda: here.names() == {"lamp"})
            await asyncio.to_thread(
                path.write_text, '[devices.lamp]\nname = "sofa light"\narea = "den"\n'
            )
            await until(lambda: here.household.known()["lamp"].name == "sofa light")
            assert here.household.known()["lamp"].aliases == ("lamp",)
            await asyncio.to_thread(path.write_text, "[devices.lamp]\nnmae = 'x'\n")
            await until(lambda: bool(here.household.problems()))
            assert here.household.problems()[0].startswith(f"{path}:2: devices.lamp.nmae: ")
            assert here.household.known()["lamp"].name == "sofa light"
            await asyncio.to_thread(path.unlink)
            await until(lambda: here.household.known()["lamp"].name == "lamp")
            assert here.household.problems() == ()

    with broker(tmp_path) as house:
        asyncio.run(scene())
