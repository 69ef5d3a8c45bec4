"""Which wall clock is to be believed, and when a local time comes. Pure.

A board without a clock of its own may start a year back or ahead, until the network tells it the
time. So a clock that nobody has set is believed only near to what was known before.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo

from appliance.tools.timers.model import FARTHEST, At, Known, Now, State

BACK = 86_400.0
"""Seconds that a clock which nobody has set may be behind what was known."""

AHEAD = 31 * 86_400.0
"""Seconds that it may be ahead."""

DRIFT = 60.0
"""Seconds that a clock may go wrong between two looks and still be the same."""

AGAIN = 86_400.0
"""Seconds. What rang no longer ahead of now than that does not ring again for the same time."""


def wall(state: State, now: Now) -> float | None:
    """Return the time that is believed; ``None``: nobody knows what time it is.

    While the machine runs, what was known before goes on by the clock that never jumps.
    """
    known = state.known
    if now.sure or known is None or not any(isinstance(i.wish.when, At) for i in state.items):
        return now.wall
    same = known.boot == now.boot
    expected = known.wall + (now.mono - known.mono if same else 0.0)
    if expected - BACK <= now.wall <= expected + AHEAD:
        return now.wall
    return expected if same else None


def seen(state: State, now: Now) -> State:
    """Return the state with this moment as the latest one that was seen."""
    believed = wall(state, now)
    known = state.known
    if believed is not None:
        known = Known(now.boot, now.mono, believed, now.sure or _still_sure(known, now))
    return replace(state, boot=now.boot, mono=now.mono, known=known)


def _still_sure(known: Known | None, now: Now) -> bool:
    """Tell whether a clock that was set by one who knows has only gone on since."""
    if known is None or not known.sure or known.boot != now.boot:
        return False
    return abs(now.wall - known.wall - (now.mono - known.mono)) <= DRIFT


def due(at: At, on: date, zone: tzinfo) -> float:
    """Return the wall time of a local time.

    In spring's skipped hour it comes as much later as the clocks were put forward; in autumn's
    doubled hour it comes the first time.
    """
    local = datetime(on.year, on.month, on.day, at.hour, at.minute, tzinfo=zone)
    return local.timestamp()


def next_day(at: At, after: float, zone: tzinfo) -> date:
    """Return the first day on which a local time comes later than ``after``."""
    day = local(after, zone).date() - timedelta(days=1)
    for _ in range(10):
        if (not at.days or day.weekday() in at.days) and due(at, day, zone) > after:
            break
        day += timedelta(days=1)
    return day


def first_day(at: At, after: float, zone: tzinfo) -> date | None:
    """Return the day that a wish means; ``None``: it is over, or too far away."""
    if at.day is None:
        return next_day(at, after, zone)
    far = (at.day - local(after, zone).date()).days
    if far > FARTHEST or far < -1 or due(at, at.day, zone) <= after:
        return None
    return at.day


def again(at: At, after: float, rang: float | None, zone: tzinfo) -> date:
    """Return the next day of one that comes again and again, and not for a time it rang for."""
    day = next_day(at, after, zone)
    if rang is not None and rang <= after + AGAIN and due(at, day, zone) <= rang:
        return next_day(at, rang, zone)
    return day


def local(wall_time: float, zone: tzinfo) -> datetime:
    """Return the local time of a wall time; of one beyond all calendars the nearest."""
    try:
        return datetime.fromtimestamp(wall_time, zone)
    except (OverflowError, OSError, ValueError):
        return datetime(1970, 1, 2, tzinfo=UTC).astimezone(zone)
