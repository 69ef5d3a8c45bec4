"""What is said of timers, in the words of the language. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, tzinfo
from typing import cast

from appliance.tools.templates import Template, compile_template
from appliance.tools.timers import clock, machine
from appliance.tools.timers.model import After, At, Item, Kind, Missed, Now, Phase, State
from appliance.tools.wording import Wording

MOST_NAMED = 6
"""Of many, so many are named: more is a lecture."""


class Teller:
    """Makes sentences.

    Args:
        words: The phrases of the language.
    """

    def __init__(self, words: Wording) -> None:
        self._words = words
        self._parts = cast("Mapping[str, object]", words.tools["list_timers"]["part"])
        self._compiled: dict[str, Template] = {}

    def say(self, tool: str, key: str, values: Mapping[str, object]) -> str:
        """Fill in what a tool says."""
        return self._words.say(tool, key, values)

    def problem(self, why: str) -> str:
        """Return the sentence for what the machine refuses."""
        return self._words.answers[f"timers_{why}"]

    def duration(self, seconds: float) -> str:
        """Return a length of time, to the second."""
        whole = max(0, round(seconds))
        counts = {
            "hours": whole // 3600,
            "minutes": whole % 3600 // 60,
            "seconds": whole % 60 if whole < 3600 else 0,
        }
        said = [self._part(unit, count=count) for unit, count in counts.items() if count]
        return self._part("join").join(said) or self._part("seconds", count=0)

    def thing(self, item: Item) -> str:
        """Return what an item is called: "your pasta timer"."""
        kinds = cast("Mapping[str, str]", self._parts["kinds"])
        return self._part("thing", name=item.wish.name, kind=kinds[item.wish.kind.value])

    def when(self, item: Item, today: date) -> str:
        """Return when an alarm comes: "7 AM tomorrow", "6:30 AM every weekday"."""
        at = item.wish.when
        if isinstance(at, After):
            return self._part("after", duration=self.duration(at.seconds))
        said = self._clock(at.hour, at.minute)
        return self._part("once", clock=said, day=self._day(at, item.on, today))

    def set_for(self, item: Item, today: date) -> str:
        """Return when it comes, as "at 7 AM" or "in 10 minutes"."""
        said = self.when(item, today)
        return said if isinstance(item.wish.when, After) else self._part("at", when=said)

    def status(self, item: Item, state: State, now: Now) -> str:
        """Return one sentence on how it is with an item."""
        left = machine.remaining(item, state, now) or 0.0
        key = {
            Phase.PAUSED: "say_paused",
            Phase.RINGING: "say_ringing",
            Phase.SNOOZED: "say_snoozed",
        }.get(item.phase, "say_left" if isinstance(item.wish.when, After) else "say_alarm")
        values = {
            "thing": self.thing(item),
            "duration": self.duration(left),
            "when": self.when(item, today(now)),
        }
        return self.say("list_timers", key, values)

    def listed(self, items: Sequence[Item], state: State, now: Now) -> str:
        """Return several items with how it is with each, as one list."""
        said = [self._one(item, state, now) for item in items[:MOST_NAMED]]
        head = self._part("separator").join(said[:-1])
        return f"{head}{self._part('last')}{said[-1]}" if head else "".join(said)

    def over(self, item: Item) -> str:
        """Return what is said when an item's time has come."""
        wish = item.wish
        if wish.kind is Kind.ACTION:
            return ""
        at = wish.when
        said = self._clock(at.hour, at.minute) if isinstance(at, At) else ""
        return self._part(f"over_{wish.kind.value}", name=wish.name, text=wish.text, clock=said)

    def missed(self, one: Missed, zone: tzinfo) -> str:
        """Return what is said of something that was missed."""
        said = ""
        if one.wall is not None:
            moment = clock.local(one.wall, zone)
            said = self._clock(moment.hour, moment.minute)
        return self._part(f"missed_{one.kind.value}", name=one.name, text=one.text, clock=said)

    def _one(self, item: Item, state: State, now: Now) -> str:
        left = self.duration(machine.remaining(item, state, now) or 0.0)
        if item.phase is Phase.RUNNING and isinstance(item.wish.when, At):
            rest = self.when(item, today(now))
        else:
            key = "left" if item.phase is Phase.RUNNING else item.phase.value
            rest = self._part(key, duration=left)
        return self._part("listed", thing=self.thing(item), rest=rest)

    def _day(self, at: At, on: date | None, now: date) -> str:
        if at.days:
            return self._again(at.days)
        if on is None:
            return ""
        away = (on - now).days
        if away in (0, 1):
            return self._part(("today", "tomorrow")[away])
        if 0 < away < 7:
            return self._part("on", day=self._words.days[on.weekday()])
        return self._part("dated", month=self._words.months[on.month - 1], number=on.day)

    def _again(self, days: frozenset[int]) -> str:
        whole = {7: "daily", 5: "weekdays", 2: "weekends"}.get(len(days), "")
        usual = {"daily": set(range(7)), "weekdays": set(range(5)), "weekends": {5, 6}}
        if whole and usual[whole] == days:
            return self._part(whole)
        names = [self._words.days[day] for day in sorted(days)]
        head = ", ".join(names[:-1])
        said = f"{head}{self._part('days_last')}{names[-1]}" if head else names[-1]
        return self._part("every", days=said)

    def _clock(self, hour: int, minute: int) -> str:
        return self._part("clock", hour=hour, minute=minute)

    def _part(self, key: str, **values: object) -> str:
        if key not in self._compiled:
            self._compiled[key] = compile_template(str(self._parts[key]))
        return self._compiled[key].render(values)


def today(now: Now) -> date:
    """Return the local day."""
    return clock.local(now.wall, now.zone).date()
