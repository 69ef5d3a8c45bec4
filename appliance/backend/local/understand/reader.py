"""One request → what it asks for: known sentences, cut sentences, misheard ones, alike ones."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice

from appliance.backend.local.understand.back import Back
from appliance.backend.local.understand.clauses import (
    Clauses,
    completions,
    endings,
    replacements,
)
from appliance.backend.local.understand.guards import Guards
from appliance.backend.local.understand.house import House
from appliance.backend.local.understand.language import Language
from appliance.backend.local.understand.nearest import Nearest
from appliance.backend.local.understand.pointing import Pointing
from appliance.backend.local.understand.reading import Reading, Scene, Trace
from appliance.backend.local.understand.sentences import Request
from appliance.backend.local.understand.text import Tokens, phrase, starts_with, words_only

_DEEPEST = 4
"""Cuts within cuts."""

_MOST_VARIANTS = 24
"""Misheard readings of one clause that are tried."""

_LONGEST_KNOWN = 30
"""Words of a clause that templates are tried on; those that match are shorter."""


class Reader:
    """Reads requests.

    Args:
        language: Whose words.
        nearest: The second stage; ``None``: there is only the first.
    """

    def __init__(self, language: Language, nearest: Nearest | None) -> None:
        self.clauses = Clauses(language)
        self.guards = Guards(language)
        self.pointing = Pointing(Back(language))
        self._nearest = nearest
        self._every = tuple(map(phrase, language.words.all))
        self._heard = {phrase(heard): phrase(said) for heard, said in language.heard.items()}
        self._longest_heard = max(map(len, self._heard), default=0)

    def known(self, words: Tokens, scene: Scene, trace: Trace) -> Reading | None:
        """Return what a sentence asks for that is known word for word."""
        if len(words) > _LONGEST_KNOWN:
            return None
        house = scene.house
        requests = (
            house.spoken.match(words, free=False)
            or house.sentences.match(words)
            or house.spoken.match(words, free=True)
            or self._all(words, house)
        )
        trace.note("sentences", " ".join(words), ", ".join(r.tool for r in requests))
        return Reading(requests, "sentences") if requests else None

    def _all(self, words: Tokens, house: House) -> tuple[Request, ...]:
        """Return what "turn on all the lights" asks for, which may leave out the room."""
        for at in range(1, len(words) - 1):
            length = starts_with(words[at:], self._every)
            if length:
                requests = house.everywhere.match((*words[:at], *words[at + length :]))
                return tuple(replace(r, ambiguous=False) for r in requests if r.targets)
        return ()

    def sure(self, words: Tokens, scene: Scene, trace: Trace) -> Reading | None:
        """Return what a sentence asks for that is known word for word, but for an "it"."""
        return self.known(words, scene, trace) or self.pointed(words, scene, trace, sure=True)

    def pointed(
        self, words: Tokens, scene: Scene, trace: Trace, *, sure: bool = False
    ) -> Reading | None:
        """Return what a sentence asks of what was named before.

        Args:
            words: Without breaks.
            scene: What was named before.
            trace: Is told.
            sure: Whether the sentence must be known word for word.
        """
        if len(words) > _LONGEST_KNOWN or not self.pointing.points(words):
            return None
        read = partial(self._by_name, trace=trace, sure=sure)
        found = self.pointing.pointed(words, scene, read)
        outcome = ", ".join(r.tool for r in found.requests) if found is not None else ""
        trace.note("pointed", " ".join(words), outcome)
        return found

    def unknown(self, words: Tokens, scene: Scene, trace: Trace) -> tuple[Reading, str] | None:
        """Return what a sentence would ask of a thing, and the word that names none."""
        plain = words_only(words)
        if len(plain) > _LONGEST_KNOWN or self.guards.is_question(plain):
            return None
        return self.pointing.unknown(plain, scene, partial(self._by_name, trace=trace, sure=True))

    def _by_name(self, words: Tokens, scene: Scene, *, trace: Trace, sure: bool) -> Reading | None:
        """Read a sentence in which a name stands for "it"."""
        if self.guards.objection(words) is not None:
            return None
        found = self.known(words, scene, trace) or self._misheard(words, scene, trace)
        return found if found is not None or sure else self._alike(words, scene, trace, whole=True)

    def read(self, words: Tokens, scene: Scene, trace: Trace) -> Reading | None:
        """Return what a request asks for, or ``None``; breaks help to cut it."""
        plain = words_only(words)
        objection = self.guards.objection(plain)
        if objection is not None:
            trace.note("guard", " ".join(plain), objection)
            return None
        corrected = self.clauses.corrected(words)
        if corrected is not None:
            return self._replaced(*corrected, scene, trace)
        cut = self._cut(words, scene, trace, depth=0)
        if cut is not None:
            return cut
        return (
            self._misheard(plain, scene, trace)
            or self._alike(plain, scene, trace)
            or self._partly(words, scene, trace)
        )

    def begun_badly(
        self, words: Tokens, scene: Scene, trace: Trace, *, leftover: bool
    ) -> Reading | None:
        """Read a request whose first word was cut or misheard: "glows the blind".

        Args:
            words: A request.
            scene: Where it was said.
            trace: Is told.
            leftover: Whether the first word may be the end of the wake phrase.
        """
        plain = words_only(words)
        if len(plain) > _LONGEST_KNOWN or self.guards.objection(plain) is not None:
            return None
        starts = [plain] if not self.guards.is_question(plain) else []
        if leftover and len(plain) > 1:
            starts.append(plain[1:])
        for start in starts:
            for said in self._begun(start, scene.house):
                found = self.sure(said, scene, trace) or self.sure(
                    _named(said, scene.house), scene, trace
                )
                if found is not None:
                    return replace(found, stage="nearest")
        return None

    def _begun(self, words: Tokens, house: House) -> Iterator[Tokens]:
        """Yield a request with each first word that it may have had."""
        said = self._heard.get(words[:1])
        for first in (words[:1], said):
            if first is not None and first[0] in house.openings.words:
                yield (*first, *words[1:])
        if not self.guards.tells(words):
            for opening in house.openings.like(words[0]):
                yield (opening, *words[1:])

    def _partly(self, words: Tokens, scene: Scene, trace: Trace) -> Reading | None:
        """Read one of two commands; the other is none that is known."""
        for left, right in self.clauses.joined(words):
            if len(right) < 2 or self.guards.is_question(left):
                continue
            first = self.sure(left, scene, trace)
            if first is not None:
                if self._belongs(right, first, scene.house):
                    continue
                return replace(first, partly=True)
            if left[0] in scene.house.openings.words and not self.guards.tells(left):
                second = self._certain(right, scene, trace, depth=1)
                if second is not None:
                    return replace(second, partly=True)
        return None

    def _belongs(self, words: Tokens, reading: Reading, house: House) -> bool:
        """Tell whether words hold a value for what was asked, so that it would not be whole."""
        tools = {request.tool for request in reading.requests}
        return any(house.tools[name].filler.fill(words).values for name in tools)

    def _replaced(
        self, before: Tokens, after: Tokens, scene: Scene, trace: Trace
    ) -> Reading | None:
        """Read "the kitchen, no, the bedroom light" as if only the last was said."""
        whole = self._certain(after, scene, trace, depth=1)
        if whole is not None:
            return whole
        for words in islice(replacements(before, after), _MOST_VARIANTS):
            found = self.known(words, scene, trace)
            if found is not None:
                return found
        if self._nearest is None or self._alike(before, scene, trace) is None:
            return None
        return self._alike((*before, *after), scene, trace)

    def _certain(self, words: Tokens, scene: Scene, trace: Trace, *, depth: int) -> Reading | None:
        """Return what is known word for word, as a whole or in parts."""
        plain = words_only(words)
        return self.sure(plain, scene, trace) or self._cut(words, scene, trace, depth=depth)

    def _cut(self, words: Tokens, scene: Scene, trace: Trace, *, depth: int) -> Reading | None:
        if depth >= _DEEPEST:
            return None
        for left, right in self.clauses.cuts(words):
            pair = self._pair(left, right, scene, trace, depth=depth + 1)
            if pair is not None:
                first, second = pair
                stage = first.stage if first.stage == second.stage else "nearest"
                return Reading((*first.requests, *second.requests), stage)
        return None

    def _pair(
        self, left: Tokens, right: Tokens, scene: Scene, trace: Trace, *, depth: int
    ) -> tuple[Reading, Reading] | None:
        """Read both halves, each alone or with what it shares with the other; else neither."""
        first = self.sure(left, scene, trace)
        whole = scene
        scene = scene if first is None else scene.after(first.requests)
        second = self._certain(right, scene, trace, depth=depth)
        if first is not None and second is not None:
            return first, second
        if first is not None:
            for words in completions(left, right):
                second = self._certain(words, scene, trace, depth=depth)
                if second is not None:
                    return first, second
        if second is not None:
            for words in endings(left, words_only(right)):
                first_ = self.sure(words, scene, trace)
                if first_ is not None:
                    return first_, second
        if depth > 1:
            return None
        return self._loose_pair(first, second, left, words_only(right), whole, trace)

    def _loose_pair(
        self,
        first: Reading | None,
        second: Reading | None,
        left: Tokens,
        right: Tokens,
        scene: Scene,
        trace: Trace,
    ) -> tuple[Reading, Reading] | None:
        """Accept halves that are only like an example where the whole cannot be one request."""
        first = first or self._misheard(left, scene, trace) or self._alike(left, scene, trace)
        if first is None or any(request.ambiguous for request in first.requests):
            return None
        later = scene.after(first.requests)
        second = (
            second
            or self._misheard(right, scene, trace)
            or self.pointed(right, later, trace)
            or self._alike(right, scene, trace)
        )
        if second is None:
            return None
        ours = {request.tool for request in first.requests}
        theirs = {request.tool for request in second.requests}
        both_guessed = first.stage == second.stage == "nearest"
        if both_guessed and ours & theirs:
            return None
        both = (*first.requests, *second.requests)
        complete = all(scene.house.tools[r.tool].missing(r) is None for r in both)
        return (first, second) if complete else None

    def _misheard(self, words: Tokens, scene: Scene, trace: Trace) -> Reading | None:
        """Try what speech recognition may have made of a known sentence."""
        if len(words) > _LONGEST_KNOWN:
            return None
        for variant in islice(self._variants(words, scene.house), _MOST_VARIANTS):
            found = self.known(variant, scene, trace)
            if found is not None:
                return found
        return None

    def _variants(self, words: Tokens, house: House) -> Iterator[Tokens]:
        """Yield other ways to have heard it: names put right, then single words, then both."""
        seen = {words}
        named = _named(words, house)
        for base in dict.fromkeys((named, words)):
            for variant in (base, *self._single(base)):
                if variant not in seen:
                    seen.add(variant)
                    yield variant

    def _single(self, words: Tokens) -> Iterator[Tokens]:
        for at in range(len(words)):
            for length in range(1, self._longest_heard + 1):
                said = self._heard.get(words[at : at + length])
                if said is not None:
                    changed = (*words[:at], *said, *words[at + length :])
                    yield changed
                    yield from self._second(changed, at + len(said))

    def _second(self, words: Tokens, start: int) -> Iterator[Tokens]:
        for at in range(start, len(words)):
            said = self._heard.get(words[at : at + 1])
            if said is not None:
                yield (*words[:at], *said, *words[at + 1 :])

    def _alike(
        self, words: Tokens, scene: Scene, trace: Trace, *, whole: bool = False
    ) -> Reading | None:
        """Return what a request is like; if ``whole``, no word may be left unexplained."""
        if self._nearest is None:
            return None
        guess = self._nearest.match(
            words,
            scene.house,
            question=self.guards.is_question(words),
            named_only=self.pointing.points(words),
        )
        trace.note("nearest", " ".join(words), guess.why)
        if whole and guess.request is not None:
            tool = scene.house.tools[guess.request.tool]
            if self._nearest.unexplained(tool, guess.filled) > 0:
                return None
        return Reading((guess.request,), "nearest") if guess.request is not None else None


def _named(words: Tokens, house: House) -> Tokens:
    """Put names and rooms that were misheard right."""
    found = house.names.fill(words)
    changed = list(found.said)
    for span in sorted(found.spans, key=lambda span: -span.start):
        name = phrase(str(span.value))
        if house.ear.differ_little(found.said[span.start : span.end], name):
            changed[span.start : span.end] = name
    return tuple(changed)
