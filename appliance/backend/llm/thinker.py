"""A mind behind a service: asks, passes on what is said, collects what is called.

What each API looks like, a ``Dialect`` knows. Calls are given out when the answer has ended, all
of them: one that broke off in the middle has called nothing.
"""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final, Protocol

from appliance.backend.llm.reading import Ending, Reader, Sorted, sort
from appliance.backend.llm.story import Done, Made, Round, Step, story, wrong
from appliance.backend.pipeline.parts import Found, Says, Talk, Thought
from appliance.backend.socket import reading
from appliance.backend.web.client import Service
from appliance.catalogue import ToolSpec
from appliance.errors import BackendUnavailable, ProtocolViolation
from appliance.events import Usage

_log = logging.getLogger(__name__)

MOST_MISTAKES: Final = 2
"""Answers in a row with nothing but calls that cannot be made; then another backend takes over."""


class Dialect(Protocol):
    """What one API wants, and says."""

    @property
    def path(self) -> str:
        """Where requests go."""
        ...

    @property
    def last(self) -> Collection[str]:
        """Events that end an answer."""
        ...

    @property
    def idle(self) -> Collection[str]:
        """Events that say nothing."""
        ...

    def body(self, steps: Sequence[Step], tools: Sequence[ToolSpec]) -> Mapping[str, object]:
        """Return a request."""
        ...

    def reader(self) -> Reader:
        """Return what reads its answer."""
        ...

    async def probe(self, service: Service) -> str:
        """Try the service, at next to no cost."""
        ...


@dataclass(slots=True)
class _Answer:
    """What one answer has come to so far."""

    said: list[str] = field(default_factory=list)
    ending: Ending = field(default_factory=Ending)


class Thinker:
    """Implements ``parts.Mind`` and ``parts.Probes``.

    Args:
        title: What it is.
        sees: Whether it can be shown pictures.
        service: Where it is asked; closed with it.
        dialect: How.
    """

    def __init__(self, title: str, service: Service, dialect: Dialect, *, sees: bool) -> None:
        self._title = title
        self._service = service
        self._dialect = dialect
        self._sees = sees
        self._made: list[Made] = []  # for the request that is at hand
        self._mistakes = 0  # so far, to tell them apart

    @property
    def title(self) -> str:
        """What it is, for the timeline."""
        return self._title

    @property
    def sees(self) -> bool:
        """Whether it can be shown pictures."""
        return self._sees

    async def warm(self) -> None:
        """Open a connection ahead; never raises."""
        await self._service.warm()

    async def think(self, talk: Talk, tools: Sequence[ToolSpec]) -> AsyncIterator[Thought]:
        """Yield the reply as it comes; its calls at the end.

        Raises:
            BackendError: The service will not have us, went away, fell silent or talks nonsense.
        """
        if talk.late or not talk.results:
            self._made.clear()
        steps = list(story(talk, self._made))
        offered = [tool for tool in tools if self._sees or not tool.sees]
        mistaken, spoken = 0, talk.said
        while True:
            answer = _Answer()
            async with aclosing(self._ask(steps, offered, answer)) as thoughts:
                async for thought in thoughts:
                    yield thought
            said, ending = "".join(answer.said), answer.ending
            spoken += said
            found = sort(ending.drafts, offered)
            refused = self._refused(found)
            if found.calls or not refused:
                break
            mistaken += 1
            if mistaken > MOST_MISTAKES:
                raise ProtocolViolation("the model calls tools in a way that nobody understands")
            steps.append(Round(refused, said, ending.kept))
        if not found.calls and not spoken.strip():
            raise BackendUnavailable(f"the model said nothing ({ending.why or 'no reason given'})")
        for call in found.calls:
            yield call
        if found.calls:
            kept = () if mistaken else ending.kept  # what they are bound to is not told again
            calls = tuple((call.tool, call.arguments) for call in found.calls)
            self._made.append(Made(calls, refused, said, kept))
        yield _found(found, ending, talk, tools)

    async def probe(self) -> str:
        """Reach the service and say how that went.

        Raises:
            BackendError: It will not have us, or cannot be reached.
        """
        try:
            return await self._dialect.probe(self._service)
        finally:
            await self._service.close()

    async def close(self) -> None:
        """Close the connections; idempotent."""
        await self._service.close()

    async def _ask(
        self, steps: Sequence[Step], tools: Sequence[ToolSpec], answer: _Answer
    ) -> AsyncGenerator[Says | Usage, None]:
        dialect = self._dialect
        body, reader = dialect.body(steps, tools), dialect.reader()
        events = self._service.events(dialect.path, body, last=dialect.last, idle=dialect.idle)
        async with aclosing(events):
            async for _, message in events:
                for thought in reader.receive(message):
                    if isinstance(thought, Says):
                        answer.said.append(thought.text)
                    yield thought
        answer.ending = reader.finish()
        if answer.ending.rest:
            answer.said.append(answer.ending.rest)
            yield Says(answer.ending.rest)

    def _refused(self, found: Sorted) -> tuple[Done, ...]:
        """Return the calls that cannot be made, as the model is told of them."""
        first, self._mistakes = self._mistakes, self._mistakes + len(found.wrong)
        if found.wrong:
            _log.info("the model made %d calls that cannot be made", len(found.wrong))
        return tuple(
            wrong(tool, problem, first + number)
            for number, (tool, problem) in enumerate(found.wrong)
        )


def _found(found: Sorted, ending: Ending, talk: Talk, tools: Sequence[ToolSpec]) -> Found:
    """Say how it was understood."""
    closing = {tool.name for tool in tools if tool.closes}
    called = {call.tool for call in found.calls} | {each.tool for each in talk.results}
    calls = [f"{call.tool} {reading.dump(dict(call.arguments))}" for call in found.calls]
    return Found("model", "; ".join(calls) or ending.why, stay=not closing & called)
