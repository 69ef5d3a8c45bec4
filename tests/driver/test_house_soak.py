"""A day in a house, in virtual time: devices speak, come and go; nothing is left behind."""

import asyncio
import gc
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from paho.mqtt.client import topic_matches_sub

from appliance.events import ToolCalled
from appliance.ports import Message, ReplyTo
from appliance.tools.devices.household import FoundHousehold
from appliance.tools.devices.ledger import Survey
from appliance.tools.devices.model import Source
from appliance.tools.devices.offer import offer
from appliance.tools.discovery.homeassistant.dialect import HomeAssistantDialect
from appliance.tools.registry import ToolRegistry
from appliance.units import CallId, ResponseId, Seconds
from tests.bus import FakeBus
from tests.house import WORDING
from tests.virtual_time import run_virtual

DEVICES = 60
HOUR = 3_600
WARM_HOURS, HOURS = 4, 24


@dataclass
class Town(FakeBus):
    """A broker with lamps and locks on it, which do what they are told."""

    retained: dict[str, bytes] = field(default_factory=dict)

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, reply: ReplyTo | None = None
    ) -> None:
        super().publish(topic, payload, qos=qos, reply=reply)
        del self.published[:-50], self.replies[:-50]
        if topic.endswith("/set"):
            state = topic.removesuffix("/set")
            asyncio.get_running_loop().call_later(0.05, self.tell, state, payload)

    def subscribe(
        self, topic: str, handler: Callable[[Message], None], *, qos: int = 1
    ) -> Callable[[], None]:
        undo = super().subscribe(topic, handler, qos=qos)
        for name, payload in tuple(self.retained.items()):
            if topic_matches_sub(topic, name):
                handler(Message(name, payload, retained=True))
        return undo

    def tell(self, topic: str, payload: bytes) -> None:
        """Publish something, retained."""
        self.retained[topic] = payload
        for wanted, handlers in tuple(self.handlers.items()):
            if wanted == topic or ("+" in wanted and topic_matches_sub(wanted, topic)):
                for handler in tuple(handlers):
                    handler(Message(topic, payload))

    def announce(self, number: int, *, name: str = "") -> None:
        """Announce a lamp, or every tenth time a lock."""
        kind = "lock" if number % 10 == 0 else "light"
        table = {
            "unique_id": f"thing-{number}",
            "name": name or f"{kind} {number}",
            "command_topic": f"x/{number}/set",
            "state_topic": f"x/{number}",
            "availability_topic": f"x/{number}/availability",
            "device": {"identifiers": [f"thing-{number}"]},
        }
        if kind == "light":
            table["payload_on"], table["payload_off"] = "on", "off"
        self.tell(f"homeassistant/{kind}/thing{number}/config", json.dumps(table).encode())

    def remove(self, number: int) -> None:
        """Take a device away."""
        kind = "lock" if number % 10 == 0 else "light"
        topic = f"homeassistant/{kind}/thing{number}/config"
        self.tell(topic, b"")
        for name in (topic, f"x/{number}", f"x/{number}/availability"):
            self.retained.pop(name, None)


async def _inline(
    function: Callable[..., Survey | None], *args: object, **named: object
) -> Survey | None:
    return function(*args, **named)


@dataclass
class Life:
    """The house and a day in it."""

    town: Town = field(default_factory=Town)
    chance: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311
    statuses: dict[str, int] = field(default_factory=dict)
    objects: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.registry = ToolRegistry(WORDING, None)
        dialect = (Source.HOMEASSISTANT, HomeAssistantDialect("homeassistant"))
        self.household = FoundHousehold(
            self.town, (dialect,), most=500, hidden=(), patience=Seconds(2.0), names=None
        )
        self.household.on_change(self.renew)

    def renew(self) -> None:
        tools = offer(self.household, WORDING, most_listed=20, area=None)
        self.registry.set_planned("devices", tools)

    async def call(self, tool: str, **arguments: object) -> None:
        wanted = ToolCalled(CallId("call"), ResponseId("reply"), tool, arguments)
        status = (await self.registry.run(wanted)).status
        self.statuses[status] = self.statuses.get(status, 0) + 1

    async def minute(self, minute: int) -> None:
        """Live for a minute."""
        for _ in range(20):
            number = self.chance.randrange(1, DEVICES)
            if number % 10:
                self.town.tell(f"x/{number}", self.chance.choice([b"on", b"off"]))
        if minute % 5 == 0:
            number = self.chance.choice([n for n in range(2, DEVICES) if n % 10])
            await self.call("control_light", device=f"light_{number}", state="on")
        if minute % 30 == 0:
            await self.call("control_lock", device="lock_10", action="unlock")
        if minute % 10 == 0:  # one goes, another comes, a third has a new name
            self.town.remove(DEVICES + minute // 10)
            self.town.announce(DEVICES + minute // 10 + 1)
            self.town.announce(1, name=f"light 1 {'x' * (minute // 10 % 3)}")
        if minute % 60 == 59:  # the broker is away for a while
            self.town.connected = False
            self.household.connection(up=False)
            await asyncio.sleep(20)
            self.town.connected = True
            self.household.connection(up=True)
            for topic, payload in tuple(self.town.retained.items()):
                self.town.tell(topic, payload)
        await asyncio.sleep(40)

    async def day(self) -> None:
        """Live for a day."""
        async with asyncio.TaskGroup() as group:
            finding = group.create_task(self.household._found.run(_inline))
            self.household.connection(up=True)
            for number in range(DEVICES):
                self.town.announce(number)
            await asyncio.sleep(5)
            for hour in range(HOURS):
                for minute in range(hour * 60, hour * 60 + 60):
                    await self.minute(minute)
                if hour + 1 in (WARM_HOURS, HOURS):
                    gc.collect()
                    self.objects[hour + 1] = len(gc.get_objects())
            finding.cancel()


def test_a_day_of_events_leaves_nothing_behind() -> None:
    life = Life()

    async def scene() -> None:
        await life.day()

    run_virtual(scene())
    done = life.statuses["done"] + life.statuses["unchanged"]
    assert done >= 280, life.statuses
    assert life.statuses.get("rejected", 0) + life.statuses.get("asked", 0) >= 48
    assert not [topic for topic, _ in life.town.published if topic == "x/10/set"]
    grown = life.objects[HOURS] / life.objects[WARM_HOURS]
    assert grown < 1.01, life.objects
