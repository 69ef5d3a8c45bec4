"""Times of day as they are spoken: "half past six", "7:30 pm", "noon". Pure.

A time is given as ``HH:MM``; where nobody said which half of the day is meant, as ``H:MM?``: who
is asked to do something then knows what is likely.
"""

from collections.abc import Iterator, Sequence

from appliance.backend.local.understand.language import Language
from appliance.backend.local.understand.numbers import Numbers
from appliance.backend.local.understand.text import Tokens, phrase, starts_with

Found = tuple[int, str]
"""Index of the word behind it, and the time."""


class Moments:
    """Reads times of day in one language.

    Args:
        language: Whose words; a language without words for times knows none.
        numbers: Reads the numbers in them.
    """

    def __init__(self, language: Language, numbers: Numbers) -> None:
        times = language.times
        self._numbers = numbers
        self._known = bool(times.clock)
        self._clock = _phrases(times.clock)
        self._half = _phrases(times.half_past)
        self._quarter = _phrases(times.quarter)
        self._past = _phrases(times.past)
        self._to = _phrases(times.to)
        self._zero = _phrases(times.zero)
        self._unit = _phrases(language.units.get("minute", ()))
        self._halves = {
            **dict.fromkeys(_phrases(times.morning), "morning"),
            **dict.fromkeys(_phrases(times.evening), "evening"),
            **dict.fromkeys(_phrases(times.night), "night"),
        }
        self._names = {phrase(said): value for said, value in times.names.items()}

    def at(self, words: Sequence[str], start: int) -> tuple[Found, ...]:
        """Return the times that begin here, the longest first; all end differently."""
        if not self._known:
            return ()
        found: dict[int, str] = {}
        length = starts_with(words[start:], self._names)
        if length:
            found[start + length] = self._names[tuple(words[start : start + length])]
        for end, hour, minute in self._bare(words, start):
            found.setdefault(end, _ambiguous(hour, minute))
            half = starts_with(words[end:], self._halves)
            if half:
                part = self._halves[tuple(words[end : end + half])]
                found[end + half] = f"{_whole(hour, part):02}:{minute:02}"
        return tuple(sorted(found.items(), reverse=True))

    def _bare(self, words: Sequence[str], start: int) -> Iterator[tuple[int, int, int]]:
        """Yield end, hour and minute of times without the half of the day."""
        half = starts_with(words[start:], self._half)
        if half and (hour := self._number(words, start + half, 23)) is not None:
            yield self._behind(words, hour[0]), hour[1], 30
        yield from self._relative(words, start)
        hour = self._number(words, start, 24)
        if hour is None or self._starts(words, hour[0], self._unit):
            dotted = _dotted(words[start]) if start < len(words) else None
            if dotted is not None:
                yield self._behind(words, start + 1), *dotted
            return
        if hour[1] == 24:
            return
        minute = self._minutes(words, hour[0])
        if minute is not None:
            yield minute[0], hour[1], minute[1]
        yield self._behind(words, hour[0]), hour[1], 0

    def _relative(self, words: Sequence[str], start: int) -> Iterator[tuple[int, int, int]]:
        """Yield "quarter to seven", "ten minutes past five"."""
        quarter = starts_with(words[start:], self._quarter)
        many = (start + quarter, 15) if quarter else self._number(words, start, 59)
        if many is None:
            return
        end = many[0] + starts_with(words[many[0] :], self._unit)
        past, to = starts_with(words[end:], self._past), starts_with(words[end:], self._to)
        if (not past and not to) or many[1] == 0:
            return
        hour = self._number(words, end + (past or to), 23)
        if hour is None:
            return
        behind = self._behind(words, hour[0])
        if past:
            yield behind, hour[1], many[1]
        else:
            before = (hour[1] - 2) % 12 + 1 if 1 <= hour[1] <= 12 else (hour[1] - 1) % 24
            yield behind, before, 60 - many[1]

    def _minutes(self, words: Sequence[str], start: int) -> tuple[int, int] | None:
        zero = starts_with(words[start:], self._zero)
        number = self._number(words, start + zero, 9 if zero else 59)
        if number is None or self._starts(words, number[0], self._unit):
            return None
        written = words[start].isdecimal() and len(words[start]) == 2
        return number if zero or written or number[1] >= 10 else None

    def _number(self, words: Sequence[str], start: int, most: int) -> tuple[int, int] | None:
        """Return a whole number up to ``most`` and its end."""
        number = self._numbers.whole(words, start)
        if number is None or number[1] != int(number[1]) or not 0 <= number[1] <= most:
            return None
        return number[0], int(number[1])

    def _behind(self, words: Sequence[str], end: int) -> int:
        """Return the end with an "o'clock"."""
        return end + starts_with(words[end:], self._clock)

    def _starts(self, words: Sequence[str], at: int, phrases: tuple[Tokens, ...]) -> bool:
        return starts_with(words[at:], phrases) > 0


def _whole(hour: int, part: str) -> int:
    """Return the hour of the day for one of the clock and a part of the day."""
    if not 1 <= hour <= 12:
        return hour
    small = hour % 12
    if part == "night":
        return small if small < 6 else small + 12
    return small + 12 * (part == "evening")


def _ambiguous(hour: int, minute: int) -> str:
    return f"{hour}:{minute:02}?" if 1 <= hour <= 12 else f"{hour:02}:{minute:02}"


def _dotted(word: str) -> tuple[int, int] | None:
    """Read "7.30"."""
    hour, dot, minute = word.replace(",", ".").partition(".")
    if not dot or not (hour.isdecimal() and minute.isdecimal()) or len(minute) != 2:
        return None
    found = int(hour), int(minute)
    return found if found[0] <= 23 and found[1] <= 59 else None


def _phrases(texts: Sequence[str]) -> tuple[Tokens, ...]:
    return tuple(map(phrase, texts))
