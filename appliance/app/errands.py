"""What the house may tell the box over MQTT: each errand, carried out."""

from collections.abc import Callable, Mapping
from dataclasses import asdict

from appliance import turn
from appliance.app.box import Box
from appliance.app.controls import Discretion, Loudness
from appliance.app.ducking import Ducker
from appliance.app.switching import Switching
from appliance.app.wake_choice import WakeChoice
from appliance.events import ListenAsked, StopAsked, TextAsked
from appliance.host.kept import Kept
from appliance.mqtt.presence import Presence
from appliance.mqtt.requests import AUTOMATIC, ON_DEVICE

BUSY, MUTED, UNAVAILABLE = "busy", "muted", "unavailable"


class Errands:
    """Implements ``mqtt.commands.Commands`` for one box. Event loop only.

    Args:
        box: It.
        presence: Knows what the house was told.
        loudness: Its volumes.
        discretion: Its privacy.
        switching: Who answers.
        kept: What outlives us.
    """

    def __init__(
        self,
        box: Box,
        presence: Presence,
        *,
        loudness: Loudness,
        discretion: Discretion,
        switching: Switching,
        kept: Kept | None,
    ) -> None:
        self._box = box
        self._presence = presence
        self._loudness = loudness
        self._discretion = discretion
        self._switching = switching
        self._kept = kept
        self.ducker: Ducker | None = None
        """Makes other players softer; ``None``: nobody does."""

        self.tell: Callable[[str], None] | None = None
        """Says something aloud; ``None``: there is no voice."""

        self.wake: WakeChoice | None = None
        """Chooses wake words; ``None``: they are as configured."""

    def mute(self, *, muted: bool) -> None:
        """Close the microphone, or open it again."""
        self._box.panel.mute.ask(muted=muted)
        if self._kept is not None:
            self._kept.keep(muted=self._box.panel.mute.asked_outside)

    def set_private(self, *, private: bool) -> None:
        """Let nothing leave the house any more, or let it again."""
        self._discretion.set(private)

    def set_backend(self, value: str) -> str:
        """Have a backend answer; whoever chooses anything but the box also ends privacy mode."""
        if value == ON_DEVICE:
            self._discretion.set(True)
            return ""
        if value != AUTOMATIC and value not in self._switching.names:
            return "value"
        name = "" if value == AUTOMATIC else value
        self._switching.choose(name)
        if name and name not in self._switching.cloud:  # it may serve in privacy mode, too
            return ""
        self._discretion.set(False)
        return "private" if self._discretion.get() else ""

    def stop(self) -> None:
        """Fall silent."""
        self._box.put(StopAsked())

    def set_volume(self, level: int) -> None:
        """Set the volume."""
        self._loudness.set(level)

    def set_chime_volume(self, level: int) -> None:
        """Set the volume of the short sounds."""
        self._loudness.set_chimes(level)

    def set_alarm_volume(self, level: int) -> None:
        """Set the volume of alarms."""
        self._loudness.set_alarms(level)

    def duck(self, *, soft: bool) -> None:
        """Make other players of this machine softer, or take that back."""
        if self.ducker is not None:
            self.ducker.ask(soft=soft)

    def listen(self) -> str:
        """Listen, unless the box does."""
        if isinstance(self._box.conversation.state, turn.Muted):
            return MUTED
        self._box.put(ListenAsked())
        return ""

    def say(self, text: str) -> str:
        """Say a text as soon as nobody talks."""
        if isinstance(self._box.conversation.state, turn.Muted):
            return MUTED
        if self.tell is None:
            return UNAVAILABLE
        self.tell(text)
        return ""

    def ask(self, text: str) -> str:
        """Answer a text aloud, unless somebody talks with the box."""
        match self._box.conversation.state:
            case turn.Muted():
                return MUTED
            case turn.Idle():
                self._box.put(TextAsked(text))
                return ""
            case _:
                return BUSY

    def set_wake_word(self, word: str) -> str:
        """Listen for another word soon."""
        if self.wake is None:
            return UNAVAILABLE
        return "" if self.wake.set_word(word) else "value"

    def set_sensitivity(self, sensitivity: float) -> str:
        """Hear it more easily soon, or less."""
        if self.wake is None:
            return UNAVAILABLE
        self.wake.set_sensitivity(sensitivity)
        return ""

    def describe(self) -> Mapping[str, object]:
        """Return what is true of the box now."""
        said: dict[str, object] = {
            "phase": self._presence.phase,
            "muted": self._box.panel.mute.muted,
            "private": self._discretion.get(),
            "backend": self._presence.serving.name,
            "chosen": self._switching.chosen,
            **asdict(self._loudness.shown()),
        }
        if self.wake is not None:
            said |= {"wake_word": self.wake.now.word, "sensitivity": self.wake.now.sensitivity}
        return said
