"""The second stage: the tool whose examples a request is most like, its slots filled by type."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from appliance.backend.local.understand.embedding import Embedder, Vectors
from appliance.backend.local.understand.house import House, Tool
from appliance.backend.local.understand.language import Language
from appliance.backend.local.understand.sentences import Request
from appliance.backend.local.understand.spans import Filled
from appliance.backend.local.understand.text import Tokens, phrase

MARGIN = 0.08
"""How much nearer an example must be than every request that no tool answers."""

WORDS_COUNT = 0.35
"""What the words in common weigh beside the meaning, when tools are compared: meaning alone
hardly tells "on" from "off"."""

LEXICAL = 0.6
"""Without a model: the share of words in common from which an example counts."""

MOST_UNEXPLAINED = 0.45
"""Share of the letters that say something which may be neither value nor known word."""

_KEPT_VECTORS = 2000

_CLOSEST = 4
"""Tools that are looked at closely."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What a request may mean."""

    request: Request | None = None
    likeness: float = 0.0
    why: str = field(default="", repr=False)
    filled: Filled = field(default_factory=Filled)


class Nearest:
    """Compares requests with examples.

    Args:
        language: Whose words.
        embedder: ``None``: only words are compared, which is all that can be done for a language
            that the model does not know.
        threshold: Cosine from which an example counts.
    """

    def __init__(self, language: Language, embedder: Embedder | None, *, threshold: float) -> None:
        self._embedder = embedder
        self._threshold = threshold
        self._stop = frozenset(word for text in language.words.stop for word in phrase(text))
        self._articles = frozenset(language.words.articles)
        self._questions = tuple(phrase(text) for text in language.guards.questions)
        self._off_topic = language.off_topic.examples
        self._known: dict[str, NDArray[np.float32]] = {}

    def prepare(self, house: House) -> None:
        """Compute what the first request would have to wait for.

        Raises:
            ModelError: The model is missing or failed.
        """
        if self._embedder is not None:
            self._vectors([*self._off_topic, *(text for _, text in _texts(house))])

    def match(
        self, words: Tokens, house: House, *, question: bool, named_only: bool = False
    ) -> Guess:
        """Return the best guess; its request is ``None`` where nothing is like enough.

        Args:
            words: Without breaks.
            house: What can be asked for.
            question: Whether it begins like a question; only a tool that is asked for by
                questions answers one.
            named_only: Whether what is acted on must be named, or its room.

        Raises:
            ModelError: The model is missing or failed.
        """
        if not words or not house.tools:
            return Guess(why="nothing to compare")
        tools = [
            tool
            for tool in house.tools.values()
            if tool.examples and (not question or self._is_asked(tool))
        ]
        best: tuple[float, Guess] = (0.0, Guess(why="no example is like it"))
        for tool, filled, likeness, off in self._candidates(words, tools, house):
            score = likeness + WORDS_COUNT * self._shared(tool, filled)
            if score > best[0]:
                best = score, self._guess(tool, filled, house, likeness=likeness, off=off)
        guess = best[1]
        if guess.request is not None and named_only:
            tool = house.tools[guess.request.tool]
            if house.resolve(tool, guess.filled, named_only=True) is None:
                return replace(guess, request=None, why=f"{guess.why}: of what is not said")
        return guess

    def _candidates(
        self, words: Tokens, tools: Sequence[Tool], house: House
    ) -> Iterator[tuple[Tool, Filled, float, float]]:
        """Yield tools with the values found, the likeness, and the likeness to small talk."""
        if self._embedder is None:
            for tool in tools:
                filled = tool.filler.fill(words)
                yield tool, filled, self._shared(tool, filled), 0.0
            return
        alike = self._cosines(words, house)
        for tool in sorted(tools, key=lambda tool: -alike[tool.spec.name])[:_CLOSEST]:
            filled = tool.filler.fill(words)
            likeness, off = alike[tool.spec.name], alike[""]
            if filled.spans:
                # as the examples say it: with typical values in place of what was heard
                typical = self._cosines(tool.typical(filled), house)
                if typical[tool.spec.name] - typical[""] > likeness - off:
                    likeness, off = typical[tool.spec.name], typical[""]
            yield tool, filled, likeness, off

    def _guess(
        self, tool: Tool, filled: Filled, house: House, *, likeness: float, off: float
    ) -> Guess:
        least = self._threshold if self._embedder is not None else LEXICAL
        unexplained = self.unexplained(tool, filled)
        objection = house.objection(tool, filled)
        request: Request | None = None
        if likeness < least:
            why = f"{tool.spec.name} {likeness:.2f}: not like enough"
        elif likeness - off < MARGIN:
            why = f"{tool.spec.name} {likeness:.2f}: as much like small talk ({off:.2f})"
        elif objection is not None:
            why = f"{tool.spec.name} {likeness:.2f}: {objection}"
        elif unexplained > MOST_UNEXPLAINED:
            why = f"{tool.spec.name} {likeness:.2f}: too much unexplained ({unexplained:.2f})"
        else:
            why = f"{tool.spec.name} {likeness:.2f}"
            request = house.resolve(tool, filled)
            if request is None or not (tool.missing(request) or tool.calls(request)):
                request, why = None, f"{why}: what it says does not fit the tool"
        return Guess(request, likeness, why, filled)

    def unexplained(self, tool: Tool, filled: Filled) -> float:
        """Return the share of the letters that tell something but are no value or known word."""
        rest = sum(
            len(word) for word in filled.rest if word not in self._stop and word not in tool.plain
        )
        explained = sum(span.gain + span.likeness * 2 for span in filled.spans) + sum(
            len(word) for word in filled.rest if word in tool.plain and word not in self._stop
        )
        return rest / (rest + explained) if rest else 0.0

    def _is_asked(self, tool: Tool) -> bool:
        return any(
            example.words[: len(start)] == start
            for example in tool.examples
            for start in self._questions
        )

    def _cosines(self, words: Sequence[str], house: House) -> Mapping[str, float]:
        """Return the cosine to the best example of each tool, and under "" to small talk."""
        assert self._embedder is not None  # noqa: S101 - the callers looked
        texts = [*(("", text) for text in self._off_topic), *_texts(house)]
        known = self._vectors([text for _, text in texts])
        cosines = known @ self._embedder.vectors([" ".join(words)])[0]
        alike = {"": -1.0}
        for (name, _), cosine in zip(texts, cosines, strict=True):
            alike[name] = max(alike.get(name, -1.0), float(cosine))
        return alike

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of examples, each computed once."""
        assert self._embedder is not None  # noqa: S101 - the callers looked
        if len(self._known) > _KEPT_VECTORS:
            self._known.clear()
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        for text, vector in zip(new, self._embedder.vectors(new), strict=True):
            self._known[text] = vector
        return np.stack([self._known[text] for text in texts])

    def _shared(self, tool: Tool, filled: Filled) -> float:
        """Return the share of words in common with the best example, values masked (Dice)."""
        said = self._masked(tool, filled)
        best = 0.0
        for example in tool.examples:
            meant = Counter(word for word in example.masked if word not in self._articles)
            common = sum((said & meant).values())
            total = sum(said.values()) + sum(meant.values())
            best = max(best, 2 * common / total if total else 0.0)
        return best

    def _masked(self, tool: Tool, filled: Filled) -> Counter[str]:
        masks = [f"{{{tool.slots[span.slot].parameter}}}" for span in filled.spans]
        return Counter([word for word in filled.rest if word not in self._articles] + masks)


def _texts(house: House) -> list[tuple[str, str]]:
    return [
        (name, " ".join(example.words))
        for name, tool in house.tools.items()
        for example in tool.examples
    ]
