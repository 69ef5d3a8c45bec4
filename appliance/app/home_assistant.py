"""The box as a device of Home Assistant, and its diagnostics for whoever wants to know."""

import asyncio
import json
import logging
import os
import random
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from appliance.app.box import Box
from appliance.app.ground import Ground, Part
from appliance.app.wake_choice import options
from appliance.mqtt.announcement import About, announcement, topic
from appliance.ports import Message
from appliance.units import Seconds

log = logging.getLogger(__name__)

SPREAD = Seconds(3.0)
"""After Home Assistant has started, boxes announce themselves within so long, not all at once."""

VERSION = version("voice-appliance")
"""Ours; read once, from a file."""

PAUSE = Seconds(60.0)
"""Between two looks at what the diagnostics say."""


class HomeAssistantDevice(Part):
    """Announces the box, and again when Home Assistant starts. Event loop only."""

    def __init__(self, ground: Ground) -> None:
        config = ground.config
        self._bridge = ground.bridge
        self._own = ground.own
        self._wanted = config.homeassistant.discovery
        self._topic = topic(config.homeassistant.prefix, config.device.id)
        self._status = f"{config.homeassistant.prefix}/status"
        self._about = About(
            id=config.device.id,
            name=config.device.name,
            version=VERSION,
            own=ground.own,
            words=options(config),
            area=config.device.area,
            online=bool(ground.answering.cloud),
            backends=ground.answering.names,
        )
        self._started = datetime.now().astimezone().isoformat(timespec="seconds")
        self._connections = 0
        self._box: Box | None = None
        self._undo: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._look = asyncio.Event()

    def connection(self, *, up: bool) -> None:
        """Count it; what was announced is published again by itself."""
        self._connections += up
        if up:
            self._look.set()

    def serve(self, box: Box, say: Callable[[str], None]) -> None:  # noqa: ARG002 - as every part
        """Announce this box; or, where that is switched off, take back what was announced."""
        self._box = box
        self._bridge.retain(self._topic, announcement(self._about) if self._wanted else b"")
        if self._wanted:
            self._undo = self._bridge.subscribe(self._status, self._on_status)
        self._look.set()

    def leave(self) -> None:
        """Announce nothing any more; what was announced stays, and shows as not available."""
        self._box = None
        if self._undo is not None:
            self._undo()
            self._undo = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def run(self) -> None:
        """Publish diagnostics, when they are wanted first and then every minute."""
        while True:
            await self._look.wait()
            self._look.clear()
            box = self._box
            if box is None:
                continue
            memory = await asyncio.to_thread(resident)
            facts = {
                "version": VERSION,
                "started": self._started,
                "memory_mb": round(memory / 1e6),
                "lost_blocks": box.counters.ring_overflows + box.counters.input_overflows,
                "connections": self._connections,
            }
            payload = json.dumps(facts, separators=(",", ":")).encode()
            self._bridge.retain(self._own.diagnostics, payload)
            timer = asyncio.get_running_loop().call_later(PAUSE, self._look.set)
            try:
                await self._look.wait()
            finally:
                timer.cancel()

    def _on_status(self, message: Message) -> None:
        if message.retained or message.payload[:16].strip().lower() != b"online":
            return
        if self._timer is None:
            loop = asyncio.get_running_loop()
            wait = random.uniform(0.0, SPREAD)  # noqa: S311 - not to keep a secret
            self._timer = loop.call_later(wait, self._again)

    def _again(self) -> None:
        self._timer = None
        if self._box is not None:
            self._bridge.retain(self._topic, announcement(self._about), again=True)


def resident() -> int:
    """Return the memory of this process in bytes; 0: the system does not say. Reads a file."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
