"""What people and programs ask for → what the machine takes. Pure.

The arguments of the tools and the commands of the broker have the same names and meanings.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from rapidfuzz import fuzz

from appliance.tools.timers.model import (
    LONGEST_TEXT,
    After,
    At,
    Item,
    Kind,
    Phase,
    When,
    Wish,
    cleaned,
)

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAYS: Mapping[str, frozenset[int]] = {
    "daily": frozenset(range(7)),
    "weekdays": frozenset(range(5)),
    "weekends": frozenset({5, 6}),
    **{f"every_{name}": frozenset({number}) for number, name in enumerate(WEEK)},
}
"""What comes again and again, and on which days of the week."""

ONCE = ("today", "tomorrow", *WEEK)
TIME = r"^([01]?[0-9]|2[0-3]):[0-5][0-9]\??$"
"""A time of day; with a ``?``, nobody said which half of the day."""

_ALIKE = 70.0


class Unusable(Exception):
    """Nothing can be set so; says why (``model.Step.problem``)."""


def wish(kind: Kind, arguments: Mapping[str, object], now: datetime) -> Wish:
    """Return what is to be set.

    Args:
        kind: What it is for.
        arguments: ``duration_s``, or ``time`` with ``day`` or ``date``; ``name`` and ``text``.
        now: The local time.

    Raises:
        Unusable: There is no time, or it is none.
    """
    name = cleaned(str(arguments.get("name", "")))
    text = cleaned(str(arguments.get("text", "")), LONGEST_TEXT)
    return Wish(kind, _when(kind, arguments, now), name, text)


def _when(kind: Kind, arguments: Mapping[str, object], now: datetime) -> When:
    seconds, time = arguments.get("duration_s"), arguments.get("time")
    if isinstance(time, str):
        return at(kind, time, arguments, now)
    if isinstance(seconds, int | float) and not isinstance(seconds, bool):
        return After(float(seconds))
    raise Unusable("when")


def at(kind: Kind, time: str, arguments: Mapping[str, object], now: datetime) -> At:
    """Return a time of day as it was meant.

    Raises:
        Unusable: It is none.
    """
    sure = not time.endswith("?")
    hour, _, minute = time.rstrip("?").partition(":")
    given = str(arguments.get("day", ""))
    days = DAYS.get(given, frozenset())
    on = _day(given, arguments.get("date"), now)
    try:
        moment = now.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    except ValueError as error:
        raise Unusable("when") from error
    if not sure and 1 <= moment.hour <= 12:
        today = not days and on in (None, now.date())
        moment = moment.replace(hour=_likely(kind, moment, now if today else None))
    if given in WEEK and on == now.date() and moment <= now:
        on += timedelta(days=7)
    return At(moment.hour, moment.minute, on, days)


def _likely(kind: Kind, moment: datetime, now: datetime | None) -> int:
    """Return the hour that is likely meant by one of the clock.

    People are woken in the morning; of other times the next one is meant, or one of the day.

    Args:
        kind: What it is for.
        moment: The time of the clock, on any day.
        now: If it may be today.
    """
    early, late = moment.hour % 12, moment.hour % 12 + 12
    if kind is Kind.ALARM and early >= 4:
        return early
    if now is None:
        return early if early >= 7 else late
    ahead = [hour for hour in (early, late) if (hour, moment.minute) > (now.hour, now.minute)]
    return ahead[0] if ahead else early


def _day(given: str, dated: object, now: datetime) -> date | None:
    if isinstance(dated, str):
        try:
            return date.fromisoformat(dated)
        except ValueError as error:
            raise Unusable("when") from error
    if given == "today":
        return now.date()
    if given == "tomorrow":
        return now.date() + timedelta(days=1)
    if given in WEEK:
        return now.date() + timedelta(days=(WEEK.index(given) - now.weekday()) % 7)
    return None


def meant(items: Iterable[Item], arguments: Mapping[str, object]) -> tuple[Item, ...]:
    """Return the items that may be meant: by id, kind, name, length or time of day.

    Without anything that tells, what rings is meant, else everything but orders for later.
    """
    found = tuple(items)
    if "id" in arguments:
        return tuple(item for item in found if item.id == arguments["id"])
    if "kind" in arguments:
        found = tuple(item for item in found if item.wish.kind == arguments["kind"])
    else:
        found = tuple(item for item in found if item.wish.kind is not Kind.ACTION)
    which = cleaned(str(arguments.get("which", arguments.get("name", ""))))
    if which:
        return _named(found, which.casefold())
    if isinstance(time := arguments.get("time"), str):
        return tuple(item for item in found if _comes_at(item, time))
    if isinstance(length := arguments.get("length_s"), int | float):
        return tuple(item for item in found if item.wish.when == After(float(length)))
    ringing = tuple(item for item in found if item.phase in (Phase.RINGING, Phase.SNOOZED))
    return ringing or found


def _named(items: tuple[Item, ...], name: str) -> tuple[Item, ...]:
    called = [(item, (item.wish.name or item.wish.text).casefold()) for item in items]
    for fits in (
        lambda other: other == name,
        lambda other: bool(other) and (name in other.split() or other in name.split()),
        lambda other: bool(other) and fuzz.ratio(name, other) >= _ALIKE,
    ):
        found = tuple(item for item, other in called if fits(other))
        if found:
            return found
    return ()


def _comes_at(item: Item, time: str) -> bool:
    when = item.wish.when
    hour, _, minute = time.rstrip("?").partition(":")
    if not isinstance(when, At) or not (hour.isdecimal() and minute.isdecimal()):
        return False
    hours = {int(hour)} if not time.endswith("?") else {int(hour) % 12, int(hour) % 12 + 12}
    return when.hour in hours and when.minute == int(minute)
