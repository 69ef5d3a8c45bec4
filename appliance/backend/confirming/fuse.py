"""One thing that is done after a while, unless it is put out before."""

import asyncio
from collections.abc import Callable

from appliance.units import Seconds


class Fuse:
    """Burns, or not. Event loop only."""

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None

    def light(self, after: Seconds, then: Callable[[], None]) -> None:
        """Have something done after so long; what was to be done before is not."""
        self.put_out()
        self._handle = asyncio.get_running_loop().call_later(after, then)

    def put_out(self) -> None:
        """Have nothing done."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
