"""What is subscribed to: who is called for a message, and how the broker is asked for thousands.

A house has thousands of topics and a thousand messages a second, so a plain topic is looked up,
and filters with wildcards are a tree.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from paho.mqtt.matcher import MQTTMatcher

from appliance.mqtt.connection import Connection
from appliance.ports import Message

Handler = Callable[[Message], None]

TOGETHER = 200
"""Filters in one packet. The next packet waits for the broker's word on the last one: mosquitto
keeps 1,000 messages for a client and throws the others away, also retained ones."""


class Subscriptions:
    """Filters, their handlers, and what the broker has yet to be asked for. Event loop only."""

    def __init__(self) -> None:
        self._plain: dict[str, list[Handler]] = {}
        self._wild: dict[str, list[Handler]] = {}
        self._tree: Any = MQTTMatcher()  # type: ignore[no-untyped-call]  # of the same lists
        self._patient: set[str] = set()
        self._waiting: deque[str] = deque()
        self._asked: int | None = None
        self._connection: Connection | None = None

    def add(self, topic: str, handler: Handler, *, qos: int) -> Callable[[], None]:
        """Add a handler; see ``ports.ActionBus.subscribe``."""
        table = self._wild if "+" in topic or "#" in topic else self._plain
        impatient = topic in table and topic not in self._patient
        handlers = table.setdefault(topic, [])
        handlers.append(handler)
        if table is self._wild:
            self._tree[topic] = handlers
        if qos == 0 and not impatient:
            self._patient.add(topic)
            self._waiting.append(topic)
            self._ask_on()
        else:
            self._patient.discard(topic)
            if self._connection is not None:
                self._connection.subscribe((topic,))

        def undo() -> None:
            handlers = table.get(topic, [])
            if handler not in handlers:
                return
            handlers.remove(handler)
            if not handlers:
                del table[topic]
                if table is self._wild:
                    del self._tree[topic]
                self._patient.discard(topic)
                if self._connection is not None:
                    self._connection.unsubscribe(topic)

        return undo

    def opened(self, connection: Connection) -> None:
        """Ask a new connection for everything."""
        self._connection = connection
        self._asked = None
        filters = [*self._wild, *self._plain]
        at_once = [topic for topic in filters if topic not in self._patient]
        for begin in range(0, len(at_once), TOGETHER):
            connection.subscribe(at_once[begin : begin + TOGETHER])
        self._waiting = deque(topic for topic in filters if topic in self._patient)
        self._ask_on()

    def closed(self) -> None:
        """Ask nothing any more until there is another connection."""
        self._connection = None
        self._asked = None
        self._waiting.clear()

    def answered(self, number: int) -> None:
        """Take note that the broker has taken a subscription over."""
        if number == self._asked:
            self._asked = None
            self._ask_on()

    def hand_out(self, message: Message) -> None:
        """Call everybody who asked for this message."""
        for handler in tuple(self._plain.get(message.topic, ())):
            handler(message)
        for handlers in tuple(self._tree.iter_match(message.topic)):
            for handler in tuple(handlers):
                handler(message)

    def _ask_on(self) -> None:
        if self._connection is None:
            self._waiting.clear()  # a connection is asked for everything
            return
        if self._asked is not None:
            return
        together: list[str] = []
        while self._waiting and len(together) < TOGETHER:
            topic = self._waiting.popleft()
            if topic in self._patient:
                together.append(topic)
        if together:
            self._asked = self._connection.subscribe(together, qos=0)
