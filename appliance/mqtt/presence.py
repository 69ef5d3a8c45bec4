"""What the appliance tells the house of itself, and what it can be told (docs/mqtt.md).

Topics below ``<root>/<id>``: ``availability`` and ``state`` (retained), ``event``; and, to us,
``set/mute``, ``set/stop`` and ``set/volume``. Never speech, never a transcript.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from appliance.errors import BrokerError
from appliance.events import CallAnswered, Happening, SpeechEnded, WakeWordHeard
from appliance.mqtt.bridge import MqttBridge
from appliance.ports import Cue, Message
from appliance.units import Seconds

log = logging.getLogger(__name__)

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
    def event(self) -> str:
        """``{"type": …}``."""
        return f"{self.root}/event"

    @property
    def replies(self) -> str:
        """Under it come the answers to our requests, one level for each tool."""
        return f"{self.root}/response"


def topics(root: str, device: str) -> Topics:
    """Return the topics of one appliance."""
    return Topics(f"{root}/{device}")


class Commands(Protocol):
    """What the house may tell us. Event loop only."""

    def mute(self, *, muted: bool) -> None:
        """Close the microphone, or open it again."""
        ...

    def stop(self) -> None:
        """Fall silent and go to rest."""
        ...

    def set_volume(self, level: int) -> None:
        """Set the volume, 0 to 100."""
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
        self._undo = [
            bridge.subscribe(f"{own.root}/set/{name}", self._command(name, handler))
            for name, handler in (
                ("mute", self._mute),
                ("stop", self._stop),
                ("volume", self._volume),
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
            case CallAnswered(tool=tool, status=status, took=took):
                event = {"type": "tool", "tool": tool, "status": status, "took_s": round(took, 3)}
            case _:
                return
        try:
            self._bridge.publish(self._own.event, _json({**event, "at_s": round(at, 3)}))
        except BrokerError as error:
            log.debug("mqtt: event %s not told: %s", event["type"], error)

    def close(self) -> None:
        """Take no more commands."""
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
        if text not in ("on", "off", "true", "false"):
            return False
        self._commands.mute(muted=text in ("on", "true"))
        return True

    def _stop(self, _text: str) -> bool:
        self._commands.stop()
        return True

    def _volume(self, text: str) -> bool:
        if not (text.isascii() and text.isdecimal()) or int(text) > 100:
            return False
        self._commands.set_volume(int(text))
        return True


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
