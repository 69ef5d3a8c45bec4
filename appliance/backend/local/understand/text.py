"""A transcript → words, without the wake phrase and without what says nothing. Pure."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from rapidfuzz import fuzz

from appliance.backend.local.understand.language import Language
from appliance.backend.local.understand.sound import Ear

LONGEST = 400
"""Characters; about 30 s of speech. What is longer is no command."""

_TOKEN = re.compile(r"\d+(?:[.,]\d+)?|[%°]|[^\W\d_]+(?:['\u2019][^\W\d_]+)*|[,;.!?]")
_BREAKS = frozenset(",;.!?")

WAKE_LIKENESS = 76.0
"""Of 100, letters and sound alike: from which the beginning counts as the wake phrase. "hey
jervis" (94), "okay now boo" (80) and "alexis" (83) are above it, "he drives" (68) and "relax" (62)
below."""

LEFTOVER_LIKENESS = 66.0
"""Of 100, in sound: from which a word may be the end of the wake phrase: "us", "this", "has" of
"jarvis". Little, since what follows must be a request known word for word."""

MOST_LEFT = (2, 4)
"""Sounds that such a word has at least, letters that it has at most."""

Tokens = tuple[str, ...]


def tokens(text: str, language: Language) -> Tokens:
    """Return lower-case words; a break between clauses is a ``,``; signs are words."""
    plain = unicodedata.normalize("NFKC", text).replace("\u2019", "'").lower()
    found: list[str] = []
    for match in _TOKEN.finditer(plain):
        word = language.symbols.get(match[0], match[0])
        if word not in _BREAKS:
            found.extend(word.split())
        elif found and found[-1] != ",":
            found.append(",")
    if found and found[-1] == ",":
        found.pop()
    return tuple(found)


def words_only(given: Iterable[str]) -> Tokens:
    """Leave out the breaks."""
    return tuple(word for word in given if word != ",")


def phrase(text: str) -> Tokens:
    """Return the words of an entry of a language file or of a name."""
    plain = unicodedata.normalize("NFKC", text).replace("\u2019", "'").lower()
    return tuple(match[0] for match in _TOKEN.finditer(plain) if match[0] not in _BREAKS)


def starts_with(given: Sequence[str], phrases: Iterable[Tokens]) -> int:
    """Return how many words the longest of the phrases takes at the start, or 0."""
    lengths = (len(p) for p in phrases if p and tuple(given[: len(p)]) == p)
    return max(lengths, default=0)


def contains(given: Sequence[str], phrases: Iterable[Tokens]) -> bool:
    """Tell whether one of the phrases occurs."""
    return any(
        tuple(given[start : start + len(p)]) == p
        for p in phrases
        if p
        for start in range(len(given) - len(p) + 1)
    )


def without_wake_phrase(
    given: Tokens, phrases: Iterable[Tokens], key: Callable[[str], str]
) -> Tokens:
    """Cut what sounds like a wake phrase, or like its end, off the start.

    Args:
        given: A request.
        phrases: The wake phrases.
        key: From letters without blanks to how they sound.
    """
    best, cut = WAKE_LIKENESS, 0
    for wake in phrases:
        for part in (wake, wake[1:]):
            wanted = "".join(part)
            if len(wanted) < 4:
                continue
            for length in range(1, min(len(wake) + 2, len(given)) + 1):
                said = "".join(words_only(given[:length]))
                likeness = (fuzz.ratio(said, wanted) + fuzz.ratio(key(said), key(wanted))) / 2
                if likeness > best:
                    best, cut = likeness, length
    rest = given[cut:]
    return rest[1:] if rest and rest[0] == "," else rest


def without(given: Tokens, phrases: Sequence[Tokens]) -> Tokens:
    """Leave out every occurrence of the phrases, longest first, and breaks that stand alone."""
    kept: list[str] = []
    at = 0
    while at < len(given):
        length = starts_with(given[at:], phrases)
        if length:
            at += length
            continue
        if given[at] != "," or (kept and kept[-1] != ","):
            kept.append(given[at])
        at += 1
    while kept and kept[-1] == ",":
        kept.pop()
    return tuple(kept)


class Cleaner:
    """Turns transcripts into words.

    Args:
        language: Whose words.
        wake_phrases: As they are spoken: "hey jarvis".
    """

    def __init__(self, language: Language, wake_phrases: Iterable[str]) -> None:
        self._language = language
        self._key = Ear(language).key
        self._wake = tuple(phrase(spoken) for spoken in wake_phrases)
        self._nothing = tuple(
            phrase(spoken) for spoken in (*language.clean.polite, *language.clean.fillers)
        )

    def is_leftover(self, word: str) -> bool:
        """Tell whether a word sounds like the end of a wake phrase, which is all that is left."""
        key = self._key(word)
        return (
            MOST_LEFT[0] <= len(key)
            and len(word) <= MOST_LEFT[1]
            and any(
                fuzz.ratio(key, self._key("".join(wake))[-length:]) >= LEFTOVER_LIKENESS
                for wake in self._wake
                for length in (2, 3)
            )
        )

    def clean(self, text: str) -> Tokens:
        """Return the words of a request; empty where there is none, or where it is too long."""
        if len(text) > LONGEST:
            return ()
        given = without_wake_phrase(tokens(text, self._language), self._wake, self._key)
        return without(given, self._nothing)
