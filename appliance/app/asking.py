"""One question put to a backend directly: in text, with or without a picture."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from appliance.errors import BackendStalled, BackendUnavailable
from appliance.events import (
    BackendEvent,
    BackendLost,
    CallAnswered,
    Happening,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    ToolCalled,
)
from appliance.ports import Backend, Enclosure, ToolRunner
from appliance.units import CallId, ResponseId, Seconds, TurnNumber

PATIENCE = Seconds(120.0)
"""From the question to the end of its last reply: a slow tool (60 s), and talk on both sides."""

Companion = Coroutine[object, object, None]
"""Work that must go on beside a backend (a failover's own ``run``) until the question is answered;
cancelled then."""


async def ask(
    question: Enclosure,
    backend: Backend,
    tools: ToolRunner,
    on_event: Callable[[Happening], None],
    *,
    companion: Companion | None = None,
    patience: Seconds = PATIENCE,
) -> None:
    """Ask, have the calls of the answer carried out, and return when all has been said.

    The backend is not closed.

    Args:
        question: The turn.
        backend: A session that nobody else uses.
        tools: Carries out its calls.
        on_event: Is told everything that happens, the ends of calls too; on the event loop.
        companion: Runs beside it.
        patience: Longest time for everything.

    Raises:
        ExceptionGroup: With the ``BackendError`` that was the end of it: it cannot see, it went
            away, or it took too long.
    """
    asking = _Asking(backend, tools, on_event)
    async with asyncio.TaskGroup() as group:
        beside = None if companion is None else group.create_task(companion, name="ask.companion")
        try:
            async with asyncio.timeout(patience):
                answered = group.create_task(asking.follow(group), name="ask.follow")
                await backend.enclose(question)
                await backend.commit_turn(asking.turn)
                await answered
        except TimeoutError as error:
            raise BackendStalled(f"no whole answer within {patience:.0f} s") from error
        if beside is not None:
            beside.cancel()


@dataclass(slots=True)
class _Asking:
    """How far the answer has come."""

    backend: Backend
    tools: ToolRunner
    on_event: Callable[[Happening], None]
    turn: TurnNumber = TurnNumber(1)
    _owed: set[CallId] = field(default_factory=set)
    _speaking: set[ResponseId] = field(default_factory=set)
    _more: bool = True
    """Another reply comes by itself."""

    _untold: bool = False
    """A tool has answered, and nothing has been said since."""

    _offered: bool = False

    async def follow(self, group: asyncio.TaskGroup) -> None:
        """Take what happens until the last reply has ended."""
        async for event in self.backend.events():
            self.on_event(event)
            self._take(event, group)
            if self._speaking or self._more:
                continue
            if self._offered:
                self._offered, self._more = False, True
                self.turn = TurnNumber(self.turn + 1)
                await self.backend.take_reply(self.turn)
            elif not self._owed and not self._untold:
                return
        raise BackendUnavailable("the session ended without a word")

    def _take(self, event: BackendEvent, group: asyncio.TaskGroup) -> None:
        match event:
            case ReplyStarted(response=response):
                self._speaking.add(response)
                self._more = self._untold = False
            case ReplyEnded(response=response, calls_tool=calls_tool):
                self._speaking.discard(response)
                self._more = self._more or calls_tool
            case ToolCalled(call=call):
                self._owed.add(call)
                group.create_task(self._carry_out(event), name=f"ask.tool.{event.tool}")
            case ReplyOffered():
                self._offered, self._untold = True, False
            case BackendLost(code=code):  # a failover would go on for the next question
                raise BackendUnavailable(
                    f"nobody can answer ({code}); `voice-appliance doctor` says more"
                )
            case _:
                pass

    async def _carry_out(self, call: ToolCalled) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        result = await self.tools.run(call)
        took = Seconds(clock() - began)
        self._owed.discard(call.call)
        self._untold = True
        self.on_event(CallAnswered(call.call, call.tool, result.status, took, result.say))
        await self.backend.answer_call(call.call, result)
