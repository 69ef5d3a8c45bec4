"""Confirming over a real broker, and what the gate remembers and writes down."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from appliance.app.box import Box
from appliance.app.gate import GatePart
from appliance.app.ground import Ground
from appliance.catalogue import ToolSpec
from appliance.config import Config
from appliance.events import ToolCalled
from appliance.host.audit_log import AuditLog
from appliance.host.pin_file import PinFile
from appliance.mqtt.bridge import MqttBridge
from appliance.mqtt.presence import topics
from appliance.ports import Challenge, Confirming, Message, ToolResult, Word
from appliance.timeline import Timeline
from appliance.tools import schema
from appliance.tools.gate import pin
from appliance.tools.plan import Act, Plan, Planned
from appliance.tools.registry import ToolRegistry
from appliance.units import CallId, ResponseId
from tests.broker import Broker, broker
from tests.house import WORDING, until
from tests.published import Watch, watched

TOPIC = "voice-appliance/box/confirmation"
CONFIRM = "voice-appliance/box/set/confirm"


@dataclass
class Home:
    """A box as far as its gate goes, and somebody's phone."""

    bridge: MqttBridge
    phone: MqttBridge
    tools: ToolRegistry
    part: GatePart
    done: list[str] = field(default_factory=list)
    seen: list[Message] = field(default_factory=list)
    told: list[Confirming] = field(default_factory=list)

    async def use(self, device: str) -> ToolResult:
        call = ToolCalled(CallId("1"), ResponseId("1"), device, {})
        return await self.tools.run(call)

    async def asked(self, device: str) -> Challenge:
        result = await self.use(device)
        assert result.challenge is not None
        return result.challenge

    def say(self, value: object) -> None:
        payload = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.phone.publish(CONFIRM, payload)

    async def shown(self) -> dict[str, object]:
        """Wait for what a phone shows."""
        await until(lambda: bool(self.seen and self.seen[-1].payload))
        shown = json.loads(self.seen[-1].payload)
        assert isinstance(shown, dict)
        return shown

    def confirming(self) -> list[Callable[[Message], None]]:
        """Return what takes messages on ``set/confirm``."""
        return [self.part._on_confirm]

    async def hidden(self) -> None:
        await until(lambda: bool(self.seen and not self.seen[-1].payload))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Broker]:
    with broker(tmp_path) as made:
        yield made


@pytest.fixture
def watch(running: Broker) -> Iterator[Watch]:
    """Every message of ours must be as its schema says."""
    with watched(running.port) as made:
        yield made


def _tool(home: Home, act: Act) -> Planned:
    async def run() -> ToolResult:
        home.done.append(act.device)
        return ToolResult("done", "Done.")

    plan = Plan((act,), run, f"Shall I use the {act.name}?")
    return Planned(ToolSpec(act.device, "Use.", schema.whole({})), lambda _: plan)


@asynccontextmanager
async def home(running: Broker, state: Path | None, **gate: object) -> AsyncIterator[Home]:
    mqtt = {"host": "127.0.0.1", "port": running.port}
    config = Config.model_validate({"device": {"id": "box"}, "mqtt": mqtt, "gate": gate})
    own = topics(config.mqtt.root, "box")
    bridge = MqttBridge(config.mqtt, device="box", availability=own.availability)
    phone = MqttBridge(config.mqtt, device="phone", availability="phones/one")
    tools = ToolRegistry(WORDING, None, settings=config.gate)
    part = GatePart(Ground(config, bridge, own, tools, WORDING, Timeline(), state))
    made = Home(bridge, phone, tools, part)
    acts = (
        Act("cover", "opening", "open", "garage", "garage door", "garage"),
        Act("lock", "lock", "unlocked", "door", "front door"),
    )
    tools.set_planned("devices", [_tool(made, act) for act in acts])
    tools.on_challenge(made.told.append)
    await part.prepare()
    phone.subscribe(TOPIC, made.seen.append)
    async with asyncio.TaskGroup() as group:
        group.create_task(bridge.run())
        group.create_task(phone.run())
        working = group.create_task(part.run())
        part.serve(cast("Box", None), lambda _: None)
        await until(lambda: bridge.connected and phone.connected)
        yield made
        part.leave()
        working.cancel()
        await bridge.close()
        await phone.close()


