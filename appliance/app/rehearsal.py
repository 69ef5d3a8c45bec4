"""A house in which commands are only written down, to see what a call would do."""

from dataclasses import dataclass, field

from appliance.config.model import Mqtt
from appliance.mqtt.bridge import MqttBridge
from appliance.ports import ReplyTo
from appliance.tools.plan import Sent


@dataclass
class Rehearsal:
    """What would have been sent."""

    active: bool = False
    """From when on nothing is sent: finding devices may take questions to them."""

    sent: list[Sent] = field(default_factory=list)


class RehearsalBridge(MqttBridge):
    """Hears the real house and tells it nothing."""

    def __init__(
        self, settings: Mqtt, *, device: str, availability: str, rehearsal: Rehearsal
    ) -> None:
        super().__init__(settings, device=device, availability=availability)
        self._rehearsal = rehearsal

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, reply: ReplyTo | None = None
    ) -> None:
        """Write a command down, or send it before the rehearsal has begun."""
        if self._rehearsal.active:
            self._rehearsal.sent.append(Sent(topic, payload))
        else:
            super().publish(topic, payload, qos=qos, reply=reply)
