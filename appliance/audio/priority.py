"""Real-time scheduling for the threads that carry sound, where the system allows it."""

import os
import sys

CARD_PRIORITY = 10
"""Of the card's callback. Low in the range of 1 to 99: above every ordinary program, below the
kernel's own threads and a sound server (20 in our measurement of 2026-11-21, where this made 47
underruns in 20 s into none)."""

HEARING_PRIORITY = 5
"""Of the hearing thread, which must never keep the card waiting."""


SWITCH = 0.0005
"""Seconds after which a Python thread lets another one in that waits. With Python's own 5 ms the
card's callback, due every 10 ms, may come too late although it is the most urgent thread."""


def let_sound_in() -> None:
    """Have Python's threads take turns often enough for sound; for the whole process."""
    sys.setswitchinterval(SWITCH)


def become_realtime(priority: int) -> bool:
    """Give the calling thread SCHED_FIFO; ``False`` where that is not allowed, without a word.

    Allowed by ``LimitRTPRIO`` in the unit file, ``/etc/security/limits.d``, or CAP_SYS_NICE.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except (AttributeError, OSError):  # not Linux, or not allowed
        return False
    return True
