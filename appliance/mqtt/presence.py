"""What the appliance tells the house of itself, and what it can be told (docs/mqtt.md).

Topics below ``<root>/<id>``: ``availability``, ``state``, ``backend``, ``money`` and ``volume``
(retained), ``event``, ``duck`` and ``unduck``; and, to us, ``set/mute``, ``set/private``,
``set/stop``, ``set/volume``, ``set/chime_volume``, ``set/alarm_volume`` and ``set/duck``. Never
speech, never a transcript.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Protocol

from appliance.errors import BrokerError
from appliance.events import (
    BackendChanged,
    CallAnswered,
    Happening,
    SpeechEnded,
    WakeWordHeard,
)
from appliance.mqtt.bridge import MqttBridge
from appliance.ports import Cue, Message
from appliance.units import Seconds

log = logging.getLogger(__name__)

BILL_PAUSE = Seconds(3.0)
"""Between two publications of what was spent: a turn is booked in several parts."""

_PHASES: Mapping[Cue, str] = {
    Cue.IDLE: "idle",
    Cue.LISTENING: "listening",
    Cue.PROMPT: "listening",
    Cue.THINKING: "thinking",
    Cue.SPEAKING: "speaking",
    Cue.UNHEARD: "idle",
    Cue.MUTED: "muted",
    Cue.FAILED: "error",
}


@dataclass(frozen=True, slots=True)
class Topics:
    """Our own topics."""

    root: str
    """``<root>/<id>``."""

    @property
    def availability(self) -> str:
        """``online`` or ``offline``."""
        return f"{self.root}/availability"

    @property
    def state(self) -> str:
        """``{"phase": …}``."""
        return f"{self.root}/state"

    @property
    def backend(self) -> str:
        """``{"name": …}``."""
        return f"{self.root}/backend"

    @property
    def money(self) -> str:
        """``{"day_usd": …}``."""
        return f"{self.root}/money"

    @property
    def volume(self) -> str:
        """``{"volume": …}``."""
        return f"{self.root}/volume"

    @property
    def event(self) -> str:
        """``{"type": …}``."""
        return f"{self.root}/event"

    @property
    def duck(self) -> str:
        """Players of the house should be softer now."""
        return f"{self.root}/duck"

    @property
    def unduck(self) -> str:
        """They should be as they were."""
        return f"{self.root}/unduck"

    @property
    def replies(self) -> str:
        """Under it come the answers to our requests, one level for each tool."""
        return f"{self.root}/response"


def topics(root: str, device: str) -> Topics:
    """Return the topics of one appliance."""
    return Topics(f"{root}/{device}")


@dataclass(frozen=True, slots=True)
class Bill:
    """What was spent, as the house is told."""

    day_usd: float
    month_usd: float
    day_cap_usd: float | None = None
    month_cap_usd: float | None = None
    state: str = "ok"
    """``ok``, ``warned`` or ``exhausted``."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Who answers, as the house is told."""

    name: str = ""
    """As in ``backend.order``; empty until it is known."""

    reason: str = ""
    """As in ``BackendChanged``."""

    private: bool = False
    """Whether nothing may leave the house."""


@dataclass(frozen=True, slots=True)
class Shown:
    """How loud the box is, as the house is told; 0 to 100 each."""

    volume: int
    """Of voice and chimes: what holds now."""

    chime_volume: int
    """Of chimes, within that."""

    alarm_volume: int

    quiet: bool = False
    """Whether it is quiet hours."""


class Commands(Protocol):
    """What the house may tell us. Event loop only."""

    def mute(self, *, muted: bool) -> None:
        """Close the microphone, or open it again."""
        ...

    def set_private(self, *, private: bool) -> None:
        """Let nothing leave the house any more, or let it again."""
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


