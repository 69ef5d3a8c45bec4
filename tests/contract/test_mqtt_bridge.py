"""The bridge against a real mosquitto, and against things that are none."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from appliance.config.model import Mqtt
from appliance.demo.broker import end, free_port, start_with_us
from appliance.errors import BrokerError
from appliance.mqtt.bridge import MqttBridge
from appliance.ports import Message
from appliance.tools.parse import parse_toml
from tests.broker import PASSWORD, USER, broker, papers, password_file
from tests.house import OWN, Box, box, until

LAMP = parse_toml(
    b"""
name = "lamp"
description = "A lamp."
timeout_s = 5.0
[parameters.properties.state]
enum = ["on", "off"]
[command]
topic = "lamp/set"
payload = "{{ state }}"
[confirm]
topic = "lamp"
equals = "{{ state }}"
""",
    source="lamp.toml",
)

SLOW_LAMP_SAID = "I lost the connection to the house, so I do not know whether that was done."


@asynccontextmanager
async def spy(settings: Mqtt, topic: str) -> AsyncIterator[tuple[MqttBridge, list[Message]]]:
    """Watch a topic as another client, which comes back when the broker does."""
    bridge = MqttBridge(settings, device="spy", availability="spy/availability")
    seen: list[Message] = []
    bridge.subscribe(topic, seen.append)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bridge.run(), name="spy")
        yield bridge, seen
        await bridge.close()


async def first_state(settings: Mqtt) -> tuple[bool, str]:
    async with box(settings) as made:
        await until(lambda: bool(made.states))
    return made.states[0]


async def up(made: Box | MqttBridge) -> None:
    bridge = made.bridge if isinstance(made, Box) else made
    await until(lambda: bridge.connected)


def test_a_command_lost_with_the_broker_is_never_sent_again(tmp_path: Path) -> None:
    async def scene() -> None:
        async with (
            box(house.settings, LAMP) as made,
            spy(house.settings, "lamp/set") as (
                other,
                seen,
            ),
        ):
            await up(made)
            await up(other)
            house.freeze()  # PUBLISH goes out, no PUBACK comes back
            call = asyncio.get_running_loop().create_task(made.call("lamp", state="on"))
            await asyncio.sleep(0.2)
            await asyncio.to_thread(house.kill)
            result = await call
            assert (result.status, result.say) == ("unconfirmed", SLOW_LAMP_SAID)
            await until(lambda: not other.connected)

            await asyncio.to_thread(house.start)
            await until(lambda: made.bridge.connected and other.connected)
            await asyncio.sleep(0.5)
            assert seen == []
            made.bridge.publish("lamp/set", b"off")
            await until(lambda: bool(seen))
            assert [message.payload for message in seen] == [b"off"]
            assert [connected for connected, _ in made.states] == [True, False, True]

    with broker(tmp_path) as house:
        asyncio.run(scene())


def test_a_command_that_arrived_before_the_broker_died_is_not_repeated(tmp_path: Path) -> None:
    async def scene() -> None:
        async with (
            box(house.settings, LAMP) as made,
            spy(house.settings, "lamp/set") as (
                other,
                seen,
            ),
        ):
            await up(made)
            await up(other)
            call = asyncio.get_running_loop().create_task(made.call("lamp", state="on"))
            await until(lambda: bool(seen))
            await asyncio.to_thread(house.kill)
            assert (await call).status == "unconfirmed"
            await asyncio.to_thread(house.start)
            await until(lambda: made.bridge.connected and other.connected)
            await asyncio.sleep(0.5)
            assert len(seen) == 1

    with broker(tmp_path) as house:
        asyncio.run(scene())


def test_subscriptions_and_what_is_retained_of_us_survive_a_restart(tmp_path: Path) -> None:
    async def scene() -> None:
        async with (
            box(house.settings) as made,
            spy(house.settings, OWN.availability) as (
                other,
                seen,
            ),
        ):
            got: list[Message] = []
            made.bridge.subscribe("greeting", got.append)
            await up(made)
            await until(lambda: bool(seen))
            await asyncio.to_thread(house.kill)
            await until(lambda: not made.bridge.connected and not other.connected)
            seen.clear()
            await asyncio.to_thread(house.start)
            await until(lambda: made.bridge.connected and bool(seen))
            assert seen[0].payload == b"online"
            await up(other)
            other.publish("greeting", b"hello")
            await until(lambda: bool(got))

    with broker(tmp_path) as house:
        asyncio.run(scene())


def test_without_a_connection_a_call_fails_at_once_and_nothing_is_sent_later(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        await asyncio.to_thread(house.kill)
        async with box(house.settings, LAMP) as made:
            await until(lambda: bool(made.states))
            with pytest.raises(BrokerError, match="nothing listens"):
                made.bridge.publish("lamp/set", b"on")
            result = await made.call("lamp", state="on")
            assert (result.status, result.say) == (
                "failed",
                "I have no connection to the house.",
            )
            await asyncio.to_thread(house.start)
            async with spy(house.settings, "lamp/set") as (other, seen):
                await up(made)
                await up(other)
                await asyncio.sleep(0.3)
                assert seen == []

    with broker(tmp_path) as house:
        asyncio.run(scene())


def test_a_full_queue_refuses_and_does_not_grow(tmp_path: Path) -> None:
    async def scene() -> None:
        settings = house.settings.model_copy(update={"queue": 5})
        async with box(settings) as made:
            await up(made)
            await asyncio.sleep(0.1)  # our own availability is acknowledged
            house.freeze()
            for _ in range(5):
                made.bridge.publish("lamp/set", b"on")
            with pytest.raises(BrokerError, match="5 messages wait"):
                made.bridge.publish("lamp/set", b"on")
            await asyncio.to_thread(house.kill)

    with broker(tmp_path) as house:
        asyncio.run(scene())


def test_commands_are_never_retained(tmp_path: Path) -> None:
    async def scene() -> None:
        async with box(house.settings) as made:
            await up(made)
            made.bridge.publish("lamp/set", b"on")
            await asyncio.sleep(0.1)
        async with spy(house.settings, "#") as (other, seen):
            await up(other)
            await asyncio.sleep(0.2)
            assert {message.topic for message in seen} == {
                OWN.availability,
                "spy/availability",
            }

    with broker(tmp_path) as house:
        asyncio.run(scene())


def test_leaving_says_offline(tmp_path: Path) -> None:
    async def scene() -> None:
        async with spy(house.settings, OWN.availability) as (_, seen):
            async with box(house.settings) as made:
                await up(made)
                await until(lambda: bool(seen))
            await until(lambda: seen[-1].payload == b"offline")
            assert [message.payload for message in seen] == [b"online", b"offline"]

    with broker(tmp_path) as house:
        asyncio.run(scene())


VANISHING = """
import asyncio, sys
from appliance.config.model import Mqtt
from appliance.mqtt.bridge import MqttBridge
async def main():
    bridge = MqttBridge(
        Mqtt(host="127.0.0.1", port=int(sys.argv[1]), version=sys.argv[2]),
        device="gone", availability="gone/availability")
    await bridge.run()
