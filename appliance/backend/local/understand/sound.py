"""How alike two runs of words sound. Pure."""

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from appliance.backend.local.understand.language import Language

_SHORTEST = 4
"""Letters; shorter words have too many neighbours and must be met exactly."""

_LETTERS, _SOUND = 0.45, 0.55
"""What the likeness of the letters and of the sound weigh."""

_DIFFER = 0.5
"""Likeness that the words must have in which two names differ."""

_NOT_WORD = re.compile(r"[\W_]+")


class Ear:
    """Compares what was written with what may have been said.

    The likeness is the mean of two: of the letters, and of a coarse key of the sound, in which
    vowels and the voice of consonants count little. Word boundaries do not count at all, for
    speech recognition moves them ("sixty nounce").
    """

    def __init__(self, language: Language) -> None:
        self._rules = language.sound.rules
        self.key = lru_cache(maxsize=20_000)(self._key)

    def table(
        self, heard: Sequence[str], meant: Sequence[str], keys: Sequence[str]
    ) -> NDArray[np.float32]:
        """Return the likeness, 0 to 1, of every run of letters with every other.

        Args:
            heard: Runs of letters without blanks, ``n`` of them.
            meant: As many as ``m``.
            keys: ``key`` of each of ``meant``.

        Returns:
            Shape ``(n, m)``; 1 only for the same letters.
        """
        score = Levenshtein.normalized_similarity
        letters = cdist(heard, meant, scorer=score, dtype=np.float32)
        if self._rules:
            own = [self.key(run) for run in heard]
            sounds = cdist(own, keys, scorer=score, dtype=np.float32)
            alike = np.minimum(_LETTERS * letters + _SOUND * sounds, 0.99)
        else:
            alike = np.minimum(letters, 0.99)
        long = np.array([len(run) for run in heard]) >= _SHORTEST
        wide = np.array([len(run) for run in meant]) >= _SHORTEST
        alike *= long[:, np.newaxis] & wide[np.newaxis, :]
        alike[letters == 1.0] = 1.0
        return np.asarray(alike, dtype=np.float32)

    def differ_little(self, heard: Sequence[str], meant: Sequence[str]) -> bool:
        """Tell whether two runs of words sound alike even without the words they share.

        "offers blind" may be the office blind; "garage lights" shares too much with the "kitchen
        lights" for the whole to tell.
        """
        one, other = list(heard), list(meant)
        while one and other and one[-1] == other[-1]:
            one.pop()
            other.pop()
        while one and other and one[0] == other[0]:
            del one[0], other[0]
        if not one or not other:
            return one == other
        letters, wanted = joined(one), joined(other)
        return bool(self.table([letters], [wanted], [self.key(wanted)])[0, 0] >= _DIFFER)

    def _key(self, letters: str) -> str:
        for pattern, replacement in self._rules:
            letters = pattern.sub(replacement, letters)
        return letters


def joined(words: Sequence[str]) -> str:
    """Return the letters of some words without blanks."""
    return _NOT_WORD.sub("", "".join(words))
