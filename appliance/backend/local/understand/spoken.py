"""Known sentences with times and free text in them: "remind me to {text} at {time}". Pure.

hassil spells out everything that a slot may take; lengths of time, times of day and free text
cannot be spelled out. They are read where the sentence has its place for them. Of several readings
the one counts that leaves the least to free text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from appliance.backend.local.understand.language import Language
from appliance.backend.local.understand.moments import Moments
from appliance.backend.local.understand.numbers import Numbers
from appliance.backend.local.understand.sentences import Request
from appliance.backend.local.understand.slots import Kind, Slot
from appliance.backend.local.understand.text import phrase
from appliance.catalogue import ToolSpec

LONGEST_PHRASE = 24
"""Words of free text at the end of a sentence."""

LONGEST_INNER = 5
"""Words of free text before other words, such as the name of a timer."""

MOST_STEPS = 2_000
"""Steps that one sentence is worth beside one example."""

_READ = frozenset({Kind.DURATION, Kind.TIME, Kind.PHRASE})
"""What hassil cannot spell out."""

_PLACED = _READ | {Kind.CHOICE}


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One example: words and slots."""

    tool: str
    parts: tuple[str | Slot, ...]

    @property
    def free(self) -> bool:
        """Whether it has free text and nothing else in its places."""
        kinds = {part.kind for part in self.parts if isinstance(part, Slot)}
        return kinds == {Kind.PHRASE}

    @property
    def writes(self) -> bool:
        """Whether it has free text."""
        return any(isinstance(part, Slot) and part.kind is Kind.PHRASE for part in self.parts)


@dataclass(slots=True)
class _Budget:
    left: int = MOST_STEPS


class Spoken:
    """Matches the examples of one catalogue that have such places.

    Args:
        tools: With the slots of each.
        language: Whose words.
        numbers: Reads lengths of time.
        moments: Reads times of day.
    """

    def __init__(
        self,
        tools: Mapping[str, tuple[ToolSpec, Sequence[Slot]]],
        language: Language,
        numbers: Numbers,
        moments: Moments,
    ) -> None:
        self._numbers = numbers
        self._moments = moments
        self._articles = frozenset(language.words.articles)
        self._patterns = tuple(
            pattern for spec, slots in tools.values() for pattern in _patterns(spec, slots)
        )

    def match(self, words: Sequence[str], *, free: bool) -> tuple[Request, ...]:
        """Return the request that a sentence without breaks is, or nothing.

        Args:
            words: The sentence.
            free: Whether any of its words may be free text.
        """
        best: tuple[tuple[int, int], Request] | None = None
        for pattern in self._patterns:
            budget = _Budget()
            if not free and pattern.writes:
                continue
            for values, many in self._readings(pattern.parts, tuple(words), 0, budget):
                if pattern.free and self._times(words):
                    break  # "remind me to … at five and …": it would be swallowed
                rank = (many, -len(pattern.parts))
                if best is None or rank < best[0]:
                    best = rank, Request(pattern.tool, values)
        return () if best is None else (best[1],)

    def _times(self, words: Sequence[str]) -> bool:
        return bool(self._numbers.all(words))

    def _readings(
        self, parts: tuple[str | Slot, ...], words: tuple[str, ...], at: int, budget: _Budget
    ) -> Iterator[tuple[dict[str, object], int]]:
        """Yield the values of every reading, with the words left to free text."""
        budget.left -= 1
        if budget.left < 0:
            return
        if not parts:
            if at == len(words):
                yield {}, 0
            return
        first, rest = parts[0], parts[1:]
        article = at + 1 < len(words) and words[at] in self._articles
        if isinstance(first, str):
            for left, after in self._after_word(parts, words, at):
                yield from self._readings(left, words, after, budget)
            return
        if article:
            yield from self._readings(parts, words, at + 1, budget)
        for end, value in self._values(first, words, at, last=not rest):
            for values, free in self._readings(rest, words, end, budget):
                more = end - at if first.kind is Kind.PHRASE else 0
                yield {first.parameter: value, **values}, free + more

    def _after_word(
        self, parts: tuple[str | Slot, ...], words: tuple[str, ...], at: int
    ) -> Iterator[tuple[tuple[str | Slot, ...], int]]:
        """Yield what is left behind a literal word; articles are left to the speaker."""
        first, rest = parts[0], parts[1:]
        article = at < len(words) and words[at] in self._articles
        if at < len(words) and (words[at] == first or (article and first in self._articles)):
            yield rest, at + 1
        elif first in self._articles:
            yield rest, at
        elif article:
            yield parts, at + 1

    def _values(
        self, slot: Slot, words: tuple[str, ...], at: int, *, last: bool
    ) -> Iterator[tuple[int, object]]:
        match slot.kind:
            case Kind.PHRASE:
                longest = LONGEST_PHRASE if last or slot.required else LONGEST_INNER
                for end in range(min(len(words), at + longest), at, -1):
                    yield end, " ".join(words[at:end])
            case Kind.DURATION:
                quantity = self._numbers.at(words, at)
                if quantity is not None and quantity.unit == "second":
                    value = slot.duration(quantity.value)
                    if value is not None:
                        yield quantity.end, value
            case Kind.TIME:
                yield from self._moments.at(words, at)
            case _:
                for form in slot.forms:
                    end = at + len(form.words)
                    if words[at:end] == form.words:
                        yield end, form.value


def _patterns(spec: ToolSpec, slots: Sequence[Slot]) -> Iterator[_Pattern]:
    known = {slot.parameter: slot for slot in slots}
    for example in spec.examples:
        parts: list[str | Slot] = []
        for place, text in enumerate(example.replace("}", "{").split("{")):
            if place % 2 == 0:
                parts.extend(phrase(text))
            elif text in known:
                parts.append(known[text])
        places = [part for part in parts if isinstance(part, Slot)]
        kinds = {slot.kind for slot in places}
        whole = len(places) == example.count("{")
        said = len(parts) > len(places) or Kind.CHOICE in kinds
        if whole and said and kinds & _READ and kinds <= _PLACED:
            yield _Pattern(spec.name, tuple(parts))
