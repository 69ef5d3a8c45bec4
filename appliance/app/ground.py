"""What the parts of a house stand on, and what such a part is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.app.backends import ALONE, Answering
from appliance.app.box import Box
from appliance.config import Config
from appliance.mqtt.bridge import MqttBridge
from appliance.mqtt.presence import Topics
from appliance.timeline import Timeline
from appliance.tools.registry import ToolRegistry
from appliance.tools.wording import Wording


@dataclass(frozen=True, slots=True)
class Ground:
    """What every part may use."""

    config: Config
    bridge: MqttBridge
    own: Topics
    tools: ToolRegistry
    words: Wording
    timeline: Timeline
    state: Path | None
    """Folder for what outlives us; ``None``: nothing may be written."""

    folder: Path | None = None
    """Where the configuration is, and beside it what else the owner wrote; ``None``: nowhere."""

    answering: Answering = ALONE
    """Who there is to answer."""


class Part:
    """One more thing that lives in the house: devices, timers, other boxes. Event loop only.

    Its constructor adds its tools and subscribes; it reads no files.
    """

    async def prepare(self) -> None:
        """Read files, on another thread; before the first connection."""

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with what the owner wrote, one line each."""
        return ()

    def connection(self, *, up: bool) -> None:
        """Take note that there is a connection to the broker, or none any more."""

    async def settle(self) -> None:
        """Wait, not for long, until what the broker retains is known; there is a connection."""

    def serve(self, box: Box, say: Callable[[str], None]) -> None:
        """Live with this box from now on.

        Args:
            box: It.
            say: Says a sentence aloud as soon as nobody talks; silent where there is no voice.
        """

    def leave(self) -> None:
        """Live without a box again."""

    async def run(self) -> None:
        """Do what goes on by itself, until cancelled."""
