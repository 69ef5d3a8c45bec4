"""Which of some things a few words mean: "the desk one", "both", "the second". Pure.

A whole name or a room is found by the slots (``amend``); this is for what is said where only some
things can be meant: after a question, and behind "all the lights except". It means nothing else.
"""

from collections.abc import Sequence

from appliance.backend.local.understand.language import Language
from appliance.backend.local.understand.slots import names
from appliance.backend.local.understand.text import Tokens, phrase, starts_with
from appliance.catalogue import Target


class Picker:
    """Finds what is meant.

    Args:
        language: Whose words.
    """

    def __init__(self, language: Language) -> None:
        back, plain = language.back, language.words
        self._every = frozenset(map(phrase, (*back.several, *plain.all)))
        self._ordinals = tuple(back.ordinals)
        self._idle = frozenset(
            word
            for text in (*plain.stop, *plain.articles, *back.stand_ins)
            for word in phrase(text)
        )

    def pick(self, words: Tokens, offered: Sequence[Target]) -> tuple[Target, ...]:
        """Return those that the words single out; none if they do not, all if that is said.

        Args:
            words: An answer, or what is left out.
            offered: What may be meant; after a question, in the order in which it was named.
        """
        if every := starts_with(words, self._every):
            rest = self._telling(words[every:])
            kinds = {word for target in offered for word in _words(target)}
            return tuple(offered) if all(word.removesuffix("s") in kinds for word in rest) else ()
        said = self._telling(words)
        named = tuple(target for target in offered if set(said) <= _words(target))
        if len(named) == len(offered):  # it tells nothing
            return ()
        return named or self._counted(said, offered)

    def _telling(self, words: Tokens) -> Tokens:
        return tuple(word for word in words if word not in self._idle)

    def _counted(self, said: Tokens, offered: Sequence[Target]) -> tuple[Target, ...]:
        """Return the one whose place in the question is named."""
        if len(said) != 1:
            return ()
        places = zip(self._ordinals, offered, strict=False)
        return tuple(target for place, target in places if said[0].startswith(place))[:1]


def _words(target: Target) -> set[str]:
    called = (*names(target), target.area or "")
    return {word for name in called for word in phrase(name)}
