"""Other boxes that heard the same call: one of them answers."""

import asyncio
import logging
from collections.abc import Callable
from uuid import uuid4

from appliance import turn
from appliance.app.box import Box
from appliance.app.ground import Ground, Part
from appliance.errors import BrokerError
from appliance.events import Happening, ReplyStarted, StopAsked, WakeWordHeard
from appliance.mqtt import arbitration
from appliance.mqtt.arbitration import Answered, Called, Connected, Event, Publish, State, Withdraw
from appliance.ports import Message
from appliance.timeline import Entry
from appliance.units import Seconds

log = logging.getLogger(__name__)


class Rivals(Part):
    """Claims calls, and withdraws from those that another box answers. Event loop only."""

    def __init__(self, ground: Ground) -> None:
        config = ground.config
        self._bridge = ground.bridge
        self._wanted = config.household.arbitrate
        self._topic = f"{config.mqtt.root}/zones/{config.household.zone}/wake"
        self._state = State(config.device.id, uuid4().hex)
        self._box: Box | None = None
        self._undo: Callable[[], None] | None = None

    def serve(self, box: Box, say: Callable[[str], None]) -> None:  # noqa: ARG002 - as every part
        """Speak for this box."""
        if not self._wanted:
            return
        self._box = box
        self._undo = self._bridge.subscribe(self._topic, self._on_message)
        box.timeline.tell(self)
        if self._bridge.connected:
            self._take(Connected())

    def leave(self) -> None:
        """Speak for nobody."""
        self._box = None
        if self._undo is not None:
            self._undo()
            self._undo = None

    def connection(self, *, up: bool) -> None:
        """Greet the others."""
        if up and self._box is not None:
            self._take(Connected())

    def note(self, happening: Happening, at: Seconds) -> None:  # noqa: ARG002 - as every observer
        """Claim what this box has heard."""
        if self._box is None:
            return
        match happening:
            case WakeWordHeard(word=word, score=score):
                busy = not isinstance(self._box.conversation.state, turn.Idle)
                self._take(Called(uuid4().hex, word[:64], max(0.0, min(1.0, score)), busy=busy))
            case ReplyStarted():
                self._take(Answered())
            case _:
                pass

    def _on_message(self, message: Message) -> None:
        read = None if message.retained else arbitration.read(message.payload)
        if read is not None:
            self._take(read)

    def _take(self, event: Event) -> None:
        now = Seconds(asyncio.get_running_loop().time())
        taken = arbitration.step(self._state, event, now)
        self._state = taken.state
        for effect in taken.effects:
            match effect:
                case Publish(message=message):
                    try:
                        self._bridge.publish(self._topic, arbitration.write(message), qos=0)
                    except BrokerError:
                        log.debug("no broker: nobody else can know that this box was called")
                case Withdraw(to=to):
                    self._withdraw(to)

    def _withdraw(self, to: str) -> None:
        box = self._box
        if box is None:
            return
        log.info("another box answers: %.64s", to)
        box.timeline.say(Entry("yields", box.now(), f"{to[:64]} answers"))
        box.put(StopAsked())
