"""Which words of a sentence fill which slots: the best assignment of all of them together. Pure.

Every slot proposes the runs of words that sound like one of its values. Of these proposals, those
are taken that together explain the most letters, each word once and each slot once. Taking the
best one first would go wrong where a run fits two slots, or where a short exact value hides a long
one that was misheard ("ice coffee": not the coffee, but the iced one).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from appliance.backend.local.understand.moments import Moments
from appliance.backend.local.understand.numbers import Numbers, Quantity
from appliance.backend.local.understand.slots import Form, Kind, Slot
from appliance.backend.local.understand.sound import Ear, joined

LIKELY = 0.62
"""Likeness from which a run of words may be a value (see ``tests/benchmarks/understand.py``)."""

LIKELY_ENOUGH = 0.5
"""The same for a required value that is missing, if no other value comes near."""

_CLEARLY = 0.06
"""How much likelier than any other value such a one must be."""

_WORTHLESS = 0.5
"""Likeness at which a letter explained is worth nothing."""

_WIDEST = 64
"""States that are kept for each position of the sentence."""

_SHORT, _LIKELY_SHORT = 5, 0.76
"""Runs of fewer letters have more neighbours ("milk", "mild") and must be more alike."""

_MORE_WORDS = 1
"""How many words more or less than its value a run may have."""

_MOST_SLOTS = 40

_State = tuple[float, tuple["Span", ...]]
"""The gain so far, and the spans that made it."""


@dataclass(frozen=True, slots=True)
class Span:
    """Some words that fill a slot."""

    start: int
    end: int
    slot: int
    value: object = field(repr=False)
    likeness: float = 1.0
    gain: float = 0.0


@dataclass(frozen=True, slots=True)
class Filled:
    """The values found."""

    values: Mapping[str, object] = field(default_factory=dict, repr=False)
    spans: tuple[Span, ...] = ()
    rest: tuple[str, ...] = field(default=(), repr=False)
    """The words that fill nothing."""

    said: tuple[str, ...] = field(default=(), repr=False)
    """All the words, numbers spelled; what ``spans`` counts in."""

    idle_number: bool = False
    """Whether there is a number that fills nothing: "in ten minutes", "three hundred percent"."""

    likeness: float = 1.0
    """Of the least certain value."""


class Filler:
    """Fills the slots of one tool.

    Args:
        slots: What to look for.
        ear: Compares the sound.
        numbers: Reads numbers.
        plain: Words that are never a misheard value: articles, what examples are made of.
        articles: Words that a misheard value does not begin with.
        moments: Reads times of day; ``None``: nobody asks for any.
    """

    def __init__(
        self,
        slots: Sequence[Slot],
        *,
        ear: Ear,
        numbers: Numbers,
        plain: frozenset[str],
        articles: Collection[str] = (),
        moments: Moments | None = None,
    ) -> None:
        self._moments = moments
        self.slots = tuple(slots[:_MOST_SLOTS])
        self._ear = ear
        self._numbers = numbers
        self._plain = plain
        self._articles = articles
        self._forms: list[tuple[int, Form, int]] = []
        self._letters: list[str] = []
        for index, slot in enumerate(self.slots):
            for form in slot.forms:
                words = numbers.spelled(form.words)
                self._forms.append((index, form, len(words)))
                self._letters.append(joined(words))
        self._keys = [ear.key(letters) for letters in self._letters]

    def fill(self, words: Sequence[str]) -> Filled:
        """Find values for as many slots as possible.

        Args:
            words: Without breaks, numbers spelled or as digits.
        """
        said = self._numbers.spelled(words)
        quantities = self._numbers.all(said)
        choices = [span for span in self._choices(said) if not _cuts(span, quantities)]
        spans = [*choices, *self._quantities(said, quantities), *self._times(said)]
        likely = [span for span in spans if span.likeness >= LIKELY]
        chosen = self._with_required(_best(likely, len(said)), choices)
        taken = {at for span in chosen for at in range(span.start, span.end)}
        idle = any(
            quantity.value != 1 and taken.isdisjoint(range(start, quantity.end))
            for start, quantity in quantities
        )
        return Filled(
            {self.slots[span.slot].parameter: span.value for span in chosen},
            chosen,
            tuple(word for at, word in enumerate(said) if at not in taken),
            tuple(said),
            idle,
            min((span.likeness for span in chosen), default=1.0),
        )

    def _with_required(
        self, chosen: tuple[Span, ...], choices: Sequence[Span]
    ) -> tuple[Span, ...]:
        """Fill a required slot that is still empty from what is left, if only one value is near.

        The rest of the sentence has shown what it is about, so less likeness will do.
        """
        for index, slot in enumerate(self.slots):
            if not slot.required or slot.kind is Kind.TARGET:
                continue
            if any(span.slot == index for span in chosen):
                continue
            taken = {at for span in chosen for at in range(span.start, span.end)}
            free = [
                span
                for span in choices
                if span.slot == index and taken.isdisjoint(range(span.start, span.end))
            ]
            best = max(free, key=lambda span: (span.likeness, span.gain), default=None)
            if best is None or not chosen:
                continue
            others = (span.likeness for span in free if span.value != best.value)
            if best.likeness - max(others, default=0.0) >= _CLEARLY:
                chosen = (*chosen, best)
        return chosen

    def _choices(self, said: Sequence[str]) -> Iterator[Span]:
        if not self._forms or not said:
            return
        longest = max(length for _, _, length in self._forms) + _MORE_WORDS
        runs = [
            (start, end)
            for start in range(len(said))
            for end in range(start + 1, min(start + longest, len(said)) + 1)
        ]
        letters = [joined(said[start:end]) for start, end in runs]
        alike = self._ear.table(letters, self._letters, self._keys)
        for row, column in zip(*np.nonzero(alike >= LIKELY_ENOUGH), strict=True):
            (start, end), (slot, form, length) = runs[row], self._forms[column]
            likeness = float(alike[row, column])
            if abs(end - start - length) > _MORE_WORDS:
                continue
            if likeness < 1.0:
                if self._implausible(said[start:end], form):
                    continue
                thing = self.slots[slot].kind is Kind.TARGET
                if thing and not self._ear.differ_little(said[start:end], form.words):
                    continue
                likeness = _for_short(likeness, said[start:end], form)
            explained = min(len(self._letters[column]), len(letters[row]))
            gain = (likeness - _WORTHLESS) * explained
            yield Span(start, end, slot, form.value, likeness, gain)

    def _implausible(self, run: Sequence[str], form: Form) -> bool:
        """Tell whether a run is too plain to be a misheard value."""
        foreign_start = run[0] in self._articles and run[0] != form.words[0]
        return foreign_start or self._plain.issuperset(run)

    def _quantities(
        self, said: Sequence[str], quantities: Sequence[tuple[int, Quantity]]
    ) -> Iterator[Span]:
        wanted = [
            (index, slot)
            for index, slot in enumerate(self.slots)
            if slot.kind in {Kind.NUMBER, Kind.DURATION}
        ]
        for start, quantity in quantities:
            for index, slot in wanted:
                if quantity.value == 1 and quantity.unit is None and slot.unit is not None:
                    continue  # "the one in the kitchen"
                value = _value(slot, quantity.value, quantity.unit, fraction=quantity.fraction)
                if value is not None:
                    letters = len(joined(said[start : quantity.end]))
                    named = 1.2 if slot.unit is not None and quantity.unit == slot.unit else 1.0
                    gain = (1 - _WORTHLESS) * max(letters, 3) * named
                    yield Span(start, quantity.end, index, value, 1.0, gain)

    def _times(self, said: Sequence[str]) -> Iterator[Span]:
        """Yield the longest time of day at each word, where there must be one."""
        wanted = [
            index
            for index, slot in enumerate(self.slots)
            if slot.kind is Kind.TIME and slot.required
        ]
        if self._moments is None or not wanted:
            return
        for start in range(len(said)):
            for end, value in self._moments.at(said, start)[:1]:
                gain = (1 - _WORTHLESS) * max(len(joined(said[start:end])), 3)
                for index in wanted:
                    yield Span(start, end, index, value, 1.0, gain)


def _for_short(likeness: float, run: Sequence[str], form: Form) -> float:
    """Return a likeness below ``LIKELY`` for short runs that are not very alike."""
    letters = min(len(joined(run)), len(joined(form.words)))
    return likeness if letters >= _SHORT or likeness >= _LIKELY_SHORT else min(likeness, 0.6)


def _cuts(span: Span, quantities: Sequence[tuple[int, Quantity]]) -> bool:
    """Tell whether a misheard run takes only a part of a number."""
    return span.likeness < 1.0 and any(
        start < span.end
        and span.start < quantity.end
        and not span.start <= start < quantity.end <= span.end
        for start, quantity in quantities
    )


def _value(slot: Slot, value: float, unit: str | None, *, fraction: bool) -> int | float | None:
    if slot.kind is Kind.DURATION:
        return slot.duration(value) if unit == "second" else None
    return None if unit == "second" else slot.number(value, unit, fraction=fraction)


def _best(spans: Iterable[Span], words: int) -> tuple[Span, ...]:
    """Choose spans that do not overlap, one for each slot at most, with the greatest gain."""
    by_start: dict[int, list[Span]] = {}
    for span in spans:
        by_start.setdefault(span.start, []).append(span)
    states: list[dict[int, _State]] = [{} for _ in range(words + 1)]
    states[0][0] = (0.0, ())
    for at in range(words):
        kept = sorted(states[at].items(), key=lambda item: -item[1][0])[:_WIDEST]
        for used, (gain, chain) in kept:
            _offer(states[at + 1], used, (gain, chain))
            for span in by_start.get(at, ()):
                if not used >> span.slot & 1:
                    new = (gain + span.gain, (*chain, span))
                    _offer(states[span.end], used | 1 << span.slot, new)
    return max(states[words].values(), key=lambda state: state[0])[1] if states[words] else ()


def _offer(
    states: dict[int, _State],
    used: int,
    state: _State,
) -> None:
    if used not in states or states[used][0] < state[0]:
        states[used] = state
