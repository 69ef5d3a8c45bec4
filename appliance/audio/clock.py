"""The time of a session: the event loop's with a real card, the sound's own with a recording."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass

from appliance.units import Seconds


class LoopClock:
    """The event loop's time; see ``appliance.ports.Clock``. Made on the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def now(self) -> Seconds:
        """Return the event loop's time."""
        return Seconds(self._loop.time())

    def call_at(self, when: Seconds, callback: Callable[[], None]) -> Callable[[], None]:
        """Have ``callback`` called at ``when``; return its undo."""
        return self._loop.call_at(when, callback).cancel


class CardClock:
    """Time that passes as a recording does; see ``appliance.ports.Clock``.

    A recording moves it; it stands still while the recording does, so that the same recording
    gives the same times, however fast the machine is.
    """

    def __init__(self) -> None:
        self._now = Seconds(0.0)
        self._count = itertools.count()
        self._alarms: list[tuple[Seconds, int, _Alarm]] = []

    def now(self) -> Seconds:
        """Return the length of the sound that has passed."""
        return self._now

    def call_at(self, when: Seconds, callback: Callable[[], None]) -> Callable[[], None]:
        """Have ``callback`` called with the first block that ends at ``when`` or later."""
        alarm = _Alarm(callback)
        heapq.heappush(self._alarms, (when, next(self._count), alarm))
        return alarm.undo

    def move(self, now: Seconds) -> None:
        """Say how much sound has passed; any thread; calls nothing."""
        self._now = now

    def ring(self) -> bool:
        """Call what is due, in order of time; event loop only.

        Returns:
            Whether anything was called.
        """
        rang = False
        while self._alarms and self._alarms[0][0] <= self._now:
            _, _, alarm = heapq.heappop(self._alarms)
            if alarm.callback is not None:
                alarm.callback()
                rang = True
        return rang


@dataclass(slots=True)
class _Alarm:
    callback: Callable[[], None] | None

    def undo(self) -> None:
        self.callback = None