class Presence:
    """Publishes phase and events; takes commands. Event loop only.

    Implements ``ports.Indicator`` and ``ports.Observer``, so that it can stand beside the others.

    Args:
        bridge: The broker.
        own: Our topics.
        commands: What is done when the house tells us something.
    """

    def __init__(self, bridge: MqttBridge, own: Topics, commands: Commands) -> None:
        self._bridge = bridge
        self._own = own
        self._commands = commands
        self._serving = Serving()
        self._bill: Bill | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._untold: Callable[[], None] | None = None
        self._undo = [
            bridge.subscribe(f"{own.root}/set/{name}", self._command(name, handler))
            for name, handler in (
                ("mute", self._mute),
                ("private", self._private),
                ("stop", self._stop),
                ("volume", partial(_level, commands.set_volume)),
                ("chime_volume", partial(_level, commands.set_chime_volume)),
                ("alarm_volume", partial(_level, commands.set_alarm_volume)),
                ("duck", self._duck),
            )
        ]
        self.show(Cue.IDLE)

    def show(self, cue: Cue) -> None:
        """Publish the phase that a cue stands for."""
        self._bridge.retain(self._own.state, _json({"phase": _PHASES[cue]}))

    def note(self, happening: Happening, at: Seconds) -> None:
        """Publish what others in the house may want to act on; nothing that anybody said."""
        match happening:
            case WakeWordHeard(word=word):
                event: dict[str, object] = {"type": "wake", "word": word}
            case SpeechEnded():
                event = {"type": "turn_end"}
            case BackendChanged(name=name, reason=reason):
                self._show(replace(self._serving, name=name, reason=reason))
                return
            case CallAnswered(tool=tool, status=status, took=took):
                event = {"type": "tool", "tool": tool, "status": status, "took_s": round(took, 3)}
            case _:
                return
        try:
            self._bridge.publish(self._own.event, _json({**event, "at_s": round(at, 3)}))
        except BrokerError as error:
            log.debug("mqtt: event %s not told: %s", event["type"], error)

    def show_serving(self, name: str, reason: str) -> None:
        """Publish who answers, and why; what changes later ``note`` sees."""
        self._show(replace(self._serving, name=name, reason=reason))

    def show_private(self, *, private: bool) -> None:
        """Publish whether anything may leave the house."""
        self._show(replace(self._serving, private=private))

    def show_money(self, bill: Bill) -> None:
        """Publish what was spent: now, or the latest after a pause. Needs a running loop."""
        self._bill = bill
        if self._pause is None:
            self._tell_bill()

    def show_volumes(self, shown: Shown) -> None:
        """Publish how loud the box is."""
        self._bridge.retain(self._own.volume, _json(asdict(shown)))

    def show_ducking(self, *, soft: bool, by_db: float) -> None:
        """Tell the players of the house to be softer, or to be as they were.

        What cannot be told now is told once there is a broker again (``reconnected``), so that no
        player stays soft because a message was lost.
        """
        topic = self._own.duck if soft else self._own.unduck
        try:
            self._bridge.publish(topic, _json({"by_db": by_db}))
        except BrokerError as error:
            log.debug("mqtt: ducking not told: %s", error)
            self._untold = None if soft else partial(self.show_ducking, soft=False, by_db=by_db)
        else:
            self._untold = None

    def reconnected(self) -> None:
        """Tell what could not be told before."""
        if self._untold is not None:
            self._untold()

    def _show(self, serving: Serving) -> None:
        self._serving = serving
        self._bridge.retain(self._own.backend, _json(asdict(serving)))

    def _tell_bill(self) -> None:
        self._pause = None
        if self._bill is None:  # nothing new since the last time
            return
        self._bridge.retain(self._own.money, _json(asdict(self._bill)))
        self._bill = None
        self._pause = asyncio.get_running_loop().call_later(BILL_PAUSE, self._tell_bill)

    def close(self) -> None:
        """Take no more commands, and publish nothing more by ourselves."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        for undo in self._undo:
            undo()

    def _command(self, name: str, handler: Callable[[str], bool]) -> Callable[[Message], None]:
        def take(message: Message) -> None:
            if message.retained:  # a command that somebody left lying about is not for now
                log.warning("mqtt: a retained command on set/%s is ignored", name)
                return
            text = message.payload[:64].decode(errors="replace").strip().lower()
            if handler(text):
                log.info("mqtt: set/%s", name)
            else:
                log.warning("mqtt: set/%s: this value will not do", name)

        return take

    def _mute(self, text: str) -> bool:
        if text not in _SWITCH:
            return False
        self._commands.mute(muted=_SWITCH[text])
        return True

    def _private(self, text: str) -> bool:
        if text not in _SWITCH:
            return False
        self._commands.set_private(private=_SWITCH[text])
        return True

    def _stop(self, _text: str) -> bool:
        self._commands.stop()
        return True

    def _duck(self, text: str) -> bool:
        if text not in _SWITCH:
            return False
        self._commands.duck(soft=_SWITCH[text])
        return True


def _level(take: Callable[[int], None], text: str) -> bool:
    if not (text.isascii() and text.isdecimal()) or int(text) > 100:
        return False
    take(int(text))
    return True


_SWITCH: Mapping[str, bool] = {"on": True, "true": True, "off": False, "false": False}


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
