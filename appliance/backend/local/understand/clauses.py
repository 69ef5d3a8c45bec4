"""Where one sentence holds several commands, or takes back what it has just said. Pure."""

from collections.abc import Iterator, Sequence

from appliance.backend.local.understand.language import Language
from appliance.backend.local.understand.text import Tokens, phrase, starts_with, words_only

_MOST_BREAKS = 6
"""Places where a sentence is tried to be cut; speech has no more commands in one breath."""


class Clauses:
    """Cuts sentences.

    Args:
        language: Whose conjunctions and corrections.
    """

    def __init__(self, language: Language) -> None:
        given = language.clauses
        self._conjunctions = tuple(map(phrase, given.conjunctions))
        self._corrections = tuple(map(phrase, given.corrections))
        self._exceptions = tuple(map(phrase, given.exceptions))
        self._change = tuple(map(phrase, given.change))

    def cuts(self, words: Tokens) -> Iterator[tuple[Tokens, Tokens]]:
        """Yield the ways to cut a sentence in two, at a conjunction or a break, first to last."""
        found = 0
        at = 1
        while at < len(words) - 1 and found < _MOST_BREAKS:
            start = at
            while at < len(words) and words[at] == ",":
                at += 1
            at += starts_with(words[at:], self._conjunctions)
            if at == start:
                at += 1
                continue
            while at < len(words) and words[at] == ",":
                at += 1
            left, right = words_only(words[:start]), tuple(words[at:])
            if left and words_only(right):
                found += 1
                yield left, right

    def exception(self, words: Tokens) -> tuple[Tokens, tuple[Tokens, ...]] | None:
        """Return what is asked for, and what is left out of it, thing by thing; else ``None``.

        "All the lights except the hall light and the desk lamp" leaves out two.
        """
        for at in range(1, len(words) - 1):
            length = starts_with(words[at:], self._exceptions)
            before, after = words_only(words[:at]), tuple(words[at + length :])
            if length and before and words_only(after):
                return before, tuple(self._things(after))
        return None

    def _things(self, words: Tokens) -> Iterator[Tokens]:
        """Yield what stands between conjunctions and breaks."""
        thing: list[str] = []
        at = 0
        while at < len(words):
            length = int(words[at] == ",") or starts_with(words[at:], self._conjunctions)
            if length and thing:
                yield tuple(thing)
                thing = []
            if not length:
                thing.append(words[at])
            at += length or 1
        if thing:
            yield tuple(thing)

    def joined(self, words: Tokens) -> Iterator[tuple[Tokens, Tokens]]:
        """Yield the ways to cut a sentence in two at a conjunction, first to last, no breaks."""
        for at in range(1, len(words) - 1):
            length = starts_with(words[at:], self._conjunctions)
            left, right = words_only(words[:at]), words_only(words[at + length :])
            if length and left and right:
                yield left, right

    def corrected(self, words: Tokens) -> tuple[Tokens, Tokens] | None:
        """Return what was said before and after the last correction within a sentence."""
        for at in range(len(words) - 1, 0, -1):
            length = starts_with(words[at:], self._corrections)
            if length and at > 0 and at + length < len(words):
                # "no" inside a longer marker is found on the way back; take the longest
                longer = next(
                    (b for b in range(max(1, at - 3), at) if self._spans(words, b, at + length)),
                    at,
                )
                before, after = words_only(words[:longer]), words_only(words[at + length :])
                if before and after:
                    return before, after
        return None

    def _spans(self, words: Tokens, start: int, end: int) -> bool:
        return any(words_only(words[start:end]) == marker for marker in self._corrections)

    def correction(self, words: Tokens) -> Tokens | None:
        """Return what is said after an opening correction: "no, the bedroom"; else ``None``."""
        plain = words_only(words)
        cut = 0
        while length := starts_with(plain[cut:], (*self._corrections, *self._change)):
            cut += length
        return plain[cut:] if cut and cut < len(plain) else None

    def addition(self, words: Tokens) -> Tokens | None:
        """Return what is said after an opening conjunction: "and the bedroom"; else ``None``."""
        plain = words_only(words)
        length = starts_with(plain, self._conjunctions)
        return plain[length:] if 0 < length < len(plain) else None


def completions(left: Sequence[str], right: Sequence[str]) -> Iterator[Tokens]:
    """Yield the second half with the beginning of the first: "turn on" + "the fan"."""
    for length in range(1, len(left)):
        yield (*left[:length], *right)


def endings(left: Sequence[str], right: Sequence[str]) -> Iterator[Tokens]:
    """Yield the first half with the end of the second: "turn the light" + "off"."""
    for length in range(1, min(4, len(right))):
        yield (*left, *right[-length:])


def replacements(before: Sequence[str], after: Sequence[str]) -> Iterator[Tokens]:
    """Yield a sentence with its end replaced: "turn on the kitchen" by "the bedroom light"."""
    for length in range(len(before) - 1, 0, -1):
        yield (*before[:length], *after)
    for length in range(len(before) - 1, 0, -1):
        for rest in range(1, len(before) - length):
            yield (*before[:length], *after, *before[-rest:])
