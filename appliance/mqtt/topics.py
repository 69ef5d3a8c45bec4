"""Our own topics on the broker (docs/mqtt.md)."""

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.ports import Cue

PHASES: Mapping[Cue, str] = {
    Cue.IDLE: "idle",
    Cue.LISTENING: "listening",
    Cue.PROMPT: "listening",
    Cue.THINKING: "thinking",
    Cue.SPEAKING: "speaking",
    Cue.UNHEARD: "idle",
    Cue.MUTED: "muted",
    Cue.FAILED: "error",
}
"""What ``state`` says of a cue."""


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
    def wake_word(self) -> str:
        """``{"word": …}``."""
        return f"{self.root}/wake_word"

    @property
    def diagnostics(self) -> str:
        """``{"version": …}``."""
        return f"{self.root}/diagnostics"

    @property
    def timers(self) -> str:
        """The timers that run."""
        return f"{self.root}/timers"

    def command(self, name: str) -> str:
        """Return where we take a command."""
        return f"{self.root}/set/{name}"

    def request(self, verb: str) -> str:
        """Return where we take requests of one kind, which are answered."""
        return f"{self.root}/request/{verb}"

    def response(self, verb: str) -> str:
        """Return where such requests are answered, unless they say where."""
        return f"{self.root}/response/{verb}"

    @property
    def replies(self) -> str:
        """Under it come the answers to our requests, one level for each tool."""
        return f"{self.root}/response"


def topics(root: str, device: str) -> Topics:
    """Return the topics of one appliance."""
    return Topics(f"{root}/{device}")
