"""What the house may tell us and ask us: ``set/…`` and ``request/…`` (docs/mqtt.md)."""

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from appliance.errors import BrokerError
from appliance.mqtt import requests
from appliance.mqtt.bridge import MqttBridge
from appliance.mqtt.requests import Allowance, Asked
from appliance.mqtt.topics import Topics
from appliance.ports import Message, ReplyTo
from appliance.units import Seconds

log = logging.getLogger(__name__)

NONSENSE = "value"
"""Why: this value will not do."""

TOO_MANY = "too_many"
"""Why: so much cannot be said, or asked, in so short a time."""


class Commands(Protocol):
    """What the house may tell us. Event loop only; every method returns at once.

    Those that return a string may be refused: it is the reason in one word (``busy``, ``muted``,
    ``unavailable``), or empty.
    """

    def mute(self, *, muted: bool) -> None:
        """Close the microphone, or open it again."""
        ...

    def set_private(self, *, private: bool) -> None:
        """Let nothing leave the house any more, or let it again."""
        ...

    def set_backend(self, value: str) -> str:
        """Have a backend answer: a name, ``automatic``, or ``on the device`` (privacy mode)."""
        ...

    def stop(self) -> None:
        """Fall silent and go to rest."""
        ...

    def set_volume(self, level: int) -> None:
        """Set the volume, 0 to 100."""
        ...

    def set_chime_volume(self, level: int) -> None:
        """Set the volume of the short sounds, 0 to 100."""
        ...

    def set_alarm_volume(self, level: int) -> None:
        """Set the volume of alarms, 0 to 100."""
        ...

    def duck(self, *, soft: bool) -> None:
        """Make other players on this machine softer, or take that back."""
        ...

    def listen(self) -> str:
        """Listen, as after the wake word."""
        ...

    def say(self, text: str) -> str:
        """Say a text aloud as soon as nobody talks."""
        ...

    def ask(self, text: str) -> str:
        """Answer a text aloud as if it had been said."""
        ...

    def set_wake_word(self, word: str) -> str:
        """Listen for this word from now on; soon, for it must be loaded."""
        ...

    def set_sensitivity(self, sensitivity: float) -> str:
        """Hear wake words more easily, or less: 0 to 1; soon."""
        ...

    def describe(self) -> Mapping[str, object]:
        """Return what is true of the box now; nothing that anybody said."""
        ...


class CommandTopics:
    """Takes commands and requests from the broker. Event loop only.

    Args:
        bridge: The broker.
        own: Our topics.
        root: ``mqtt.root``.
        commands: What is done when the house tells us something.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        bridge: MqttBridge,
        own: Topics,
        *,
        root: str,
        commands: Commands,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bridge = bridge
        self._own = own
        self._root = root
        self._commands = commands
        self._clock = clock
        self._talk = Allowance(6, Seconds(3.0))
        self._all = Allowance(40, Seconds(0.05))
        verbs = self._verbs()
        asked = {name: verbs[name] for name in ANSWERED if name in verbs}
        asked |= {"state": lambda _: "", "ping": lambda _: ""}
        self._undo = [
            *(
                bridge.subscribe(own.command(name), partial(self._take, name, verb))
                for name, verb in verbs.items()
            ),
            *(
                bridge.subscribe(own.request(name), partial(self._answer, name, verb))
                for name, verb in asked.items()
            ),
        ]

    def close(self) -> None:
        """Take no more of either."""
        for undo in self._undo:
            undo()

    def _verbs(self) -> Mapping[str, "_Verb"]:
        commands = self._commands
        return {
            "mute": partial(_switched, lambda on: commands.mute(muted=on)),
            "private": partial(_switched, lambda on: commands.set_private(private=on)),
            "backend": lambda value: commands.set_backend(value[:100].lower()),
            "stop": partial(_stop, commands),
            "volume": partial(_levelled, commands.set_volume),
            "chime_volume": partial(_levelled, commands.set_chime_volume),
            "alarm_volume": partial(_levelled, commands.set_alarm_volume),
            "duck": partial(_switched, lambda on: commands.duck(soft=on)),
            "listen": lambda _: commands.listen(),
            "say": partial(self._talked, commands.say),
            "ask": partial(self._talked, commands.ask),
            "wake_word": lambda value: commands.set_wake_word(value[:100]),
            "sensitivity": partial(_sensitive, commands),
        }

    def _talked(self, take: "_Verb", value: str) -> str:
        text = requests.text(value)
        if text is None:
            return NONSENSE
        if not self._talk.take(Seconds(self._clock())):
            return TOO_MANY
        return take(text)

    def _allowed(self, message: Message) -> bool:
        if message.retained:  # a command that somebody left lying about is not for now
            log.warning("mqtt: a retained message on %s is ignored", message.topic)
            return False
        return self._all.take(Seconds(self._clock()))

    def _take(self, name: str, verb: "_Verb", message: Message) -> None:
        if not self._allowed(message):
            return
        asked = requests.read_command(message.payload)
        reason = NONSENSE if asked is None else verb(asked.value)
        if reason:
            log.warning("mqtt: set/%s: not done: %s", name, reason)
        else:
            log.info("mqtt: set/%s", name)

    def _answer(self, name: str, verb: "_Verb", message: Message) -> None:
        if not self._allowed(message):
            return
        asked = requests.read_request(message.payload)
        usual = self._own.response(name)
        topic = requests.answer_topic(self._root, usual, message.respond_to)
        if topic is None:
            reason = "response_topic"
        elif asked is None:
            reason = NONSENSE
        else:
            reason = verb(asked.value)
        log.info("mqtt: request/%s: %s", name, reason or "done")
        data = self._commands.describe() if name == "state" and not reason else None
        answer = requests.answer(asked or Asked(), reason, data)
        reply = None if message.correlation is None else ReplyTo("", message.correlation)
        try:
            self._bridge.publish(topic or usual, answer, reply=reply)
        except BrokerError as error:
            log.debug("mqtt: request/%s not answered: %s", name, error)


_Verb = Callable[[str], str]
"""Does something with a value; returns why not, or nothing."""

ANSWERED = ("say", "ask", "listen", "stop", "duck", "mute", "volume", "backend")
"""What can be asked for by ``request/…``, too; besides ``state`` and ``ping``."""


def _switched(take: Callable[[bool], None], value: str) -> str:
    on = requests.switch(value)
    if on is None:
        return NONSENSE
    take(on)
    return ""


def _levelled(take: Callable[[int], None], value: str) -> str:
    level = requests.level(value)
    if level is None:
        return NONSENSE
    take(level)
    return ""


def _sensitive(commands: Commands, value: str) -> str:
    sensitivity = requests.fraction(value)
    return NONSENSE if sensitivity is None else commands.set_sensitivity(sensitivity)


def _stop(commands: Commands, _value: str) -> str:
    commands.stop()
    return ""
