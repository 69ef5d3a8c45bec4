"""Understanding with a language model behind it."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from appliance.backend.local.llm.offer import Offered, offered, within
from appliance.backend.local.llm.prompt import Prompt, prompt
from appliance.backend.local.llm.reading import Answer, read
from appliance.backend.local.llm.schema import answers
from appliance.backend.local.understand.heard import Heard
from appliance.backend.local.understand.types import (
    Call,
    Past,
    StageTrace,
    Understander,
    Understanding,
)
from appliance.catalogue import ToolSpec
from appliance.errors import ModelError
from appliance.units import Seconds

log = logging.getLogger(__name__)

STAGE = "model"
"""The stage of understanding, beside those of ``understand.staged``."""

FEWEST_WORDS = 3
"""Less is a cough, a name or "again": nothing that a model could know more about."""


class Model(Protocol):
    """A language model: ``model.LanguageModel``."""

    def prepare(self, prompt: Prompt) -> None:
        """Have a prompt read ahead; returns at once."""
        ...

    def ready(self, prompt: Prompt) -> bool:
        """Whether it has read this prompt."""
        ...

    def complete(self, prompt: Prompt, request: str, schema: Mapping[str, object]) -> str:
        """Return an answer.

        Raises:
            ModelError: There is none.
        """
        ...

    def stop(self) -> None:
        """End the answer that is being written."""
        ...

    def close(self) -> None:
        """Give the memory back."""
        ...


class Deterministic(Understander, Protocol):
    """The stages before the model: ``understand.StagedUnderstander``."""

    @property
    def not_understood(self) -> str:
        """What it says when it does not know what was meant at all."""
        ...

    def is_serious(self, text: str) -> bool:
        """Tell whether a request is about what a house guards."""
        ...

    def heard(self, text: str, catalogue: Sequence[ToolSpec]) -> Heard:
        """Return which values were said in so many words."""
        ...

    def warm(self, catalogue: Sequence[ToolSpec]) -> None:
        """Do now what the first request would have to wait for."""
        ...

    def forget(self) -> None:
        """Forget the last requests."""
        ...


@dataclass(frozen=True, slots=True)
class _Told:
    """What the model is told of one catalogue."""

    tools: tuple[Offered, ...] = ()
    prompt: Prompt = field(default_factory=lambda: Prompt(""))


class WithModel:
    """Asks a language model for what the stages before it do not understand.

    It sees nothing but the request and the catalogue, and gives nothing but calls of tools that
    are ``free``; they go the way of every call, through the registry and its gate. Where it is not
    loaded yet, has not read the present catalogue yet, fails, takes too long or finds no tool, the
    answer is that of the stages before it. One thread at a time; ``stop`` and ``close`` from any.

    Args:
        inner: The stages before it.
        model: The model.
        area: The room of the box.
        speaks: Whether it may answer in words what needs no tool.
    """

    def __init__(
        self, inner: Deterministic, model: Model, *, area: str | None = None, speaks: bool = False
    ) -> None:
        self._inner = inner
        self._model = model
        self._area = area
        self._speaks = speaks
        self._catalogue: tuple[ToolSpec, ...] | None = None
        self._told = _Told()

    def warm(self, catalogue: Sequence[ToolSpec]) -> None:
        """Do now what the first request would have to wait for.

        Raises:
            ModelError: A model of the stages before is missing or failed.
        """
        self._inner.warm(catalogue)
        self._model.prepare(self._tell(catalogue).prompt)

    def understand(self, text: str, catalogue: Sequence[ToolSpec]) -> Understanding:
        """Take a transcript; see ``Understander``.

        Raises:
            ModelError: A model of the stages before is missing or failed.
        """
        understanding = self._inner.understand(text, catalogue)
        told = self._tell(catalogue)
        self._model.prepare(told.prompt)
        if not self._is_lost(understanding) or not told.tools or self._is_not_for_it(text):
            return understanding
        begun = time.perf_counter()
        answer, outcome = self._ask(text, told, self._inner.heard(text, catalogue))
        took = Seconds(time.perf_counter() - begun)
        trace = (*understanding.trace, StageTrace(STAGE, text, outcome, took))
        if answer.calls:
            self._inner.remember([Past(answer.calls)], catalogue)
            return Understanding(STAGE, answer.calls, trace=trace)
        if answer.say:
            return Understanding(STAGE, say=answer.say, trace=trace)
        return replace(understanding, trace=trace)

    def remember(self, past: Sequence[Past], catalogue: Sequence[ToolSpec]) -> None:
        """Take what was done by others; see ``Understander``."""
        self._inner.remember(past, catalogue)

    def forget(self) -> None:
        """Forget the last requests: what comes next is said by somebody else."""
        self._inner.forget()

    def stop(self) -> None:
        """End the question that the model is at, if it is: nobody waits any more."""
        self._model.stop()

    def close(self) -> None:
        """Give the model's memory back."""
        self._model.close()

    def _is_lost(self, understanding: Understanding) -> bool:
        """Whether nothing was understood at all: no call, and no question back."""
        return (
            understanding.stage == "none"
            and not understanding.calls
            and understanding.say == self._inner.not_understood
        )

    def _is_not_for_it(self, text: str) -> bool:
        """Whether a request is too short, or about locks and alarms: those take plain words."""
        return len(text.split()) < FEWEST_WORDS or self._inner.is_serious(text)

    def _tell(self, catalogue: Sequence[ToolSpec]) -> _Told:
        tools = tuple(catalogue)
        if tools != self._catalogue:
            some = offered(tools, area=self._area)
            self._told = _Told(some, prompt(some, area=self._area, speaks=self._speaks))
            self._catalogue = tools
        return self._told

    def _ask(self, text: str, told: _Told, heard: Heard) -> tuple[Answer, str]:
        """Return the model's answer, and what came of it in a few words."""
        if not self._model.ready(told.prompt):
            return Answer(), "it has not read the tools yet"
        tools = within(told.tools, heard)
        schema = answers(tools, speaks=self._speaks)
        try:
            written = self._model.complete(told.prompt, text, schema)
        except ModelError as error:
            log.warning("%s", error)
            return Answer(), str(error)
        answer = read(written, tools, speaks=self._speaks)
        return answer, ", ".join(_named(call) for call in answer.calls) or "no tool"


def _named(call: Call) -> str:
    return call.tool