asyncio.run(main())
"""


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_the_last_will_tells_of_a_killed_process(tmp_path: Path, version: str) -> None:
    async def scene() -> None:
        async with spy(house.settings, "gone/availability") as (_, seen):
            command = [sys.executable, "-c", VANISHING, str(house.port), version]
            doomed = await asyncio.to_thread(start_with_us, command)
            try:
                await until(lambda: bool(seen) and seen[-1].payload == b"online")
                doomed.kill()
                await until(lambda: seen[-1].payload == b"offline")
            finally:
                await asyncio.to_thread(end, doomed)

    with broker(tmp_path) as house:
        asyncio.run(scene())


def test_a_wrong_password_is_named_and_the_right_one_works(tmp_path: Path) -> None:
    known = ("allow_anonymous false", f"password_file {password_file(tmp_path)}")

    async def scene() -> None:
        user = {"user": USER, "password": SecretStr("wrong")}
        settings = house.settings.model_copy(update=user)
        connected, reason = await first_state(settings)
        assert not connected
        assert f"refuses user `{USER}`" in reason
        assert "wrong" not in reason

        right = settings.model_copy(update={"password": SecretStr(PASSWORD)})
        assert await first_state(right) == (True, "")
        old = right.model_copy(update={"version": "3.1.1"})
        assert await first_state(old) == (True, "")
        assert "refuses" in (await first_state(old.model_copy(update=user)))[1]

    with broker(tmp_path, *known) as house:
        asyncio.run(scene())


def test_tls_with_both_certificates_works_and_each_missing_one_is_named(tmp_path: Path) -> None:
    made = papers(tmp_path)
    (tmp_path / "other").mkdir()
    stranger = papers(tmp_path / "other")
    options = (
        "allow_anonymous true",
        f"cafile {made.ca}",
        f"certfile {made.certificate('broker')}",
        f"keyfile {made.key('broker')}",
        "require_certificate true",
    )

    async def scene() -> None:
        plain = house.settings
        tls = plain.model_copy(
            update={
                "tls": True,
                "ca_file": made.ca,
                "certificate_file": made.certificate("box"),
                "key_file": made.key("box"),
            }
        )
        assert await first_state(tls) == (True, "")

        async def why(**change: object) -> str:
            connected, reason = await first_state(tls.model_copy(update=change))
            assert not connected
            return reason

        assert "not trusted" in await why(ca_file=stranger.ca)
        assert "mqtt.ca_file" in await why(ca_file=tmp_path / "none.pem")
        assert "mqtt.certificate_file" in await why(key_file=stranger.key("box"))
        assert "certificate" in await why(certificate_file=None, key_file=None)
        assert "TLS" in await why(tls=False)
        assert "host" in await why(host="no-such-host.invalid")

    with broker(tmp_path, *options) as house:
        asyncio.run(scene())


def test_no_tls_on_a_plain_port_is_named(tmp_path: Path) -> None:
    async def scene() -> None:
        connected, reason = await first_state(house.settings.model_copy(update={"tls": True}))
        assert not connected
        assert "TLS" in reason

    with broker(tmp_path) as house:
        asyncio.run(scene())


@pytest.mark.parametrize("polite", [True, False])
def test_a_broker_that_knows_only_the_old_protocol_is_spoken_to_in_it(
    tmp_path: Path, *, polite: bool
) -> None:
    async def scene() -> None:
        async with old_broker(house.port, polite=polite) as port:
            settings = Mqtt(host="127.0.0.1", port=port)
            async with box(settings) as made:
                got: list[Message] = []
                made.bridge.subscribe("greeting", got.append)
                await up(made)
                made.bridge.publish("greeting", b"hello")
                await until(lambda: bool(got))
            assert made.states == [(True, "")]
            told = await first_state(settings.model_copy(update={"version": "5"}))
            assert not told[0]

    with broker(tmp_path) as house:
        asyncio.run(scene())


@pytest.mark.parametrize(
    "nonsense", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\x20\xff\xff\xff"]
)
def test_what_is_no_broker_is_told_and_tried_again(nonsense: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(nonsense)
        writer.close()

    async def scene() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        connected, reason = await first_state(Mqtt(host="127.0.0.1", port=port))
        assert not connected
        assert str(port) in reason
        server.close()

    asyncio.run(scene())


def test_where_nothing_listens_is_named() -> None:
    connected, reason = asyncio.run(first_state(Mqtt(host="127.0.0.1", port=free_port())))
    assert not connected
    assert "nothing listens" in reason


@asynccontextmanager
async def old_broker(port: int, *, polite: bool) -> AsyncIterator[int]:
    """Stand before a broker and let nobody in who speaks MQTT 5, as brokers of 2017 did."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await reader.read(65_536)
        if hello[8] == 5:  # the protocol's level follows its name; CONNECT is shorter than 128
            if polite:
                writer.write(b"\x20\x02\x00\x01")  # CONNACK: unacceptable protocol version
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", port)
        back.write(hello)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(pump(reader, back))
            tasks.create_task(pump(there, writer))

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            sink.write(data)
        sink.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


def test_two_boxes_with_one_name_say_so_instead_of_only_throwing_each_other_off(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with box(house.settings) as first:
            await up(first)
            async with box(house.settings) as second:
                # at once where the broker tells who took over, else when it happens again
                await until(
                    lambda: any("second" in why for _, why in first.states + second.states)
                )

    with broker(tmp_path) as house:
        asyncio.run(scene())
