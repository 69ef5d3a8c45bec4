"""``voice-appliance actions`` and manifests that change, against a real broker."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from typer.testing import CliRunner

from appliance.app import manifest_watch
from appliance.app.open_house import open_house
from appliance.cli.words import app
from appliance.config import load
from appliance.timeline import Timeline
from appliance.tools.parse import parse_toml
from appliance.units import Seconds
from tests.broker import Broker, broker
from tests.house import until

DEVICES: dict[str, dict[str, object]] = {
    "light/lamp": {
        "command_topic": "x/lamp/set",
        "state_topic": "x/lamp",
        "schema": "json",
        "brightness": True,
        "supported_color_modes": ["brightness"],
        "device": {"identifiers": ["lamp"], "name": "Reading lamp", "suggested_area": "Study"},
    },
    "lock/front": {
        "command_topic": "x/front/set",
        "state_topic": "x/front",
        "device": {"identifiers": ["front"], "name": "Front door"},
    },
    "camera/porch": {"topic": "x/porch", "device": {"identifiers": ["porch"], "name": "Porch"}},
}


class Neighbour:
    """Somebody else on the broker."""

    def __init__(self, port: int) -> None:
        self.client = Client(CallbackAPIVersion.VERSION2)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.heard: list[str] = []
        self.client.on_message = lambda _client, _data, message: self.heard.append(message.topic)
        self.client.subscribe("x/+/set")

    def says(self, topic: str, payload: object, *, retain: bool = True) -> None:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        self.client.publish(topic, text, qos=1, retain=retain).wait_for_publish(5.0)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Broker]:
    with broker(tmp_path) as made:
        yield made


@pytest.fixture
def neighbour(running: Broker) -> Iterator[Neighbour]:
    made = Neighbour(running.port)
    for name, table in DEVICES.items():
        kind, thing = name.split("/")
        announced = {"name": None, "unique_id": thing} | table
        made.says(f"homeassistant/{kind}/{thing}/config", announced)
    made.says("x/lamp", {"state": "OFF"})
    made.says("x/front", "LOCKED")
    yield made
    made.client.disconnect()
    made.client.loop_stop()


@pytest.fixture
def config(tmp_path: Path, running: Broker, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "box" / "config.toml"
    path.parent.mkdir()
    path.write_text(f'[mqtt]\nhost = "127.0.0.1"\nport = {running.port}\n')
    monkeypatch.setenv("VOICE_APPLIANCE_CONFIG", str(path))
    monkeypatch.setenv("COLUMNS", "200")
    return path


def say(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["actions", *words])
    return result.exit_code, result.output


@pytest.mark.usefixtures("neighbour", "config")
def test_the_devices_are_listed_and_what_was_left_out_is_named() -> None:
    code, shown = say("list", "--json")
    assert code == 0
    devices = {line["id"]: line for line in map(json.loads, shown.splitlines())}
    assert set(devices) == {"reading_lamp", "front_door"}
    assert devices["reading_lamp"]["area"] == "Study"
    assert devices["front_door"]["now"] == {"lock": "locked"}
    assert "reading_lamp" in say("list", "--area", "study")[1]
    assert "front_door" not in say("list", "--kind", "light")[1]
    assert "Porch" in say("list", "--left-out")[1]


@pytest.mark.usefixtures("neighbour", "config")
def test_one_device_is_shown_with_what_each_change_takes() -> None:
    code, shown = say("show", "front_door")
    assert code == 0
    assert "free: locked; pin: unlocked" in shown
    assert say("show", "back_door")[0] == 1


@pytest.mark.usefixtures("config")
def test_a_call_is_tried_and_nothing_is_sent(neighbour: Neighbour) -> None:
    code, shown = say("try", "control_light", "device=reading_lamp", "brightness=30")
    assert code == 0
    assert "would publish on x/lamp/set" in shown
    assert '"brightness":76' in shown
    code, shown = say("try", "control_lock", "device=front_door", "action=unlock")
    assert code == 1
    assert "PIN" in shown
    assert neighbour.heard == []


@pytest.mark.usefixtures("config")
def test_what_devices_do_is_watched(neighbour: Neighbour) -> None:
    ended = threading.Event()

    def knock() -> None:
        states = ["UNLOCKED", "LOCKED"]
        while not ended.wait(0.7):
            neighbour.says("x/front", states[0])
            states.reverse()

    knocking = threading.Thread(target=knock)
    knocking.start()
    try:
        code, shown = say("watch", "front_door", "--seconds", "3")
    finally:
        ended.set()
        knocking.join()
    assert code == 0
    assert "front_door: lock" in shown
    assert "→ unlocked" in shown


def test_a_device_is_recorded_and_its_draft_reads(neighbour: Neighbour, config: Path) -> None:
    ended = threading.Event()

    def live() -> None:
        while not ended.wait(0.3):
            neighbour.says("shed/pump", {"state": "ON", "speed": 30}, retain=False)
            neighbour.says("shed/pump/set", {"state": "OFF"}, retain=False)
            neighbour.says("shed/pump", {"state": "OFF", "speed": 70}, retain=False)

    living = threading.Thread(target=live)
    living.start()
    out = config.parent / "pump.toml"
    try:
        words = ("record", "shed/pump/#", "--name", "pump", "--seconds", "2", "--out", str(out))
        code, _ = say(*words)
    finally:
        ended.set()
        living.join()
    assert code == 0
    assert parse_toml(out.read_bytes(), source="pump").name == "pump"
    assert say(*words)[0] == 2  # it is there already


def test_a_manifest_that_changes_is_read_anew(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest_watch, "LOOK_EVERY", Seconds(0.05))
    folder = config.parent / "tools.d"
    folder.mkdir()

    def write(name: str, text: str) -> None:
        (folder / name).write_text(text)

    good = 'name = "{}"\ndescription = "d"\n[command]\ntopic = "t"\npayload = "p"\n'

    async def scene() -> None:
        async with open_house(await asyncio.to_thread(load, config), Timeline()) as house:
            await house.settle()
            for name in ("one", "two"):
                await asyncio.to_thread(write, f"{name}.toml", good.format(name))
            await until(lambda: house.tools.source("two") is not None)
            assert house.tools.source("one") is not None
            await asyncio.to_thread(write, "two.toml", 'name = "two"\ndescripton = "d"\n')
            await until(lambda: house.tools.source("two") is None)
            assert house.tools.source("one") is not None
            assert any("line 2: descripton" in line for line in house.problems())
            await asyncio.to_thread((folder / "one.toml").unlink)
            await until(lambda: house.tools.source("one") is None)

    begun = time.monotonic()
    asyncio.run(scene())
    assert time.monotonic() - begun < 50
