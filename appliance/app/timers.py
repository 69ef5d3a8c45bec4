"""Timers, alarms and reminders of this box (docs/timers.md).

Below ``<root>/<id>``: ``timers`` (retained), an ``event`` of the type ``timer`` for each thing
that happens to one, and, to us, ``set/timer``.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import UTC, tzinfo
from pathlib import Path
from threading import Lock

from appliance.app.box import Box
from appliance.app.ground import Ground, Part
from appliance.app.indicators import CHIME_RATE
from appliance.app.ringer import Peal, Ringer
from appliance.audio.chimes import Chime, make_chimes
from appliance.errors import BrokerError
from appliance.events import CallAnswered, Happening, StopAsked
from appliance.host import clocks
from appliance.host.flushed import replace_bytes
from appliance.ports import Message
from appliance.timeline import Entry
from appliance.tools.asker import coming_from
from appliance.tools.timers import machine
from appliance.tools.timers.desk import Desk
from appliance.tools.timers.keeper import Keeper, Shelf
from appliance.tools.timers.later import Later
from appliance.tools.timers.model import Happened, Item, Kind, Limits, Now, Told, What
from appliance.tools.timers.offer import timer_tools
from appliance.tools.timers.orders import Orders
from appliance.tools.timers.telling import Teller
from appliance.units import Seconds

log = logging.getLogger(__name__)

FILE = "timers.json"

SETTLING = Seconds(5.0)
"""From a start until it is told what was missed: first there must be a voice."""

LONGEST = 4_000
"""Bytes of a command."""

_STOPS = frozenset({"stop", "nevermind"})
"""Tools by which people stop what rings, too."""


class Timers(Part):
    """Joins the keeper with the file, the box, the tools and the broker. Event loop only."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._zone: tzinfo = UTC
        self._boot = ""
        settings = ground.config.timers
        shelf = None if ground.state is None else _shelf(ground.state / FILE)
        limits = Limits(settings.most, settings.ring_s, settings.snooze_s)
        self.keeper = Keeper(self._moment, limits, shelf=shelf, tell=self._happened)
        """Keeps them."""

        self._teller = Teller(ground.words)
        self._desk = Desk(self.keeper, self._teller)
        self._orders = Orders(ground.words, self._desk)
        self._box: Box | None = None
        self._say: Callable[[str], None] = lambda _: None
        self._ringer: Ringer | None = None
        self._undo: list[Callable[[], None]] = []
        self._settled: asyncio.TimerHandle | None = None
        self._later = Later(ground.words, self._desk, ground.tools, self._desk.local)
        self._due: asyncio.Queue[Item] = asyncio.Queue()
        ground.tools.add_built_in(timer_tools(ground.words, self._desk, self._serves))
        ground.timeline.tell(self)

    async def prepare(self) -> None:
        """Read what was set in an earlier life, and where and when we are."""
        self._zone = await asyncio.to_thread(clocks.zone)
        self._boot = await asyncio.to_thread(clocks.boot)
        await self.keeper.load()

    def serve(self, box: Box, say: Callable[[str], None]) -> None:
        """Ring with this box from now on, and take commands."""
        self._box, self._say = box, say
        sounds = make_chimes(CHIME_RATE, peak_db=self._ground.config.audio.chime_gain_db)

        def chime(loud: bool) -> None:  # noqa: FBT001 - a callback
            sound = sounds[Chime.ALARM if loud else Chime.REMINDER]
            box.playback.chime(sound, CHIME_RATE, alarm=True)

        self._ringer = Ringer(chime, say)
        box.cues.append(self._ringer.show)
        box.pressed.append(self._pressed)
        topic = f"{self._ground.own.root}/set/timer"
        self._undo.append(self._ground.bridge.subscribe(topic, self._on_order))
        self._ground.tools.set_planned("timers", [self._later.tool()])
        self._settled = asyncio.get_running_loop().call_later(SETTLING, self._tell_missed)
        self._show()

    def leave(self) -> None:
        """Ring no more; what is set goes on in the file."""
        for undo in self._undo:
            undo()
        self._undo.clear()
        if self._settled is not None:
            self._settled.cancel()
            self._settled = None
        if self._ringer is not None:
            self._ringer.close()
            self._ringer = None
        self._ground.tools.set_planned("timers", ())
        self._box, self._say = None, lambda _: None

    async def run(self) -> None:
        """Let time pass, until cancelled; the last word is on the disk then."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.keeper.run(), name="timers.keeper")
                while True:
                    item = await self._due.get()
                    await self.keeper.kept()  # rather not at all than twice
                    group.create_task(self._do(item), name="timers.later")
        finally:
            await self.keeper.close()

    def note(self, happening: Happening, at: Seconds) -> None:  # noqa: ARG002 - as every observer
        """Take note that somebody asked for silence (``ports.Observer``)."""
        match happening:
            case StopAsked():
                self._desk.stop_ringing()
            case CallAnswered(tool=tool) if tool in _STOPS:
                self._desk.stop_ringing()
            case _:
                pass

    async def _do(self, item: Item) -> None:
        """Carry out what was put off, and say so if it went wrong."""
        with coming_from("timer"):
            said = await self._later.carry_out(item)
        if said:
            self._say(said)

    def _serves(self) -> bool:
        return self._box is not None

    def _pressed(self) -> bool:
        """Take the talk button for a "stop" while something rings."""
        return self._desk.stop_ringing()

    def _moment(self) -> Now:
        return Now(
            clocks.since_start(), clocks.wall(), self._boot, self._zone, sure=clocks.is_set()
        )

    # ---------------------------------------------------------------------------- what happens

    def _happened(self, happened: tuple[Happened, ...]) -> None:
        for one in happened:
            log.info("timers: %s %s %s", one.item.wish.kind, one.item.id, one.what)
            self._publish(one)
            if one.what is What.ENDED and one.item.wish.kind is Kind.ACTION:
                self._due.put_nowait(one.item)
        if self.keeper.state.missed and self._settled is None:
            self._tell_missed()
        self._show()

    def _publish(self, one: Happened) -> None:
        if self._box is None:
            return
        wish = one.item.wish
        event: dict[str, object] = {
            "type": "timer",
            "what": one.what.value,
            "id": one.item.id,
            "kind": wish.kind.value,
        }
        self._ground.timeline.say(Entry("timer", self._box.now(), data=dict(event)))
        if self._ground.config.homeassistant.speech:
            event["name"] = wish.name or wish.text
        try:
            self._ground.bridge.publish(self._ground.own.event, _json(event))
        except BrokerError as error:
            log.debug("mqtt: a timer was not told: %s", error)

    def _show(self) -> None:
        """Let be heard and seen what there is now."""
        if self._box is None or self._ringer is None:
            return
        self._ringer.ring(self._peal())
        rows = self._desk.rows(speech=self._ground.config.homeassistant.speech)
        self._ground.bridge.retain(f"{self._ground.own.root}/timers", _json(rows))

    def _peal(self) -> Peal:
        items = machine.ringing(self.keeper.state)
        sentences = (self._teller.over(item) for item in items)
        loud = any(item.wish.kind is not Kind.REMINDER for item in items)
        return Peal(tuple(dict.fromkeys(sentences)), loud)

    def _tell_missed(self) -> None:
        self._settled = None
        missed = self.keeper.state.missed
        if self._box is None or not missed:
            return
        for one in missed:
            self._say(self._teller.missed(one, self._zone))
        self.keeper.do(Told(frozenset(one.id for one in missed)))

    def _on_order(self, message: Message) -> None:
        if message.retained:  # a timer that lies about would start at every connection
            log.warning("mqtt: a retained message on set/timer is ignored")
            return
        problem = self._orders.take(message.payload) if len(message.payload) <= LONGEST else "long"
        if problem:
            log.warning("mqtt: set/timer: %s", problem)


def _shelf(path: Path) -> Shelf:
    """Return how the file is read and replaced; one after the other, whichever thread asks."""
    lock = Lock()

    def load() -> bytes | None:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None

    def save(data: bytes) -> None:
        with lock:
            replace_bytes(path, data)

    return Shelf(load, save)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
