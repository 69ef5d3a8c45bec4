"""Regular expressions whose cost is counted: the usual part of Python's syntax, backtracking.

Python's own ``re`` can take years over a short text; this one is charged for every character it
looks at and gives up when that is too much. Left out: look-behind, back references, inline flags
and possessive quantifiers. Pure.
"""

import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from appliance.tools.discovery.homeassistant import regex_parts as parts
from appliance.tools.discovery.homeassistant.bounds import Run
from appliance.tools.discovery.homeassistant.regex_parts import CharTest, Make, State, Step
from appliance.tools.templates import TemplateFailed

LONGEST_PATTERN = 512
MOST_GROUPS = 20
MOST_REPEATS = 256
"""In ``{m,n}``."""

_ENDLESS = 1 << 30
_MARKS = {"*": (0, _ENDLESS), "+": (1, _ENDLESS), "?": (0, 1)}
_DEEPEST = 20
"""Groups in groups."""


class _Reader:
    """Reads a pattern."""

    def __init__(self, pattern: str, *, ignorecase: bool) -> None:
        self.pattern = pattern
        self.at = 0
        self.groups = 0
        self.loops = 0
        self.depth = 0
        self.blind = ignorecase

    def whole(self) -> Make:
        made = self._branches()
        if self.at < len(self.pattern):
            raise _unfit()
        return made

    def _branches(self) -> Make:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _unfit()
        branches = [self._branch()]
        while self._take("|"):
            branches.append(self._branch())
        self.depth -= 1
        return parts.either(branches)

    def _branch(self) -> Make:
        pieces: list[Make] = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            pieces.append(self._piece())
        return parts.sequence(pieces)

    def _piece(self) -> Make:
        char = self._next()
        if char == "(":
            return self._quantified(self._group())
        if char in "^$":
            return parts.place(parts.PLACES[char])
        if char == "\\":
            if self.pattern[self.at : self.at + 1] in ("A", "Z", "b", "B"):
                return parts.place(parts.PLACES["\\" + self._next()])
            return self._repeated(self._escape())
        if char == "[":
            return self._repeated(self._class())
        if char == ".":
            return self._repeated(parts.negated(parts.literal("\n")))
        if char in "*+?":
            raise _unfit()
        return self._repeated(self._literal(char))

    def _repeated(self, test: CharTest) -> Make:
        times = self._quantifier()
        if times is None:
            return parts.single(test)
        return parts.many(test, times[0], times[1], lazy=times[2])

    def _quantified(self, body: Make) -> Make:
        times = self._quantifier()
        if times is None:
            return body
        self.loops += 1
        return parts.repeat(self.loops - 1, body, times[0], times[1], lazy=times[2])

    def _quantifier(self) -> tuple[int, int, bool] | None:
        times = self._marks() or self._braces()
        if times is None:
            return None
        lazy = self._take("?")
        if self.pattern[self.at : self.at + 1] in tuple("*+?{"):
            raise _unfit()
        return times[0], times[1], lazy

    def _marks(self) -> tuple[int, int] | None:
        for mark, times in _MARKS.items():
            if self._take(mark):
                return times
        return None

    def _braces(self) -> tuple[int, int] | None:
        end = self.pattern.find("}", self.at)
        if self.pattern[self.at : self.at + 1] != "{" or end < 0:
            return None
        low, comma, high = self.pattern[self.at + 1 : end].partition(",")
        if not all(part.isascii() and part.isdigit() for part in (low, high) if part):
            return None
        if not low and not high:
            return None
        self.at = end + 1
        least = int(low or 0)
        most = (int(high) if high else _ENDLESS) if comma else least
        if least > MOST_REPEATS or (most > MOST_REPEATS and most != _ENDLESS) or least > most:
            raise _unfit()
        return least, most

    def _group(self) -> Make:
        index = 0
        ahead: bool | None = None
        if self._take("?"):
            if self._take("P<"):
                self.at = self._find(">") + 1
                index = self._new_group()
            elif self._take("="):
                ahead = True
            elif self._take("!"):
                ahead = False
            elif not self._take(":"):
                raise _unfit()
        else:
            index = self._new_group()
        body = self._branches()
        if not self._take(")"):
            raise _unfit()
        if ahead is not None:
            return parts.ahead(body, wanted=ahead)
        return parts.group(index, body) if index else body

    def _new_group(self) -> int:
        self.groups += 1
        if self.groups > MOST_GROUPS:
            raise _unfit()
        return self.groups

    def _escape(self) -> CharTest:
        char = self._next()
        if char in parts.CLASSES:
            return parts.CLASSES[char]
        return self._literal(self._escaped(char))

    def _literal(self, char: str) -> CharTest:
        test = parts.literal(char)
        return parts.either_case(test) if self.blind else test

    def _escaped(self, char: str) -> str:
        if char in parts.CONTROLS:
            return parts.CONTROLS[char]
        if char == "x":
            digits = self.pattern[self.at : self.at + 2]
            if len(digits) < 2 or not all(digit in string.hexdigits for digit in digits):
                raise _unfit()
            self.at += 2
            return chr(int(digits, 16))
        if char.isascii() and char.isalnum():
            raise _unfit()
        return char

    def _class(self) -> CharTest:
        negated = self._take("^")
        singles: set[str] = set()
        tests: list[CharTest] = []
        first = True
        while first or self.pattern[self.at : self.at + 1] != "]":
            first = False
            low = self._class_char(tests)
            if low is None:
                continue
            if self.pattern[self.at : self.at + 1] == "-" and (
                self.pattern[self.at + 1 : self.at + 2] not in ("]", "")
            ):
                self.at += 1
                high = self._class_char(tests)
                if high is None or high < low:
                    raise _unfit()
                tests.append(parts.between(low, high))
            else:
                singles.add(low)
        self.at += 1

        def among(char: str) -> bool:
            return char in singles or any(test(char) for test in tests)

        test = parts.either_case(among) if self.blind else among
        return parts.negated(test) if negated else test

    def _class_char(self, tests: list[CharTest]) -> str | None:
        char = self._next()
        if char != "\\":
            return char
        char = self._next()
        if char in parts.CLASSES:
            tests.append(parts.CLASSES[char])
            return None
        return "\b" if char == "b" else self._escaped(char)

    def _find(self, mark: str) -> int:
        found = self.pattern.find(mark, self.at)
        if found < 0:
            raise _unfit()
        return found

    def _take(self, mark: str) -> bool:
        if not self.pattern.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def _next(self) -> str:
        if self.at >= len(self.pattern):
            raise _unfit()
        self.at += 1
        return self.pattern[self.at - 1]


