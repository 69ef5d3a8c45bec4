"""The understanding of the box as the mind of the pipeline. Event loop only."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from appliance.backend.context import NOTHING, Handover
from appliance.backend.local.parts import Parts, usable
from appliance.backend.local.past import past
from appliance.backend.local.reply import compose
from appliance.backend.local.understand.types import Call, Understanding
from appliance.backend.local.worker import Worker
from appliance.backend.pipeline.parts import Calls, Found, Says, Talk, Thought
from appliance.catalogue import ToolSpec
from appliance.errors import ModelError

NOT_UNDERSTOOD = "none"
"""The stage of understanding that has not understood."""


@runtime_checkable
class Stops(Protocol):
    """Understanding that takes long enough to be stopped in the middle."""

    def stop(self) -> None:
        """End it; from any thread."""
        ...


class LocalMind:
    """Understands requests for what is registered, and tells what came of them.

    Args:
        parts: Has the understanding and the phrases.
        worker: Runs it; closed with this.
        catalogue: Gives the tools that can be called now.
        handover: What the conversation has come to.
    """

    def __init__(
        self,
        parts: Parts,
        worker: Worker,
        catalogue: Callable[[], Sequence[ToolSpec]],
        handover: Handover = NOTHING,
    ) -> None:
        self._parts = parts
        self._worker = worker
        self._catalogue = catalogue
        self._handover = handover

    @property
    def title(self) -> str:
        """What it is."""
        return "understanding of the box"

    @property
    def sees(self) -> bool:
        """It does not."""
        return False

    async def prepare(self) -> None:
        """Learn what was done before, so that "brighter" has something to be of."""
        done = past(self._handover)
        if done:
            tools = usable(self._catalogue())
            remember = self._parts.understander.remember
            await self._worker.do("memory", lambda: remember(done, tools))

    async def think(self, talk: Talk, tools: Sequence[ToolSpec]) -> AsyncIterator[Thought]:
        """Yield the calls that a request means, or why there are none; tell their results.

        Raises:
            ModelError: The understanding failed.
        """
        phrases, asked = self._parts.phrases, talk.asked
        if talk.results:
            results = [answered.result for answered in talk.results]
            yield Says(compose(results, phrases, remark=talk.remark))
            return
        if asked is None:
            return
        try:
            meant, _ = await self._worker.do(
                "understanding", lambda: self._parts.understander.understand(asked.text, tools)
            )
        except asyncio.CancelledError:  # nobody waits any more: a language model would go on
            if isinstance(self._parts.understander, Stops):
                self._parts.understander.stop()
            raise
        if meant is None:
            raise ModelError("the understanding failed")
        lost = meant.stage == NOT_UNDERSTOOD
        told = _summary(meant.calls) or meant.say
        yield Found(meant.stage, told, stay=not lost, remark=meant.say if meant.calls else "")
        for call in meant.calls:
            yield Calls(call.tool, call.arguments)
        if not meant.calls:
            yield Says(self._reason(meant, talk, tools))

    def _reason(self, meant: Understanding, talk: Talk, tools: Sequence[ToolSpec]) -> str:
        """Return what to say when there is nothing to call."""
        phrases = self._parts.phrases
        if meant.stage == NOT_UNDERSTOOD and talk.signed:
            return phrases.cannot_answer
        return meant.say or (phrases.not_understood if tools else phrases.no_tools)

    async def close(self) -> None:
        """Take no further step."""
        self._worker.close()


def _summary(calls: Sequence[Call]) -> str:
    """Return the calls in one line: ``light(target=kitchen, state=on); stop()``."""
    return "; ".join(f"{call.tool}({_listed(call.arguments)})" for call in calls)


def _listed(arguments: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in arguments.items())
