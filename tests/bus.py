"""A working stand-in for ``ports.ActionBus``."""

from collections.abc import Callable
from dataclasses import dataclass, field

from appliance.errors import BrokerError
from appliance.ports import Message, ReplyTo


@dataclass
class FakeBus:
    """Remembers what was published; says what the test lets the house say."""

    connected: bool = True
    published: list[tuple[str, bytes]] = field(default_factory=list)
    replies: list[ReplyTo | None] = field(default_factory=list)
    handlers: dict[str, list[Callable[[Message], None]]] = field(default_factory=dict)

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, reply: ReplyTo | None = None
    ) -> None:
        assert qos in (0, 1)
        if not self.connected:
            raise BrokerError("not connected")
        self.published.append((topic, payload))
        self.replies.append(reply)

    def subscribe(
        self, topic: str, handler: Callable[[Message], None], *, qos: int = 1
    ) -> Callable[[], None]:
        assert qos in (0, 1)
        self.handlers.setdefault(topic, []).append(handler)

        def undo() -> None:
            self.handlers[topic].remove(handler)
            if not self.handlers[topic]:
                del self.handlers[topic]

        return undo

    def say(
        self,
        topic: str,
        payload: bytes,
        *,
        retained: bool = False,
        correlation: bytes | None = None,
    ) -> None:
        """Let the house say something now."""
        for handler in tuple(self.handlers.get(topic, ())):
            handler(Message(topic, payload, retained, correlation))
