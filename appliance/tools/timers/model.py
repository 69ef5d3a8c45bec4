"""What a timer is, and what can happen to it. Pure data.

Three clocks: *mono* counts seconds since the machine was started, also while it was suspended, and
never jumps; *wall* is seconds since 1970, and may be wrong; *local* is what people call the time.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, tzinfo
from enum import StrEnum

LONGEST_NAME = 40
"""Characters of a name."""

LONGEST_TEXT = 200
"""Characters of what somebody is to be reminded of."""

SHORTEST = 1.0
"""Seconds of a timer."""

LONGEST = 86_400.0
"""Seconds of a timer."""

FARTHEST = 366
"""Days until an alarm."""

LATE = 900.0
"""Seconds. What is noticed to be over only later than that was missed: it is told, but rings no
more; and nothing is done any more."""


class Kind(StrEnum):
    """What it is for."""

    TIMER = "timer"
    ALARM = "alarm"
    REMINDER = "reminder"
    ACTION = "action"
    """Something is done then; it never rings."""


class Phase(StrEnum):
    """How it is with it."""

    RUNNING = "running"
    PAUSED = "paused"
    RINGING = "ringing"
    SNOOZED = "snoozed"


@dataclass(frozen=True, slots=True)
class Now:
    """One moment on all clocks."""

    mono: float
    """Seconds since the machine was started."""

    wall: float
    """Seconds since 1970, as the machine believes."""

    boot: str
    """Names this start of the machine."""

    zone: tzinfo
    """Where the box is."""

    sure: bool = True
    """Whether something that knows has set the wall clock."""


@dataclass(frozen=True, slots=True)
class After:
    """So many seconds from now."""

    seconds: float


@dataclass(frozen=True, slots=True)
class At:
    """At a time of day."""

    hour: int
    minute: int
    day: date | None = None
    """``None``: the next time that it is so late, or as ``days`` says."""

    days: frozenset[int] = frozenset()
    """Again and again on these days of the week, 0 for Monday; empty: once."""


When = After | At


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be set."""

    kind: Kind
    when: When
    name: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    """Of what to remind."""

    call: Mapping[str, object] = field(default_factory=dict, repr=False)
    """What to do then: plain JSON data."""


@dataclass(frozen=True, slots=True)
class Item:
    """One timer, alarm, reminder or action."""

    id: str
    """Short, never used again."""

    wish: Wish
    phase: Phase = Phase.RUNNING
    ends: float = 0.0
    """Mono: when a timer, a snooze or the ringing is over."""

    left: float = 0.0
    """Seconds, while it is paused."""

    on: date | None = None
    """The local day of the next alarm."""

    rang: float | None = None
    """Wall: the time for which it last rang."""

    loose: bool = False
    """The day was chosen by a clock that may have been wrong."""

    restored: bool = False
    """It was running when the machine was started anew, and nobody has touched it since."""

    @property
    def counts(self) -> bool:
        """Whether ``ends`` counts now."""
        if self.phase is Phase.RUNNING:
            return isinstance(self.wish.when, After)
        return self.phase is not Phase.PAUSED


@dataclass(frozen=True, slots=True)
class Missed:
    """Something that was over while nobody could be told."""

    id: str
    kind: Kind
    name: str = field(repr=False)
    text: str = field(repr=False)
    wall: float | None
    """When it was over, if that is known."""


@dataclass(frozen=True, slots=True)
class Known:
    """A moment at which the wall clock was believed."""

    boot: str
    mono: float
    wall: float
    sure: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """The machine was off for a time that nobody knows yet."""

    wall: float
    """When it was last seen alive, by a sure clock."""

    mono: float
    """When it was alive again."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything there is."""

    items: tuple[Item, ...] = ()
    """The oldest first."""

    last: int = 0
    """The id given last."""

    boot: str = ""
    mono: float = 0.0
    """The latest moment that was seen, of ``boot``."""

    known: Known | None = None
    gap: Gap | None = None
    missed: tuple[Missed, ...] = ()
    """What is still to be told."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings say."""

    most: int = 50
    ring: float = 300.0
    snooze: float = 540.0


@dataclass(frozen=True, slots=True)
class Start:
    """Somebody sets one."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class Cancel:
    """It is wanted no more."""

    id: str


@dataclass(frozen=True, slots=True)
class Pause:
    """A timer is held."""

    id: str


@dataclass(frozen=True, slots=True)
class Resume:
    """A timer that was held goes on."""

    id: str


@dataclass(frozen=True, slots=True)
class Add:
    """A timer gets more time, or less."""

    id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Snooze:
    """What rings shall ring again later."""

    seconds: float | None = None
    """``None``: as long as the settings say."""

    id: str | None = None
    """``None``: all that ring."""


@dataclass(frozen=True, slots=True)
class Stop:
    """What rings shall be silent; what snoozes is ended only by name."""

    id: str | None = None
    """``None``: all that ring."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was missed has been told."""

    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = Start | Cancel | Pause | Resume | Add | Snooze | Stop | Told | Tick


class What(StrEnum):
    """What happened to one."""

    STARTED = "started"
    CHANGED = "changed"
    PAUSED = "paused"
    RESUMED = "resumed"
    ENDED = "ended"
    """Its time has come: it rings, or is done."""

    SNOOZED = "snoozed"
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    MISSED = "missed"
    """It was over while the box was off, or rang and nobody stopped it."""


@dataclass(frozen=True, slots=True)
class Happened:
    """Something happened."""

    what: What
    item: Item


@dataclass(frozen=True, slots=True)
class Step:
    """What comes of an event."""

    state: State
    happened: tuple[Happened, ...] = ()
    problem: str = ""
    """Why nothing came of it: ``full``, ``length``, ``past``, ``clock`` (nobody knows what time it
    is), ``unknown``, ``unfit`` (an alarm cannot be held), ``silent`` (nothing rings)."""


def cleaned(text: str, longest: int = LONGEST_NAME) -> str:
    """Return a text of people or of the broker as one short line that can be printed and said."""
    plain = unicodedata.normalize("NFKC", text[: 4 * longest])
    shown = "".join(c if c.isprintable() else " " for c in plain)
    return " ".join(shown.split())[:longest].strip()
