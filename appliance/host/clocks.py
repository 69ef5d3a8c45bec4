"""The clocks of this machine: since its start, the time of day, and whether it is right."""

import ctypes
import logging
import os
import time
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

log = logging.getLogger(__name__)

LOCAL_TIME = Path("/etc/localtime")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_UNSET = 5  # TIME_ERROR of <sys/timex.h>
_TIMEX_BYTES = 512  # more than struct timex has anywhere


def since_start() -> float:
    """Return the seconds since the machine was started, also while it was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def wall() -> float:
    """Return the seconds since 1970."""
    return time.clock_gettime(time.CLOCK_REALTIME)


def boot() -> str:
    """Return what names this start of the machine; empty where nothing does. Blocks."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError as error:
        log.warning("%s cannot be read: %s", BOOT_ID, error)
        return ""


def is_set() -> bool:
    """Tell whether something that knows the time (NTP) has set the wall clock."""
    try:
        answer = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (AttributeError, OSError):  # no Linux
        return True
    return bool(0 <= answer < _UNSET)


def zone() -> tzinfo:
    """Return the local time zone, with its summer time; UTC where there is none. Blocks."""
    name = os.environ.get("TZ", "").lstrip(":")
    try:
        if name:
            return ZoneInfo(name)
        with LOCAL_TIME.open("rb") as file:
            return ZoneInfo.from_file(file, "local")
    except (OSError, ValueError) as error:
        log.info("no time zone: %s; UTC", error)
        return UTC
