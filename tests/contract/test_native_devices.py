"""The native conventions at a real mosquitto: found, told apart, asked, and answered."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.config.model import Mqtt
from appliance.mqtt.bridge import MqttBridge
from appliance.ports import Message
from appliance.tools.devices.household import FoundHousehold
from appliance.tools.devices.known import Order
from appliance.tools.devices.model import Source, Trait
from appliance.tools.discovery.homie import HomieDialect
from appliance.tools.discovery.shelly.dialect import ShellyDialect
from appliance.tools.discovery.tasmota.dialect import TasmotaDialect
from appliance.tools.discovery.zigbee2mqtt.dialect import Zigbee2MqttDialect
from appliance.units import Seconds
from tests.broker import broker
from tests.discovery import DATA
from tests.discovery import announced as read
from tests.house import until

ANNOUNCED = {
    name: read(name)
    for name in (
        str(path.relative_to(DATA).with_suffix("")) for path in sorted(DATA.glob("*/*.json"))
    )
}
"""Read beforehand: the event loop reads no files."""


def announced(name: str) -> Any:  # noqa: ANN401 - JSON
    return deepcopy(ANNOUNCED[name])


@dataclass
class Home:
    """A household on a broker, and the devices that play the house."""

    household: FoundHousehold
    others: MqttBridge

    def retain(self, topic: str, what: object) -> None:
        self.others.retain(topic, json.dumps(what).encode())

    def text(self, topic: str, text: str) -> None:
        self.others.retain(topic, text.encode())


@asynccontextmanager
async def home(settings: Mqtt) -> AsyncIterator[Home]:
    bridge = MqttBridge(settings, device="box", availability="box/availability")
    others = MqttBridge(settings, device="house", availability="house/availability")
    made = FoundHousehold(
        bridge,
        (
            (Source.ZIGBEE2MQTT, Zigbee2MqttDialect("zigbee2mqtt")),
            (Source.TASMOTA, TasmotaDialect()),
            (Source.SHELLY, ShellyDialect("box/replies/shelly")),
            (Source.HOMIE, HomieDialect()),
        ),
        most=5_000,
        hidden=(),
        patience=Seconds(3.0),
        names=None,
    )
    bridge.on_state(lambda connected, _: made.connection(up=connected))
    await made.prepare()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bridge.run(), name="bridge")
        tasks.create_task(others.run(), name="others")
        running = tasks.create_task(made.run(), name="household")
        await until(lambda: bridge.connected and others.connected)
        yield Home(made, others)
        running.cancel()
        await bridge.close()
        await others.close()


class Shelly:
    """A Shelly: answers, does what it is told, notifies."""

    def __init__(self, others: MqttBridge, device: dict[str, Any]) -> None:
        self._others = others
        self._device = device
        self.methods: list[str] = []
        self.refuses = False
        others.subscribe(f"{device['id']}/rpc", self._on_request)
        others.retain(f"{device['id']}/online", b"true")

    def _on_request(self, message: Message) -> None:
        frame = json.loads(message.payload)
        method = frame["method"]
        self.methods.append(method)
        answer = {"id": frame["id"], "src": self._device["id"], "dst": frame["src"]}
        if method == "Switch.Set":
            answer |= self._switch(frame["params"])
        else:
            what = method.removeprefix("Shelly.Get").removeprefix("Device").lower()
            answer |= {"result": self._device[what]}
        self._others.publish(f"{frame['src']}/rpc", json.dumps(answer).encode())

    def _switch(self, params: dict[str, Any]) -> dict[str, object]:
        if self.refuses:
            return {"error": {"code": -103, "message": "overheated"}}
        key = f"switch:{params['id']}"
        before = self._device["status"][key]["output"]
        self._device["status"][key]["output"] = params["on"]
        event = {
            "src": self._device["id"],
            "dst": f"{self._device['id']}/events",
            "method": "NotifyStatus",
            "params": {"ts": 1.0, key: {"output": params["on"]}},
        }
        self._others.publish(f"{self._device['id']}/events/rpc", json.dumps(event).encode())
        return {"result": {"was_on": before}}


def test_a_shelly_is_found_does_what_it_is_told_and_may_refuse(tmp_path: Path) -> None:
    async def scene() -> None:
        async with home(house.settings) as here:
            shelly = Shelly(here.others, announced("shelly/switches"))
            await until(lambda: "garage_light" in here.household.known())
            await until(lambda: here.household.now("garage_light") == {Trait.POWER: False})
            assert here.household.now("garage_box_2") == {Trait.POWER: True}
            assert [one for one in shelly.methods if one != "Shelly.GetStatus"] == [
                "Shelly.GetDeviceInfo",
                "Shelly.GetConfig",
            ]
            on = Order("garage_light", {Trait.POWER: True})
            assert (await here.household.carry_out(on)).status == "done"
            assert (await here.household.carry_out(on)).status == "unchanged"
            shelly.refuses = True
            off = Order("garage_light", {Trait.POWER: False})
            outcome = await here.household.carry_out(off)
            assert (outcome.status, outcome.reason) == ("failed", "refused")
            here.text("shellyplus2pm-a8032ab12345/online", "false")
            await until(lambda: not here.household.reachable("garage_light"))
            here.others.retain("shellyplus2pm-a8032ab12345/online", b"")
            await until(lambda: "garage_light" not in here.household.known())

    with broker(tmp_path) as house:
        asyncio.run(scene())


def test_zigbee_lamps_come_are_renamed_and_go(tmp_path: Path) -> None:
    async def scene() -> None:
        async with home(house.settings) as here:
            devices = announced("zigbee2mqtt/devices")
            for name in ("info", "groups"):
                here.retain(f"zigbee2mqtt/bridge/{name}", announced(f"zigbee2mqtt/{name}"))
            here.retain("zigbee2mqtt/bridge/devices", devices)
            await until(lambda: "sofa_lamp" in here.household.known())
            here.others.subscribe(
                "zigbee2mqtt/Sofa lamp/set",
                lambda message: here.others.publish("zigbee2mqtt/Sofa lamp", message.payload),
            )
            await asyncio.sleep(0.1)
            wanted = {Trait.POWER: True, Trait.BRIGHTNESS: 30}
            outcome = await here.household.carry_out(Order("sofa_lamp", wanted))
            assert outcome.status == "done"
            here.retain("zigbee2mqtt/Sofa lamp/availability", {"state": "offline"})
            await until(lambda: not here.household.reachable("sofa_lamp"))
            devices[2]["friendly_name"] = "Couch lamp"
            here.retain("zigbee2mqtt/bridge/devices", devices)
            await until(lambda: "Couch lamp" in {one.name for one in known(here)})
            here.retain("zigbee2mqtt/bridge/devices", devices[:1])
            await until(lambda: not any(one.thing.main for one in known(here)))

    def known(here: Home) -> list[Any]:
        return [
            one
            for one in here.household.known().values()
            if not one.thing.device.startswith("Mixed") and not one.thing.opaque
        ]

    with broker(tmp_path) as house:
        asyncio.run(scene())


def test_a_tasmota_and_a_homie_are_found_and_commands_are_not_retained(tmp_path: Path) -> None:
    async def scene() -> None:
        async with home(house.settings) as here:
            heard: list[Message] = []
            here.others.subscribe("cmnd/#", heard.append)
            here.others.subscribe("homie/5/desk-1/light/power/set", heard.append)
            here.retain("tasmota/discovery/5CCF7F1A2B3C/config", announced("tasmota/plug"))
            here.text("tele/tasmota_1A2B3C/LWT", "Online")
            here.retain("homie/5/desk-1/$description", announced("homie/lamp"))
            here.text("homie/5/desk-1/$state", "ready")
            here.text("homie/5/bridge-1/$state", "ready")
            await until(lambda: {"heater_plug", "desk_lamp"} <= set(here.household.known()))
            await asyncio.sleep(0.1)
            for name in ("heater_plug", "desk_lamp"):
                order = Order(name, {Trait.POWER: True})
                async with asyncio.timeout(4.0):
                    carried = asyncio.gather(here.household.carry_out(order))
                    await until(lambda: bool(heard))
                    if name == "heater_plug":
                        here.others.publish("stat/tasmota_1A2B3C/POWER", b"ON")
                    else:
                        here.others.publish("homie/5/desk-1/light/power", b"true")
                    (outcome,) = await carried
                assert outcome.status == "done"
                (command,) = heard
                assert not command.retained
                heard.clear()
            here.text("homie/5/bridge-1/$state", "lost")
            await until(lambda: not here.household.reachable("desk_lamp"))
            here.others.retain("homie/5/desk-1/$state", b"")
            await until(lambda: "desk_lamp" not in here.household.known())
            retained: list[Message] = []
            here.others.subscribe("cmnd/#", retained.append)
            await asyncio.sleep(0.2)
            assert not retained

    with broker(tmp_path) as house:
        asyncio.run(scene())