def _unfit() -> TemplateFailed:
    return TemplateFailed("a regular expression cannot be used here")


@dataclass(frozen=True, slots=True)
class Found:
    """A match: where it and its groups lie; group 0 is the whole."""

    text: str = field(repr=False)
    spans: tuple[tuple[int, int] | None, ...]

    def group(self, index: int) -> str:
        """Return what a group matched; empty: nothing.

        Raises:
            TemplateFailed: There is no such group.
        """
        if not 0 <= index < len(self.spans):
            raise _unfit()
        span = self.spans[index]
        return "" if span is None else self.text[span[0] : span[1]]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that has been read."""

    groups: int
    _loops: int
    _step: Step = field(repr=False)

    def match(self, text: str, run: Run, at: int = 0) -> Found | None:
        """Match at one place of a text.

        Raises:
            TemplateFailed: It costs too much.
        """
        state = State(text, self.groups, self._loops, run)
        run.charge(1 + self.groups + self._loops)
        try:
            end = self._step(state, at)
        except RecursionError:
            raise TemplateFailed("a regular expression goes too deep") from None
        if end < 0:
            return None
        state.spans[0] = (at, end)
        return Found(text, tuple(state.spans))

    def search(self, text: str, run: Run, at: int = 0) -> Found | None:
        """Match at the first place where it does.

        Raises:
            TemplateFailed: It costs too much.
        """
        for start in range(at, len(text) + 1):
            found = self.match(text, run, start)
            if found is not None:
                return found
        return None

    def all(self, text: str, run: Run) -> Iterator[Found]:
        """Yield the matches that do not overlap.

        Raises:
            TemplateFailed: It costs too much.
        """
        at = 0
        while at <= len(text):
            found = self.search(text, run, at)
            if found is None:
                return
            yield found
            start, end = found.spans[0] or (at, at)
            at = end if end > start else end + 1


@lru_cache(maxsize=256)
def pattern(source: str, *, ignorecase: bool = False) -> Pattern:
    """Read a pattern.

    Args:
        source: It.
        ignorecase: Whether capital and small letters count as the same.

    Raises:
        TemplateFailed: It is too long, wrong, or needs what is left out.
    """
    if len(source) > LONGEST_PATTERN:
        raise _unfit()
    reader = _Reader(source, ignorecase=ignorecase)
    make = reader.whole()
    return Pattern(reader.groups, reader.loops, make(parts.accept))
