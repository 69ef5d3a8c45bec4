"""Understanding, stage by stage; the one module here that knows all the others."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from appliance.backend.local.understand import language as languages
from appliance.backend.local.understand.amend import Amender
from appliance.backend.local.understand.embedding import Embedder
from appliance.backend.local.understand.heard import Heard, heard
from appliance.backend.local.understand.house import House, Maker
from appliance.backend.local.understand.later import Later
from appliance.backend.local.understand.memory import Memory, Question
from appliance.backend.local.understand.nearest import Nearest
from appliance.backend.local.understand.past import requests
from appliance.backend.local.understand.picking import Picker
from appliance.backend.local.understand.questions import ask_for
from appliance.backend.local.understand.reader import Reader
from appliance.backend.local.understand.reading import Reading, Scene, Trace
from appliance.backend.local.understand.sentences import Request
from appliance.backend.local.understand.slots import Slot
from appliance.backend.local.understand.text import Cleaner, Tokens, words_only
from appliance.backend.local.understand.types import Call, Past, Understanding
from appliance.catalogue import ToolSpec

EMBEDDED = frozenset({"en"})
"""The languages that MiniLM was trained on; in others only words are compared."""

MOST_CALLS = 20
"""Calls of one sentence. "Everything off" in a large house is below; more is a mistake."""


class StagedUnderstander:
    """Understands requests. One thread at a time.

    Args:
        language: Such as ``en``; there must be a file for it in ``words``.
        wake_phrases: As they are spoken; removed from the start of a request.
        area: The room that the box stands in: "the light" is the light there.
        minilm_folder: Holds ``model.onnx`` and ``tokenizer.json``; ``None``: examples are compared
            by their words only. Loaded on first use, or by ``warm``.
        threshold: Cosine from which an example counts.
        nearest: Whether examples are compared at all.
        clock: Seconds, for forgetting; any clock that never goes back.

    Raises:
        ConfigError: Nothing is known about the language.
    """

    def __init__(  # noqa: PLR0913 - all by keyword, all from the configuration
        self,
        *,
        language: str = "en",
        wake_phrases: Sequence[str] = (),
        area: str | None = None,
        minilm_folder: Path | None = None,
        threshold: float = 0.55,
        nearest: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._language = languages.load(language)
        self._area = area
        self._cleaner = Cleaner(self._language, wake_phrases)
        self._maker = Maker(self._language, language)
        embedded = language.partition("-")[0] in EMBEDDED
        embedder = Embedder(minilm_folder) if embedded and minilm_folder is not None else None
        self._nearest = Nearest(self._language, embedder, threshold=threshold)
        self._reader = Reader(self._language, self._nearest if nearest else None)
        self._later = Later(self._language, self._maker.numbers, self._maker.moments)
        self._memory = Memory(clock)
        self._picker = Picker(self._language)
        self._house = House((), maker=self._maker, area=area)

    @property
    def not_understood(self) -> str:
        """What it says when it does not know what was meant at all."""
        return self._language.say.not_understood

    def warm(self, catalogue: Sequence[ToolSpec]) -> None:
        """Do now what the first request would have to wait for; from the same thread.

        Raises:
            ModelError: The model is missing or failed.
        """
        self._nearest.prepare(self._furnished(catalogue))

    def understand(self, text: str, catalogue: Sequence[ToolSpec]) -> Understanding:
        """Take a transcript; remembers the last calls, so that a correction can change them.

        Any text gives an answer. A call names a tool of the catalogue and fits its schema.

        Raises:
            ModelError: The model is missing or failed.
        """
        house = self._furnished(catalogue)
        trace = Trace()
        words = self._cleaner.clean(text)
        trace.note("clean", text, " ".join(words))
        self._memory.turn()
        scene = Scene(house, self._memory.history)
        for reading in self._readings(words, scene, trace):
            understanding = self._finished(reading, house, trace)
            if understanding is not None:
                return understanding
        return self._lost(words, scene, trace)

    def is_serious(self, text: str) -> bool:
        """Tell whether a request is about what a house guards: there nothing may be guessed."""
        return self._reader.guards.is_serious(words_only(self._cleaner.clean(text)))

    def heard(self, text: str, catalogue: Sequence[ToolSpec]) -> Heard:
        """Return which values of the tools' parameters were said in so many words."""
        words = words_only(self._cleaner.clean(text))
        tools = {name: tool.slots for name, tool in self._furnished(catalogue).tools.items()}
        return heard(tools, words, [found for _, found in self._maker.numbers.all(words)])

    def remember(self, past: Sequence[Past], catalogue: Sequence[ToolSpec]) -> None:
        """Take what was done by others, oldest first, as if it had been asked for here."""
        asked = [(requests(one.calls, catalogue), one) for one in past]
        self._memory.told([(some, one) for some, one in asked if some])

    def forget(self) -> None:
        """Forget the last requests: what comes next is said by somebody else."""
        self._memory.forget()

    def _furnished(self, catalogue: Sequence[ToolSpec]) -> House:
        if not self._house.serves(catalogue):
            self._house = House(catalogue, maker=self._maker, area=self._area)
        return self._house

    def _lost(self, words: Tokens, scene: Scene, trace: Trace) -> Understanding:
        """Return what to say to something that asks for nothing: what is "it"?"""
        say = self._language.say
        if self._reader.pointing.repeats(words):
            return Understanding("none", say=say.nothing_before, trace=trace.stages)
        unknown = self._reader.unknown(words, scene, trace)
        if unknown is not None:
            reading, word = unknown
            self._memory.asked(Question(reading.requests))
            question = say.meant.format(word=word)
            return Understanding(reading.stage, say=question, trace=trace.stages)
        return Understanding("none", say=say.not_understood, trace=trace.stages)

    def _readings(self, words: Tokens, scene: Scene, trace: Trace) -> Iterator[Reading]:
        """Yield what the words may mean, the surest first."""
        house, plain = scene.house, words_only(words)
        if not plain or not house.tools:
            return
        known = self._reader.known(plain, scene, trace)
        if known is not None:
            yield known
        amender = Amender(house, self._nearest, self._picker)
        yield from self._exceptions(words, scene, amender, trace)
        later = self._later.read(plain, house, lambda rest: self._reader.sure(rest, scene, trace))
        if later is not None:
            yield later
        yield from self._answers(plain, amender, trace)
        yield from self._back(plain, scene, trace)
        rest = self._reader.clauses.correction(words)
        if rest is not None:
            yield from self._corrections(rest, scene, amender, trace)
        for said in (words,) if rest is None else (rest, words):
            reading = self._reader.read(said, scene, trace)
            if reading is not None:
                yield reading
        yield from self._additions(words, scene, amender, trace)
        leftover = self._cleaner.is_leftover(plain[0])
        badly = self._reader.begun_badly(words, scene, trace, leftover=leftover)
        if badly is not None:
            yield badly

    def _exceptions(
        self, words: Tokens, scene: Scene, amender: Amender, trace: Trace
    ) -> Iterator[Reading]:
        """Yield what "turn off all the lights except the hall light" asks for."""
        cut = self._reader.clauses.exception(words)
        if cut is None:
            return
        every = self._reader.known(cut[0], scene, trace)
        kept = amender.without(every.requests, cut[1]) if every is not None else ()
        trace.note("exception", " ".join(words), ", ".join(r.tool for r in kept))
        if kept:
            yield Reading(kept, "nearest")

    def _answers(self, words: Tokens, amender: Amender, trace: Trace) -> Iterator[Reading]:
        """Yield what an answer completes, if a question was asked."""
        question = self._memory.question
        if question is None:
            return
        self._memory.answered()
        answered = amender.answered(question, words)
        trace.note("answer", " ".join(words), ", ".join(r.tool for r in answered))
        if answered:
            yield Reading(answered, "nearest")

    def _back(self, words: Tokens, scene: Scene, trace: Trace) -> Iterator[Reading]:
        """Yield what words ask for that point back to earlier requests."""
        if self._reader.guards.objection(words) is not None:
            return
        if self._reader.pointing.repeats(words) and self._memory.requests:
            yield Reading(self._memory.requests, "nearest")
        pointed = self._reader.pointed(words, scene, trace)
        if pointed is not None:
            yield pointed
        asks = self._reader.guards.is_question(words)
        stepped = None if asks else self._reader.pointing.stepped(words, scene)
        if stepped is not None:
            yield stepped

    def _corrections(
        self, rest: Tokens, scene: Scene, amender: Amender, trace: Trace
    ) -> Iterator[Reading]:
        known = self._reader.known(rest, scene, trace)
        if known is not None:
            yield known
        if self._reader.guards.objection(rest) is None:
            amended = amender.amended(self._memory.requests, rest)
            trace.note("correction", " ".join(rest), ", ".join(r.tool for r in amended))
            if amended:
                yield Reading(amended, "nearest")

    def _additions(
        self, words: Tokens, scene: Scene, amender: Amender, trace: Trace
    ) -> Iterator[Reading]:
        """Yield what stands behind an "and": a request, or what the last one is wanted for too."""
        rest = self._reader.clauses.addition(words)
        if rest is None or self._reader.guards.objection(rest) is not None:
            return
        reading = self._reader.read(rest, scene, trace)
        if reading is not None:
            yield reading
        added = amender.added(self._memory.requests, rest)
        trace.note("addition", " ".join(rest), ", ".join(r.tool for r in added))
        if added:
            yield Reading(added, "nearest")

    def _finished(self, reading: Reading, house: House, trace: Trace) -> Understanding | None:
        """Return calls, or a question about what is missing, or ``None`` if it does not fit."""
        known = [request for request in reading.requests if request.tool in house.tools]
        lacking = [
            (request, slot)
            for request in known
            if (slot := reading.lacks or house.tools[request.tool].missing(request)) is not None
        ]
        if lacking:
            return self._asked(lacking, reading, house, trace)
        calls: dict[str, Call] = {}
        for request in known:
            made = house.tools[request.tool].calls(request)
            if not made:
                trace.note("schema", request.tool, "the values do not fit")
                return None
            calls |= {repr((c.tool, sorted(c.arguments.items()))): c for c in made}
        if not 0 < len(calls) <= MOST_CALLS:
            return None
        made = tuple(calls.values())
        self._memory.did(reading.requests, made)
        say = self._language.say.rest if reading.partly else ""
        return Understanding(reading.stage, made, say, trace.stages)

    def _asked(
        self, lacking: Sequence[tuple[Request, Slot]], reading: Reading, house: House, trace: Trace
    ) -> Understanding | None:
        slot = lacking[0][1]
        if len(lacking) < len(reading.requests) or any(
            other.kind is not slot.kind for _, other in lacking
        ):
            trace.note("ask", "", "more than one thing is missing")
            return None
        requests = tuple(request for request, _ in lacking)
        self._memory.asked(Question(requests, slot.parameter))
        among = [t.name for request in requests for t in house.tools[request.tool].about(request)]
        say = ask_for(slot, self._language, among)
        return Understanding(reading.stage, say=say, trace=trace.stages)
