"""Other boxes of the house: where they are, messages to their rooms, and messages to ours."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from importlib.metadata import version
from uuid import uuid4

from appliance.app.box import Box
from appliance.app.ground import Ground, Part
from appliance.catalogue import IntentBinding, ToolSpec
from appliance.errors import BrokerError
from appliance.mqtt import rooms
from appliance.mqtt.rooms import EVERYWHERE, About, Saying
from appliance.ports import Message, ToolResult
from appliance.tools import schema
from appliance.tools.plan import Act, Plan, Planned
from appliance.tools.wording import Wording
from appliance.units import Seconds

log = logging.getLogger(__name__)

PATIENCE = Seconds(1.5)
"""For the first box that says a message."""

MOST = 10
"""Messages that are said in ``SPAN``; more are noise, whoever sends them."""

SPAN = Seconds(60.0)

VERSION = version("voice-appliance")
"""Ours."""

MOST_BOXES = 512
"""Of which anything is remembered."""


class Rooms(Part):
    """The boxes of the house, and what is said from one to the other. Event loop only."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._words = ground.words
        self._device = ground.config.device
        self._root = ground.config.mqtt.root
        self._zone = f"{self._root}/zones/{ground.config.household.zone}"
        self._boxes: dict[str, About] = {}
        self._online: set[str] = set()
        self._followed: dict[str, Callable[[], None]] = {}
        self._seen: deque[str] = deque(maxlen=256)
        self._said_at: deque[float] = deque(maxlen=MOST)
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._say: Callable[[str], None] | None = None
        self._undo: list[Callable[[], None]] = []
        bridge = ground.bridge
        bridge.subscribe(f"{self._zone}/boxes/+", self._on_about)
        bridge.subscribe(f"{self._zone}/boxes/{self._device.id}/said", self._on_said)

    def serve(self, box: Box, say: Callable[[str], None]) -> None:  # noqa: ARG002 - as every part
        """Say in this box's room what others send."""
        self._say = say
        bridge = self._ground.bridge
        household = self._ground.config.household
        about = About(self._device.name, self._device.area, household.zone, VERSION)
        bridge.retain(f"{self._zone}/boxes/{self._device.id}", rooms.write_about(about))
        if not household.intercom:
            return
        here = {EVERYWHERE, *([rooms.slug(self._device.area)] if self._device.area else [])}
        for room in sorted(here):
            self._undo.append(bridge.subscribe(f"{self._zone}/rooms/{room}/say", self._on_saying))
            self._undo.append(bridge.subscribe(f"{self._zone}/rooms/{room}/timer", self._on_timer))

    def leave(self) -> None:
        """Say nothing any more."""
        self._say = None
        for undo in self._undo:
            undo()
        self._undo.clear()

    def rooms(self) -> Mapping[str, str]:
        """Return the rooms with boxes that are there now, without our own: slug → as said."""
        found: dict[str, str] = {}
        for name, about in self._boxes.items():
            if name != self._device.id and name in self._online and about.area:
                found[rooms.slug(about.area)] = about.area
        return dict(sorted(found.items()))

    def _on_about(self, message: Message) -> None:
        name = message.topic.split("/")[-1]
        about = rooms.read_about(message.payload)
        if about is None:
            self._boxes.pop(name, None)
            self._follow(name, wanted=False)
        elif name in self._boxes or len(self._boxes) < MOST_BOXES:
            self._boxes[name] = about
            self._follow(name, wanted=True)
        self._renew()

    def _follow(self, name: str, *, wanted: bool) -> None:
        """Take note whether a box is there; only boxes of our zone, not all of a hotel's."""
        if wanted and name not in self._followed:
            topic = f"{self._root}/{name}/availability"
            self._followed[name] = self._ground.bridge.subscribe(topic, self._on_availability)
        elif not wanted and name in self._followed:
            self._followed.pop(name)()
            self._online.discard(name)

    def _on_availability(self, message: Message) -> None:
        name = message.topic.split("/")[-2]
        if message.payload == b"online":
            self._online.add(name)
        else:
            self._online.discard(name)
        self._renew()

    def _renew(self) -> None:
        others = self._online & self._boxes.keys() - {self._device.id}
        tools = (_announce(self._words, self.rooms(), self._plan),) if others else ()
        self._ground.tools.set_planned("rooms", tools)

    def _plan(self, arguments: Mapping[str, object]) -> Plan | ToolResult:
        room, text = str(arguments["room"]), rooms.clean(str(arguments["message"]))
        if not text:
            return ToolResult("rejected", self._words.answers["unfit"])
        act = Act("builtin", "announce", room, device=f"room_{room}")
        return Plan((act,), lambda: self._announce(room, text))

    async def _announce(self, room: str, text: str) -> ToolResult:
        saying = Saying(uuid4().hex, self._device.id, self._device.area or "", text)
        future = asyncio.get_running_loop().create_future()
        self._waiting[saying.id] = future
        self._seen.append(saying.id)  # not to ourselves
        try:
            self._ground.bridge.publish(
                f"{self._zone}/rooms/{room}/say", rooms.write_saying(saying)
            )
            async with asyncio.timeout(PATIENCE):
                await future
        except BrokerError:
            return ToolResult("failed", self._words.answers["no_house"])
        except TimeoutError:
            return ToolResult("unconfirmed", self._words.answers["nobody_there"])
        finally:
            del self._waiting[saying.id]
        return ToolResult("done", self._words.text("announce", "say"), {"room": room})

    def _on_said(self, message: Message) -> None:
        name = None if message.retained else rooms.read_said(message.payload)
        future = self._waiting.get(name or "")
        if future is not None and not future.done():
            future.set_result(None)

    def _on_saying(self, message: Message) -> None:
        saying = None if message.retained else rooms.read_saying(message.payload)
        if saying is None or self._say is None or saying.box == self._device.id:
            return
        if saying.id and saying.id in self._seen:
            return
        now = asyncio.get_running_loop().time()
        if len(self._said_at) == MOST and now - self._said_at[0] < SPAN:
            log.warning("too many messages for this room: one is not said")
            return
        self._seen.append(saying.id)
        self._said_at.append(now)
        values = {"room": saying.room, "text": saying.text}
        self._say(self._words.say("announce", "heard", values))
        if saying.box and "/" not in saying.box and not set("+#$") & set(saying.box):
            self._answer(saying)

    def _answer(self, saying: Saying) -> None:
        topic = f"{self._zone}/boxes/{saying.box}/said"
        try:
            self._ground.bridge.publish(topic, rooms.write_said(saying.id, self._device.id))
        except BrokerError:
            log.debug("a message was said, but nobody can be told")

    def _on_timer(self, message: Message) -> None:
        """Hand a timer for this room to our own timers, as if it had been sent to this box."""
        if message.retained or len(message.payload) > rooms.LARGEST:
            return
        try:
            self._ground.bridge.publish(f"{self._ground.own.root}/set/timer", message.payload)
        except BrokerError:
            log.debug("a timer for this room came as the connection broke")


def _announce(
    words: Wording,
    known: Mapping[str, str],
    plan: Callable[[Mapping[str, object]], Plan | ToolResult],
) -> Planned:
    name = "announce"
    forms: dict[str, list[str]] = {slug: [said] for slug, said in known.items()}
    spec = ToolSpec(
        name=name,
        description=words.text(name, "description"),
        parameters=schema.whole(
            {
                "properties": {
                    "room": {
                        "type": "string",
                        "enum": [EVERYWHERE, *known],
                        "default": EVERYWHERE,
                        "x-say": {EVERYWHERE: list(words.texts(name, "everywhere")), **forms},
                        "description": words.text(name, "room"),
                    },
                    "message": {
                        "type": "string",
                        "maxLength": rooms.LONGEST,
                        "description": words.text(name, "message"),
                    },
                },
                "required": ["message"],
            }
        ),
        examples=words.texts(name, "examples"),
        intents=(IntentBinding("HassBroadcast", slots={"message": "message"}),),
    )
    return Planned(spec, plan)
