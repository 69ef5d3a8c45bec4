"""Notices when quiet hours begin and end, whatever the clock of the machine does."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from datetime import time as Clock  # noqa: N812 - a time of day, beside the module

from appliance.audio.quiet_hours import QuietHours
from appliance.config.sound import Quiet
from appliance.units import Seconds

LOOK = Seconds(60.0)
"""Between two looks at the clock at most: it may be set, and so may the time zone."""


def hours(quiet: Quiet) -> QuietHours | None:
    """Return the quiet hours that the settings want, in the system's time zone."""
    if quiet.begin is None or quiet.end is None:
        return None
    return QuietHours(Clock.fromisoformat(quiet.begin), Clock.fromisoformat(quiet.end))


class QuietWatch:
    """Tells when quiet hours begin and end. Event loop only.

    Args:
        quiet: When they are; ``None``: never.
        tell: Is told whether they hold: when the watch starts, and when that changes.
        now: Seconds since 1970; the machine's clock.
    """

    def __init__(
        self,
        quiet: QuietHours | None,
        tell: Callable[[bool], None],
        *,
        now: Callable[[], float] = lambda: datetime.now(UTC).timestamp(),
    ) -> None:
        self._quiet = quiet
        self._tell = tell
        self._now = now
        self._told: bool | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin; needs a running loop."""
        if self._quiet is not None:
            self._look(self._quiet)

    def stop(self) -> None:
        """End; idempotent."""
        self._told = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, quiet: QuietHours) -> None:
        time.tzset()  # the zone may have been set since the program began
        now = self._now()
        holds = quiet.hold(now)
        wait = min(LOOK, quiet.next_edge(now) - now)
        self._timer = asyncio.get_running_loop().call_later(wait, self._look, quiet)
        if holds is not self._told:
            self._told = holds
            self._tell(holds)