async def test_a_phone_sees_what_is_asked_confirms_it_and_it_is_done(
    running: Broker, watch: Watch, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    async with home(running, state) as made:
        challenge = await made.asked("garage")
        shown = await made.shown()
        assert shown["id"] == challenge.id
        assert shown["question"] == "Shall I use the garage door?"
        assert shown["pin"] is False
        made.say({"id": challenge.id, "answer": "yes"})
        await until(lambda: made.done == ["garage"])
        await made.hidden()
        made.say({"id": challenge.id, "answer": "yes"})  # a doubled message
        other = await made.asked("garage")
        await made.shown()
        made.say({"id": other.id, "answer": "no"})
        await made.hidden()
        assert made.done == ["garage"]
    await until(lambda: {"confirmation", "event-confirmation"} <= watch.used)
    lines = await asyncio.to_thread(lambda: list(AuditLog(state).lines()))
    decisions = [line["decision"] for line in lines]
    assert decisions == ["asked", "confirmed by phone", "asked", "denied"]


async def test_only_a_fresh_whole_word_to_the_very_question_counts(
    running: Broker, tmp_path: Path
) -> None:
    async with home(running, tmp_path / "state") as made:
        challenge = await made.asked("garage")
        await made.shown()
        for value in (
            {"id": "0123456789abcdef", "answer": "yes"},
            {"answer": "yes"},
            {"id": challenge.id},
            {"id": challenge.id, "answer": True},
            {"id": challenge.id, "answer": "YES"},
            {"id": [challenge.id], "answer": "yes"},
            {"id": challenge.id, "answer": "yes", "more": "x" * 2_000},
            [challenge.id, "yes"],
            b"yes",
            b"\xff",
            b"",
            b"[" * 900,
        ):
            made.say(value)
        made.say({"id": challenge.id, "answer": "no"})  # behind all the others
        await made.hidden()
        assert made.done == []


async def test_a_yes_that_lies_about_confirms_nothing(running: Broker, tmp_path: Path) -> None:
    async with home(running, tmp_path / "state") as made:
        challenge = await made.asked("garage")
        yes = json.dumps({"id": challenge.id, "answer": "yes"}).encode()
        for handler in made.confirming():
            handler(Message(CONFIRM, yes, retained=True))
        await asyncio.sleep(0.1)
        assert made.done == []
        for handler in made.confirming():
            handler(Message(CONFIRM, yes))
        await until(lambda: made.done == ["garage"])


async def test_a_phone_cannot_say_the_pin(running: Broker, tmp_path: Path) -> None:
    state = tmp_path / "state"
    await asyncio.to_thread(PinFile(state).write, pin.hashed("2468"))
    async with home(running, state) as made:
        challenge = await made.asked("door")
        assert (await made.shown())["pin"] is True
        for more in ({}, {"pin": "2468"}):
            made.say({"id": challenge.id, "answer": "yes", **more})
        await asyncio.sleep(0.3)
        assert made.done == []
        assert made.tools.open() == challenge
        result = await made.tools.settle(challenge.id, Word(yes=True, pin="2468"))
        assert result.status == "done"
        await made.hidden()
        second = await made.asked("door")
        await made.shown()
        made.say({"id": second.id, "answer": "no"})  # a no is never wrong
        await made.hidden()
        assert made.done == ["door"]


async def test_where_phones_may_not_confirm_they_do_not(running: Broker, tmp_path: Path) -> None:
    async with home(running, tmp_path / "state", phone=False) as made:
        challenge = await made.asked("garage")
        made.say({"id": challenge.id, "answer": "yes"})
        await asyncio.sleep(0.3)
        assert made.done == []
        assert made.tools.open() == challenge


async def test_a_lockout_outlives_a_restart_and_a_broken_memory_is_one(
    running: Broker, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    await asyncio.to_thread(PinFile(state).write, pin.hashed("2468"))
    async with home(running, state, tries=1) as made:
        challenge = await made.asked("door")
        result = await made.tools.settle(challenge.id, Word(yes=True, pin="1111"))
        assert result.say == WORDING.answers["pin_locked"]
    async with home(running, state, tries=1) as made:
        assert (await made.use("door")).say == WORDING.answers["pin_locked"]
    for file in ("gate.json", "gate.old"):
        await asyncio.to_thread((state / file).write_bytes, b"{broken")
    async with home(running, state, tries=1) as made:
        assert (await made.use("door")).say == WORDING.answers["pin_locked"]


async def test_a_command_beside_the_box_writes_nothing(
    running: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    monkeypatch.setenv("STATE_DIRECTORY", str(state))
    async with home(running, None) as made:
        await made.asked("garage")
        assert (await made.use("door")).say == WORDING.answers["no_pin"]
    assert not await asyncio.to_thread(state.exists)
