"""When quiet hours begin and end, in local time, whatever the clocks do meanwhile (pure)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

_DAYS = range(-2, 4)
"""Around a moment's own day: a night reaches into the next one, and a zone may skip a day."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """One span of every day. Moments are seconds since 1970 in UTC.

    A time that clocks show twice, when they are set back, counts when they show it first; one that
    they skip counts as if they had not been set forward yet (PEP 495, ``fold=0``). So hours begin
    and end once on every day.
    """

    begin: time
    end: time
    """On the next day, unless it is later than ``begin``."""

    zone: tzinfo | None = None
    """``None``: the system's."""

    def hold(self, at: float) -> bool:
        """Return whether a moment lies in them."""
        return any(begin <= at < end for begin, end in self._spans(at))

    def next_edge(self, at: float) -> float:
        """Return when they begin or end next, after a moment."""
        edges = (edge for begin, end in self._spans(at) for edge in (begin, end) if begin < end)
        return min(edge for edge in edges if edge > at)

    def _spans(self, at: float) -> Iterator[tuple[float, float]]:
        today = datetime.fromtimestamp(at, self.zone).date()
        over_midnight = timedelta(days=int(self.end <= self.begin))
        for day in _DAYS:
            begin = today + timedelta(days=day)
            yield self._moment(begin, self.begin), self._moment(begin + over_midnight, self.end)

    def _moment(self, day: date, clock: time) -> float:
        return datetime.combine(day, clock, tzinfo=self.zone).timestamp()
