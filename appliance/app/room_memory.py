"""What the echo canceller has learnt of the room, kept for the next start."""

import asyncio
import logging
from pathlib import Path

from appliance.app.background import in_background
from appliance.enhance.chain import Chain
from appliance.host.flushed import replace_bytes
from appliance.units import Seconds

log = logging.getLogger(__name__)

EVERY = Seconds(600.0)
"""A box whose plug is pulled has forgotten ten minutes of a room that seldom changes."""


class RoomMemory:
    """One file; see ``Chain.state``. It holds no sound.

    Args:
        chain: Learns.
        path: The file; a missing or damaged one is no memory.
    """

    def __init__(self, chain: Chain, path: Path) -> None:
        self._chain = chain
        self._path = path
        self._learnt = False

    def restore(self) -> None:
        """Read it; before the chain's first frame. Blocks for a moment."""
        try:
            self._chain.restore(self._path.read_bytes())
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("%s cannot be read: %s", self._path, error)

    def save(self) -> None:
        """Write it if the canceller has converged since the start. Blocks for a moment."""
        self._learnt = self._learnt or self._chain.converged
        if not self._learnt or not (state := self._chain.state()):
            return
        try:
            replace_bytes(self._path, state)
        except OSError as error:
            log.warning("%s cannot be written: %s", self._path, error)

    async def run(self) -> None:
        """Write it now and then, until cancelled; event loop."""
        while True:
            await asyncio.sleep(EVERY)
            await in_background(self.save)
