"""Words that point back: "turn it off", "do it again", "make it brighter". Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.backend.local.understand.language import Language, Step
from appliance.backend.local.understand.text import (
    Tokens,
    contains,
    phrase,
    starts_with,
    words_only,
)

_LONGEST = 12
"""Words of a sentence in which "it" may be a thing of the house; longer ones tell something."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """A word that stands for something named before."""

    start: int
    end: int
    several: bool
    """Whether it stands for everything of the last request: "them"."""


class Back:
    """Finds such words.

    Args:
        language: Whose words.
    """

    def __init__(self, language: Language) -> None:
        given = language.back
        self._one = tuple(map(phrase, given.one))
        self._several = tuple(map(phrase, given.several))
        self._repeat = frozenset(map(phrase, given.repeat))
        self._idle = tuple(map(phrase, given.idle))
        self._steps = {phrase(said): step for said, step in given.steps.items()}
        self._beside = frozenset(
            word
            for text in (*language.words.stop, *given.one, *given.several, *given.beside)
            for word in phrase(text)
        )

    def repeats(self, words: Tokens) -> bool:
        """Tell whether the last request is wanted once more: "do it again"."""
        return words_only(words) in self._repeat

    def pointer(self, words: Sequence[str]) -> Pointer | None:
        """Return the first word that points back; none in a long sentence."""
        if len(words) > _LONGEST:
            return None
        for at in range(len(words)):
            one = starts_with(words[at:], self._one)
            several = starts_with(words[at:], self._several)
            if one or several:
                return Pointer(at, at + max(one, several), several > one)
        return None

    def named(self, words: Tokens, pointer: Pointer, name: str) -> Tokens:
        """Return the sentence with a name in place of the pointer, without an idle "again"."""
        rest = words[pointer.end :]
        for at in range(len(rest)):
            idle = starts_with(rest[at:], self._idle)
            if idle:
                rest = (*rest[:at], *rest[at + idle :])
                break
        return (*words[: pointer.start], *phrase(name), *rest)

    def steps(self, words: Tokens) -> bool:
        """Tell whether words hold a step."""
        return contains(words, tuple(self._steps))

    def step(self, words: Tokens) -> Step | None:
        """Return the step that words ask for which ask for nothing else: "a bit brighter"."""
        for at in range(len(words)):
            for said, step in self._steps.items():
                end = at + len(said)
                if words[at:end] == said and self._beside.issuperset(words[:at] + words[end:]):
                    return step
        return None
