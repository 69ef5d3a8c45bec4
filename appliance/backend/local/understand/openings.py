"""The first words of requests, and what else they may be heard as. Pure."""

from collections.abc import Iterable

from appliance.backend.local.understand.sound import Ear

LIKELY = 0.58
"""Likeness from which a first word may be another one misheard ("glows" is 0.62 "close"). That is
little: the rest of the request must be known word for word."""

_MOST = 2


class Openings:
    """The first words of what can be asked for.

    Args:
        words: All of them.
        ear: Compares the sound.
    """

    def __init__(self, words: Iterable[str], ear: Ear) -> None:
        self.words = frozenset(words)
        self._sorted = tuple(sorted(self.words))
        self._keys = [ear.key(word) for word in self._sorted]
        self._ear = ear

    def like(self, heard: str) -> tuple[str, ...]:
        """Return the first words that sound like a word which is none, the likeliest first."""
        if heard in self.words or not self._sorted:
            return ()
        alike = self._ear.table([heard], self._sorted, self._keys)[0]
        ranked = sorted(zip(alike, self._sorted, strict=True), reverse=True)
        return tuple(word for likeness, word in ranked[:_MOST] if likeness >= LIKELY)
