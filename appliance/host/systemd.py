"""Tells systemd how we are: ready, reloading, stopping, and alive.

Everything here does nothing where there is no systemd, or where it did not start us.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping

from appliance.units import Seconds

try:
    from systemd import daemon  # type: ignore[attr-defined]  # mypy takes our folder systemd/
except ImportError:  # a machine without systemd; the package is for Linux alone
    daemon = None

log = logging.getLogger(__name__)


def notify(*lines: str) -> bool:
    """Send lines such as ``READY=1`` in one message; return whether somebody listens."""
    if daemon is None:
        return False
    try:
        return bool(daemon.notify("\n".join(lines)))
    except OSError as error:
        log.debug("systemd cannot be told: %s", error)
        return False


def ready(status: str = "") -> bool:
    """Say that the start, or a reload, is complete."""
    return notify("READY=1", *_status(status))


def status(text: str) -> bool:
    """Say in one line what ``systemctl status`` should show; never what anybody said."""
    return notify(*_status(text))


def reloading() -> bool:
    """Say that the settings are being read again; ``ready`` must follow."""
    # MONOTONIC_USEC is wanted by Type=notify-reload (systemd 253) and ignored by Type=notify
    return notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def stopping(status: str = "") -> bool:
    """Say that we are on our way out."""
    return notify("STOPPING=1", *_status(status))


def watchdog_interval(env: Mapping[str, str] = os.environ) -> Seconds | None:
    """Return how often systemd wants to hear from us (half its patience); ``None``: it does not.

    The variables are those of ``sd_watchdog_enabled(3)``.
    """
    if (pid := env.get("WATCHDOG_PID")) is not None and pid != str(os.getpid()):
        return None  # meant for the process that started us
    try:
        patience = int(env.get("WATCHDOG_USEC", "0"))
    except ValueError:
        return None
    return Seconds(patience / 2e6) if patience > 0 else None


class Watchdog:
    """Tells systemd that we are alive, as long as that is true.

    It runs on the event loop, so a loop that hangs feeds nothing; ``alive`` answers for the rest.

    Args:
        alive: Whether the hearing thread works. Called on the event loop; must not block.
        interval: Time between two messages; ``None``: nobody wants them.
    """

    def __init__(self, alive: Callable[[], bool], interval: Seconds | None) -> None:
        self._alive = alive
        self._interval = interval

    async def run(self) -> None:
        """Feed until cancelled; returns at once if nobody wants it."""
        if self._interval is None:
            return
        hungry = False
        while True:
            alive = self._alive()
            if alive:
                notify("WATCHDOG=1")
                if hungry:
                    log.info("the hearing thread is back")
            elif not hungry:
                log.error("the hearing thread does not answer; systemd will restart us")
            hungry = not alive
            await asyncio.sleep(self._interval)


def _status(text: str) -> tuple[str, ...]:
    return (f"STATUS={' '.join(text.split())}",) if text else ()
