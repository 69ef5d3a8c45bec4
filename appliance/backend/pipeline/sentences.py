"""A text → what is spoken at one go. Pure.

A sentence is made into sound as a whole, so the first one decides when the box begins to speak:
where it is long, its first clause goes ahead.
"""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

LONG = 70
"""Characters (about 4 s of speech) from which the first sentence is cut at a clause."""

SHORTEST_CLAUSE = 12
"""Characters below which a clause alone sounds chopped off."""

_END = re.compile(r"[.!?\u2026]+[\"'\u201d\u2019)\]]*(?=\s)")
_CLAUSE = re.compile(r"[,;:\u2013\u2014](?=\s)")  # also at dashes
_OPENING = "\"'\u201c\u2018(["
_CLOSING = "\"'\u201d\u2019)]"
_LAST_WORD = re.compile(r"(\S+)$")


def split(text: str, *, abbreviations: AbstractSet[str] = frozenset()) -> list[str]:
    """Cut a text into sentences to be spoken one after the other.

    No word is lost, added or moved; only white space between the parts is.

    Args:
        text: Any text.
        abbreviations: Lower-case words whose full stop does not end a sentence, without it.
    """
    sentences = [
        sentence
        for line in text.splitlines()
        for sentence in _sentences(line, abbreviations)
        if sentence
    ]
    return [*_head_start(sentences[0]), *sentences[1:]] if sentences else []


class Sentences:
    """Cuts a text that is still being written; gives in all what ``split`` would give.

    A sentence is given as soon as nothing that may follow can change it. Where the first one grows
    long, its first clause is given before it is complete.

    Args:
        abbreviations: As for ``split``.
    """

    def __init__(self, *, abbreviations: AbstractSet[str] = frozenset()) -> None:
        self._abbreviations = abbreviations
        self._text = ""
        self._begun = False

    def add(self, piece: str) -> list[str]:
        """Take the next piece of the text; return what can be spoken now."""
        self._text += piece
        *whole, last = self._text.splitlines(keepends=True) or [""]
        if last != "".join(last.splitlines()):
            whole, last = [*whole, last], ""
        found = [each for line in whole for each in _sentences(line.rstrip(), self._abbreviations)]
        begin, certain = _certain(last, self._abbreviations)
        self._text = last[begin:]
        return [*self._give([*found, *certain]), *self._head_start()]

    def end(self) -> list[str]:
        """Return the rest: the text is complete."""
        rest, self._text = self._text, ""
        return self._give(list(_sentences(rest, self._abbreviations)))

    def _give(self, sentences: list[str]) -> list[str]:
        given = [sentence for sentence in sentences if sentence]
        if not given or self._begun:
            return given
        self._begun = True
        return [*_head_start(given[0]), *given[1:]]

    def _head_start(self) -> list[str]:
        """Return the first clause of a first sentence that is long already, if it can go."""
        if self._begun or _END.search(self._text):
            return []
        *head, _ = _head_start(self._text.strip())
        if not head:
            return []
        self._begun = True
        self._text = self._text[self._text.index(head[0]) + len(head[0]) :]
        return head


def _certain(line: str, abbreviations: AbstractSet[str]) -> tuple[int, list[str]]:
    """Return the sentences of an incomplete line that stay as they are, and where they end."""
    begin, found = 0, []
    for end in _END.finditer(line):
        before, after = line[begin : end.end()], line[end.end() :].lstrip()
        if not after and before.rstrip(_CLOSING).endswith((".", "…")):
            break  # the next letter decides
        if not _goes_on(before, after, abbreviations):
            found.append(before.strip())
            begin = end.end()
    return begin, found


def _sentences(line: str, abbreviations: AbstractSet[str]) -> Iterator[str]:
    begin = 0
    for end in _END.finditer(line):
        if _goes_on(line[begin : end.end()], line[end.end() :].lstrip(), abbreviations):
            continue
        yield line[begin : end.end()].strip()
        begin = end.end()
    yield line[begin:].strip()


def _goes_on(before: str, after: str, abbreviations: AbstractSet[str]) -> bool:
    """Tell whether the stop at the end of ``before`` is inside a sentence."""
    if not after:
        return False
    stopped = before.rstrip(_CLOSING)
    if stopped.endswith(("...", "…")):
        return after[0].islower()
    if not stopped.endswith("."):
        return False
    word = _LAST_WORD.search(stopped)
    bare = word[1].rstrip(".").lstrip(_OPENING).lower() if word else ""
    initial = len(bare) == 1 and bare.isalpha() and bare != "i"
    return bare in abbreviations or initial or after[0].islower()


def _head_start(sentence: str) -> list[str]:
    """Cut the first clause off a long sentence."""
    if len(sentence) <= LONG:
        return [sentence]
    for mark in _CLAUSE.finditer(sentence):
        head, rest = sentence[: mark.end()], sentence[mark.end() :].strip()
        if len(head) >= SHORTEST_CLAUSE and len(rest) >= SHORTEST_CLAUSE:
            return [head, rest]
    return [sentence]
