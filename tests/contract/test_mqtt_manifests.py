"""Manifests as retained messages of a real mosquitto."""

import asyncio
import json
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.broker import broker
from tests.house import KITCHEN, box, until

DOOR_BELL = {
    "description": "Ring the bell.",
    "examples": ["ring the bell"],
    "command": {"topic": "bell/ring", "payload": "1"},
}


def retain(port: int, messages: dict[str, bytes]) -> None:
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for name, payload in messages.items():
        topic = f"voice-appliance/tools/{name}/config"
        client.publish(topic, payload, qos=1, retain=True).wait_for_publish(5)
    client.disconnect()
    client.loop_stop()


def test_bad_retained_manifests_are_refused_by_name_while_the_others_live(tmp_path: Path) -> None:
    huge = json.dumps({**DOOR_BELL, "description": "x" * 1_000_000}).encode()
    with broker(tmp_path) as house:
        retain(
            house.port,
            {
                "ring_bell": json.dumps(DOOR_BELL).encode(),
                "huge": huge,
                "latin": b'{"description": "caf\xe9"}',
                "broken": b"{",
                "a_list": b"[]",
                "renamed": json.dumps({**DOOR_BELL, "name": "other"}).encode(),
                "set_light": json.dumps(DOOR_BELL).encode(),
                "unknown_name": json.dumps(
                    {**DOOR_BELL, "command": {"topic": "bell", "payload": "{{ volume }}"}}
                ).encode(),
            },
        )

        async def scene() -> None:
            async with box(house.settings, *KITCHEN) as made:
                await until(lambda: len(made.from_broker.problems()) == 7)
                names = {tool.name for tool in made.registry.catalogue()}
                assert names == {manifest.name for manifest in KITCHEN} | {"ring_bell"}
                said = "\n".join(sorted(made.from_broker.problems()))
                for name, why in (
                    ("huge", "bytes; at most 65536 are allowed"),
                    ("latin", "is not UTF-8 from byte 20 on"),
                    ("broken", "is not JSON"),
                    ("a_list", "must be a JSON object"),
                    ("renamed", "name: the topic says `renamed`"),
                    ("set_light", "name: `set_light` is taken by"),
                    ("unknown_name", "command.payload: there is no parameter `volume`"),
                ):
                    assert any(
                        f"tools/{name}/config: " in line and why in line
                        for line in said.splitlines()
                    ), name
                # a bell says nothing back, and so does the appliance
                assert (await made.call("ring_bell")).status == "unconfirmed"

        asyncio.run(scene())


def test_a_manifest_that_changes_or_goes_changes_the_catalogue_at_once(tmp_path: Path) -> None:
    with broker(tmp_path) as house:

        async def scene() -> None:
            async with box(house.settings) as made:
                registry = made.registry
                await until(lambda: made.bridge.connected)
                before = registry.catalogue()
                assert before is registry.catalogue()

                async def say(payload: bytes) -> None:
                    await asyncio.to_thread(retain, house.port, {"ring_bell": payload})

                await say(json.dumps(DOOR_BELL).encode())
                await until(lambda: len(registry.catalogue()) == 1)
                assert registry.source("ring_bell") == "voice-appliance/tools/ring_bell/config"

                await say(json.dumps({**DOOR_BELL, "description": "Louder."}).encode())
                await until(lambda: registry.catalogue()[0].description == "Louder.")

                await say(b"{")
                await until(lambda: registry.catalogue() == ())
                assert len(made.from_broker.problems()) == 1

                await say(b"")
                await until(lambda: made.from_broker.problems() == ())

        asyncio.run(scene())
