"""What a person answers to a question of the box itself: yes, no, a PIN, or something else.

Reading is pure; one file for each language. It errs towards "no": a yes is a yes only if all that
was said is one, and a word of refusal anywhere in few words is a refusal. The box's own question,
come back through the microphone, is no answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import resources
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from appliance.backend.local import language_files
from appliance.backend.local.understand import language as languages
from appliance.backend.local.understand.numbers import Numbers
from appliance.backend.local.understand.sound import Ear
from appliance.backend.local.understand.text import (
    Tokens,
    contains,
    phrase,
    starts_with,
    without_wake_phrase,
)

LONGEST: Final = 400
"""Characters; more is no answer to a question."""

FEW: Final = 6
"""Words of which one that refuses makes a refusal of all."""

_ECHO: Final = 2
"""Words of the question in a row that are the question come back."""

Words = tuple[str, ...]
Sentence = Annotated[str, Field(min_length=1)]
Digit = Annotated[str, Field(pattern=r"^\d$")]


class Kind(StrEnum):
    """What was answered."""

    YES = "yes"
    NO = "no"
    PIN = "PIN"
    """Digits. For the timeline this word is all there is of them."""

    NOTHING = "nothing"
    """No word, or only the question itself."""

    OTHER = "something else"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, read."""

    kind: Kind
    pin: str = field(default="", repr=False)
    """The digits; never logged, sent or kept."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class _Words(_Table):
    yes: Words
    no: Words
    fillers: Words


class _Digits(_Table):
    zero: Words
    """What else stands for 0."""

    repeat: dict[str, Annotated[int, Field(ge=2, le=4)]]
    """How often the next digit stands there."""

    heard: dict[str, Digit] = {}
    """What recognition writes instead of a digit."""


class Say(_Table):
    """What the box says."""

    left: Sentence
    """It was told not to."""

    nothing: Sentence
    """Somebody made a sound, but no word of it was understood."""


class _File(_Table):
    numbers: str
    """The language of the spelled numbers (``understand/words``)."""

    words: _Words
    digits: _Digits
    say: Say


class Consent:
    """Reads answers in one language; any thread.

    Args:
        given: The language's file, checked.
        wake_phrases: As they are spoken: they may stand before the answer.
    """

    def __init__(self, given: _File, wake_phrases: Iterable[str] = ()) -> None:
        self.say: Say = given.say
        """What the box says."""

        self._yes = tuple(map(phrase, given.words.yes))
        self._no = tuple(map(phrase, given.words.no))
        self._fillers = tuple(map(phrase, given.words.fillers))
        self._wake = tuple(map(phrase, wake_phrases))
        self._key = Ear(languages.load(given.numbers)).key
        self._numbers = Numbers(given.numbers)
        self._zero = frozenset(given.digits.zero)
        self._repeat: Mapping[str, int] = given.digits.repeat
        self._heard: Mapping[str, str] = given.digits.heard

    def read(self, text: str, *, question: str, pin: bool) -> Reply:
        """Return what was answered.

        Args:
            text: As written down by the recogniser.
            question: What the box asked.
            pin: Whether it asked for the PIN.
        """
        words = without_wake_phrase(phrase(text[:LONGEST]), self._wake, self._key)
        asked = phrase(question)
        if not words or _echoes(words, asked):
            return Reply(Kind.NOTHING)
        if pin and (digits := self.digits(words)):
            return Reply(Kind.PIN, digits)
        if len(words) <= FEW and contains(words, self._no):
            return Reply(Kind.NO)
        if not pin and self._agrees(words, asked):
            return Reply(Kind.YES)
        return Reply(Kind.OTHER)

    def agrees(self, text: str) -> bool:
        """Tell whether a sentence has a yes in it: no question of the box may."""
        return contains(phrase(text), self._yes)

    def digits(self, words: Sequence[str]) -> str:
        """Return all digits that were said, in order; "" where there are none.

        "one two three four", "twelve thirty four", "1234", "double five oh one".
        """
        strict, pure = self._collect(words, {})
        if not strict or pure:
            return strict
        loose, all_numbers = self._collect(words, self._heard)
        return loose if all_numbers else strict

    def _collect(self, words: Sequence[str], heard: Mapping[str, str]) -> tuple[str, bool]:
        """Return the digits, and whether nothing but fillers stands between them."""
        found: list[str] = []
        pure, at, times = True, 0, 1
        while at < len(words):
            group, end = self._group(words, at, heard)
            if group:
                found.append(group[0] * (times - 1) + group)
                times, at = 1, end
                continue
            times = self._repeat.get(words[at], 1)
            idle = starts_with(words[at:], self._fillers)
            pure = pure and (times > 1 or idle > 0)
            at += max(idle, 1)
        return "".join(found), pure

    def _group(self, words: Sequence[str], at: int, heard: Mapping[str, str]) -> tuple[str, int]:
        word = words[at]
        if word[0].isdecimal():
            return "".join(each for each in word if each.isdecimal()), at + 1
        if word in self._zero:
            return "0", at + 1
        if word in heard:
            return heard[word], at + 1
        number = self._numbers.at(words, at)
        if number is None or number.unit is not None or number.fraction:
            return "", at
        if number.value != int(number.value):
            return "", at
        return str(int(number.value)), number.end

    def _agrees(self, words: Tokens, asked: Tokens) -> bool:
        """Tell whether all that was said is a yes, with words of the question at most."""
        agreed, at = False, 0
        while at < len(words):
            length = starts_with(words[at:], self._yes)
            agreed = agreed or length > 0
            length = length or starts_with(words[at:], self._fillers)
            if not length and not (agreed and words[at] in asked):
                return False
            at += max(length, 1)
        return agreed


def load(language: str, wake_phrases: Iterable[str] = ()) -> Consent:
    """Read the words of a language such as ``en`` or ``en-GB`` (which falls back to ``en``).

    Takes half a second the first time; not on the event loop.

    Raises:
        ConfigError: There are none, or their file is wrong.
    """
    given = language_files.load(resources.files(__name__), language, _File)
    return Consent(given, wake_phrases)


def _echoes(words: Tokens, asked: Tokens) -> bool:
    """Tell whether the question itself was heard, or a piece of it."""
    if len(words) < _ECHO:
        return False
    return contains(asked, (words,))
