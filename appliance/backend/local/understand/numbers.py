"""Numbers and quantities as they are spoken: "twenty one and a half degrees". Pure.

The words come from CLDR's spelling rules (unicode-rbnf), for any language; halves, units and what
stands for "one" come from the language's file.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from hassil.numbers import get_rbnf_engine

from appliance.backend.local.understand import language as languages
from appliance.backend.local.understand.language import Language
from appliance.backend.local.understand.text import Tokens, phrase, starts_with

_DIGITS = re.compile(r"\d+(?:[.,]\d+)?")
_SPLIT = re.compile(r"[^\w']+")

SECONDS = {"second": 1, "minute": 60, "hour": 3600}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number where it stands."""

    end: int
    """Index of the word behind it."""

    value: float
    unit: str | None = None
    """``percent``, ``degree``, ``kelvin``; a time is given in ``second``."""

    fraction: bool = False
    """Whether it was said as a part of a whole: "half"."""


class Numbers:
    """Reads numbers in one language."""

    def __init__(self, code: str) -> None:
        self._language = languages.load(code)
        self._values = _table(code)
        self._longest = max(map(len, self._values), default=0)
        spoken = self._language.numbers
        self._halves = tuple(map(phrase, spoken.and_half))
        self._points = tuple(map(phrase, spoken.point))
        self._ones = tuple(map(phrase, spoken.one))
        self._fractions = {phrase(said): part for said, part in spoken.fractions.items()}
        self._units = {
            phrase(said): unit for unit, forms in self._language.units.items() for said in forms
        }

    def spelled(self, words: Sequence[str]) -> Tokens:
        """Spell whole numbers that are written as digits: "16" as "sixteen"."""
        spelled: list[str] = []
        for word in words:
            if word.isdecimal() and len(word) <= 4:
                spelled.extend(_spell(self._language.rbnf, int(word)))
            else:
                spelled.append(word)
        return tuple(spelled)

    def at(self, words: Sequence[str], start: int) -> Quantity | None:
        """Return the longest quantity that begins here."""
        time = self._time(words, start)
        if time is not None:
            return time
        number = self._number(words, start)
        if number is None:
            return None
        unit = self._unit(words, number.end)
        if unit is None or unit[1] in SECONDS:
            return number
        return Quantity(number.end + unit[0], number.value, unit[1], number.fraction)

    def all(self, words: Sequence[str]) -> tuple[tuple[int, Quantity], ...]:
        """Return every quantity with where it begins; none begins within another."""
        found: list[tuple[int, Quantity]] = []
        at = 0
        while at < len(words):
            quantity = self.at(words, at)
            if quantity is not None:
                found.append((at, quantity))
            at = at + 1 if quantity is None else quantity.end
        return tuple(found)

    def whole(self, words: Sequence[str], start: int) -> tuple[int, float] | None:
        """Return the end and the value of the longest plain number that begins here."""
        return self._whole(words, start)

    def _number(self, words: Sequence[str], start: int) -> Quantity | None:
        length = starts_with(words[start:], self._fractions)
        if length:
            said = tuple(words[start : start + length])
            return Quantity(start + length, self._fractions[said], None, fraction=True)
        whole = self._whole(words, start)
        if whole is None:
            return None
        end, value = whole
        half = starts_with(words[end:], self._halves)
        if half:
            return Quantity(end + half, value + 0.5)
        point = starts_with(words[end:], self._points)
        behind = self._whole(words, end + point) if point else None
        if behind is not None and behind[1] == int(behind[1]):
            return Quantity(behind[0], float(f"{int(value)}.{int(behind[1])}"))
        return Quantity(end, value)

    def _whole(self, words: Sequence[str], start: int) -> tuple[int, float] | None:
        if start >= len(words):
            return None
        if _DIGITS.fullmatch(words[start]):
            return start + 1, _read(words[start])
        for length in range(min(self._longest, len(words) - start), 0, -1):
            value = self._values.get(tuple(words[start : start + length]))
            if value is not None:
                return start + length, value
        return None

    def _unit(self, words: Sequence[str], start: int) -> tuple[int, str] | None:
        length = starts_with(words[start:], self._units)
        return (length, self._units[tuple(words[start : start + length])]) if length else None

    def _time(self, words: Sequence[str], start: int) -> Quantity | None:
        """Read "an hour and ten minutes" as one time."""
        seconds, end, smallest = 0.0, start, 3601
        while end < len(words):
            behind = end + (
                starts_with(words[end:], map(phrase, self._joiners)) if end > start else 0
            )
            part = self._part(words, behind)
            if part is None or part[2] >= smallest:
                break
            end, seconds, smallest = part[0], seconds + part[1], part[2]
            half = starts_with(words[end:], self._halves)
            if half:
                end, seconds = end + half, seconds + smallest / 2
        return Quantity(end, seconds, "second") if end > start else None

    @property
    def _joiners(self) -> Tokens:
        return self._language.numbers.joiners

    def _part(self, words: Sequence[str], start: int) -> tuple[int, float, int] | None:
        """Read one number with a unit of time; give end, seconds and the unit's seconds."""
        number = self._number(words, start)
        readings = [(number.end, number.value)] if number is not None else []
        one = starts_with(words[start:], self._ones)
        if one:
            readings.append((start + one, 1.0))
        for end, value in readings:
            unit = self._unit(words, end)
            if unit is not None and unit[1] in SECONDS:
                return end + unit[0], value * SECONDS[unit[1]], SECONDS[unit[1]]
        return None


def _read(digits: str) -> float:
    head, comma, tail = digits.partition(",")
    if comma:
        return float(head + tail) if len(tail) == 3 else float(f"{head}.{tail}")
    return float(digits)


@cache
def _spell(rbnf: str, number: int) -> Tokens:
    return _tokens(get_rbnf_engine(rbnf).format_number(number).text)


def _tokens(text: str) -> Tokens:
    return tuple(part for part in _SPLIT.split(text.replace("\u00ad", "").lower()) if part)


@cache
def _table(code: str) -> dict[Tokens, int]:
    """Spell 0 to 999, then every hundred up to 10 000, in every gender the language has."""
    given = languages.load(code)
    engine = get_rbnf_engine(given.rbnf)
    table: dict[Tokens, int] = {}
    for number in (*range(1000), *range(1000, 10_001, 100)):
        for text in set(engine.format_number(number).text_by_ruleset.values()):
            for spoken in _variants(_tokens(text), number, given):
                table.setdefault(spoken, number)
    return {spoken: n for spoken, n in table.items() if spoken[0:] and not _article(spoken, given)}


def _article(spoken: Tokens, given: Language) -> bool:
    return len(spoken) == 1 and spoken[0] in given.words.articles


def _variants(spoken: Tokens, number: int, given: Language) -> Iterator[Tokens]:
    yield spoken
    if number > 100 and number % 100 and len(spoken) > 2:
        rest = len(_spell(given.rbnf, number % 100))
        for joiner in given.numbers.joiners:
            yield (*spoken[:-rest], joiner, *spoken[-rest:])
    if number in {100, 1000} and len(spoken) == 2:
        for one in given.numbers.one:
            yield (one, spoken[1])
        yield spoken[1:]
