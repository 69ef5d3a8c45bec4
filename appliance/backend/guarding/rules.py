"""Finds what is not to be spoken of in a text that comes in pieces. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from appliance.config.guardrails import GuardRule

Where = Literal["request", "reply", "tools"]

LONGEST: Final = 20_000
"""Characters of one text that are looked at, the latest; a reply is far shorter."""

OVERLAP: Final = 400
"""Characters of it that are looked at again with the next piece; no phrase is longer."""

_DEEPEST: Final = 20
"""Tables within tables in the arguments of a tool."""

_WORDS: Final = re.compile(r"[^\W_]+")
_APOSTROPHE: Final = re.compile(r"(?<=\w)['\u2019](?=\w)")


def plain(text: str) -> str:
    """Return a text in small letters without accents; its words are separated by one space.

    What is not a letter or a digit separates words, but an apostrophe within one is left out:
    "don't" and "dont" are the same.
    """
    bare = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return " ".join(_WORDS.findall(_APOSTROPHE.sub("", bare)))


@dataclass(frozen=True, slots=True)
class _Ready:
    """A rule, ready to be looked for."""

    rule: GuardRule
    pattern: re.Pattern[str]


class Rulebook:
    """The rules of this house.

    Args:
        rules: In the order in which they are looked at.
    """

    def __init__(self, rules: Iterable[GuardRule]) -> None:
        self._rules = tuple(_Ready(rule, _pattern(rule.words)) for rule in rules)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._rules)

    def look(self, text: str, where: Where, persona: str = "") -> GuardRule | None:
        """Return the first rule that a whole text breaks.

        Args:
            text: As it was said or written.
            where: What it is.
            persona: Who the box is.
        """
        told = f" {plain(text[-LONGEST:])} "
        return next(
            (each.rule for each in self._of(where, persona) if each.pattern.search(told)), None
        )

    def look_into(self, arguments: Mapping[str, object], persona: str = "") -> GuardRule | None:
        """Return the first rule that the arguments of a tool break: their texts, at any depth."""
        return self.look(" | ".join(_texts(arguments, _DEEPEST)), "tools", persona)

    def _of(self, where: Where, persona: str) -> Iterator[_Ready]:
        for each in self._rules:
            rule = each.rule
            if where in rule.where and (not rule.personas or persona in rule.personas):
                yield each


@dataclass(slots=True)
class Reading:
    """A reply that is read as it is written."""

    book: Rulebook
    persona: str = ""
    _text: str = field(default="", repr=False)

    def take(self, piece: str) -> GuardRule | None:
        """Add a piece; return the rule that it breaks with what came before.

        A word at its very end may go on in the next piece: "kill" is not judged before it is known
        whether it is "killjoy".
        """
        if len(self._text) > OVERLAP:  # from a whole word on
            self._text = self._text[-OVERLAP:].partition(" ")[2]
        self._text += piece
        cut = len(self._text)
        while cut and self._text[cut - 1].isalnum():
            cut -= 1
        return self.book.look(self._text[:cut], "reply", self.persona)

    def end(self) -> GuardRule | None:
        """Return the rule that is broken now that nothing more comes."""
        return self.book.look(self._text, "reply", self.persona)


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    """Return what finds any of these in plain text with a space at each end.

    Only literal words and their endings: it takes linear time whatever the text.
    """
    forms: list[str] = []
    for phrase in words:
        parts = [
            re.escape(word) + (r"\w*" if star else "")
            for each in phrase.split()
            for word, star in _word_forms(each)
        ]
        if parts:
            forms.append(" ".join(parts))
    return re.compile(f" (?:{'|'.join(forms)})(?= )" if forms else r"(?!)")


def _word_forms(written: str) -> Iterator[tuple[str, bool]]:
    words = plain(written).split()
    for number, word in enumerate(words, start=1):
        yield word, number == len(words) and written.endswith("*")


def _texts(value: object, depth: int) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping() if depth:
            for each in value.values():
                yield from _texts(each, depth - 1)
        case list() | tuple() if depth:
            for each in value:
                yield from _texts(each, depth - 1)
        case _:
            pass
