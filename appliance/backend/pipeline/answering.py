"""The work on one job of the pipeline: write down, think, call, speak. Event loop only."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from appliance.backend.context import Called
from appliance.backend.pipeline import jobs
from appliance.backend.pipeline.calls import Calls, Ledger, Request
from appliance.backend.pipeline.jobs import Job, Work
from appliance.backend.pipeline.parts import Asked, Found, Says, Talk, Trio
from appliance.backend.pipeline.parts import Calls as Calling
from appliance.backend.pipeline.recollection import Recollection
from appliance.backend.pipeline.replies import Replies
from appliance.backend.pipeline.sentences import Sentences, split
from appliance.backend.pipeline.terms import Terms, Words
from appliance.backend.pipeline.watch import Watch, closing
from appliance.catalogue import ToolSpec
from appliance.errors import BackendError, BackendUnavailable, ModelError
from appliance.events import (
    ReplyEnded,
    ReplyStarted,
    StageTook,
    ToolCalled,
    Transcribed,
    Understood,
    Usage,
    Used,
)
from appliance.units import CallId, Seconds

log = logging.getLogger(__name__)

MOST_ROUNDS = 8
"""How often the mind may call tools for one request; after that it is given none."""

MOST_CALLS = 16
"""Calls of one reply; more than that is a mind that repeats itself."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What the work on every job needs of the session."""

    trio: Trio
    words: Words
    catalogue: Callable[[], Sequence[ToolSpec]]
    terms: Terms
    ledger: Ledger
    memory: Recollection
    replies: Replies


class Answering:
    """Works on jobs, one after the other.

    Args:
        shared: What the session has.
    """

    def __init__(self, shared: Shared) -> None:
        self._trio = shared.trio
        self._words = shared.words
        self._catalogue = shared.catalogue
        self._terms = shared.terms
        self._ledger = shared.ledger
        self._memory = shared.memory
        self._replies = shared.replies

    async def do(self, work: Work, job: Job) -> None:
        """Do a job; what comes of it is told to ``work``, and so is what went wrong."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(work.speech.run(), name="speech")
                await self._do(work, job)
                await work.speech.end()
            self._end(work)
        except BaseExceptionGroup as group_of:
            work.failed = _failure(group_of)

    async def _do(self, work: Work, job: Job) -> None:
        match job:
            case jobs.Turn():
                await self._answer(work, job)
            case Calls():
                await self._tell(work, job.request)
            case jobs.Taken():
                await self._tell(work, Request(), late=True)
            case jobs.Overdue(calls=calls):
                await self._ask_for_patience(work, calls)
            case _:
                raise ValueError(job)

    async def _answer(self, work: Work, turn: jobs.Turn) -> None:
        """Write down what was said and think about it."""
        given = turn.enclosed
        if self._replies.notice and not (turn.recognition is None and given.empty):
            await self._begin(work)  # the sign; all else is done meanwhile
            await work.speech.sounds()
        work.firm = True
        written, took = await self._write_down(work, turn)
        work.firm = False
        if written is None:
            await self._say_by_itself(work, self._words.failed)
            return
        text = given.read(written)
        self._memory.heard(turn.number, text, _now())
        if not self._replies.wanted(work.reply):
            return
        work.tell(Transcribed(turn.number, text, took))
        if written and self._terms.stages:
            work.tell(StageTook(turn.number, "stt", self._trio.stt.title, took, took))
        if given.image is not None and not self._trio.mind.sees:
            await self._say_by_itself(work, self._words.cannot_see)
        elif text or given.image is not None:
            await self._think(work, Request(Asked(text, given.image, given.note)))
        else:
            work.stay = False

    async def _write_down(self, work: Work, turn: jobs.Turn) -> tuple[str | None, Seconds]:
        """Return what was said, and how long the user waits for that; ``None``: it failed."""
        heard = turn.recognition
        if heard is None:
            return "", Seconds(0.0)
        begun = _now()
        try:
            async with Watch(self._trio.stt.title) as watch:
                watch.alert(self._terms.within("stt"))
                written: str | None = await heard.finish(as_expected=turn.as_expected)
        except ModelError:
            written = None
        if (usage := heard.usage) is not None:
            work.tell(Used(usage, turn.number))
        return written, Seconds(_now() - begun)

    async def _ask_for_patience(self, work: Work, calls: Calls) -> None:
        """Say that the answers take longer; they will be offered."""
        calls.overtaken = True
        calls.interim = work.reply.response
        await self._say_by_itself(work, self._words.working, stay=not calls.closes)

    async def _tell(self, work: Work, request: Request, *, late: bool = False) -> None:
        """Have the mind go on with how calls ended."""
        told = work.reply.tells
        results = tuple(result for calls in told for result in calls.results())
        if not results:
            work.stay = False
            return
        if self._replies.notice:
            await self._begin(work)
        request = replace(request, answered=(*request.answered, *results))
        remark = " ".join(filter(None, (calls.remark for calls in told if not calls.silenced)))
        await self._think(work, request, late=late, remark=remark)
        work.stay = not any(calls.closes for calls in told)

    async def _think(
        self, work: Work, request: Request, *, late: bool = False, remark: str = ""
    ) -> None:
        """Have the mind think, and what it says spoken while it goes on."""
        thinking = _Thinking(request, _now(), self._tools(request))
        without = {each.call for each in request.answered}
        turn = work.reply.turn
        lines = self._memory.lines(turn, without=without, now=thinking.begun)
        talk = Talk(
            lines,
            request.asked,
            request.answered,
            late=late,
            said=request.said,
            remark=remark,
            signed=work.reply.signed,
        )
        sentences = Sentences(abbreviations=self._words.abbreviations)
        mind = self._trio.mind
        try:
            async with (
                Watch(mind.title) as watch,
                closing(mind.think(talk, thinking.tools)) as thoughts,
            ):
                watch.alert(self._terms.within("llm"))
                async for thought in thoughts:
                    watch.rest()
                    if not isinstance(thought, Usage):
                        thinking.first = thinking.first or _now()
                    match thought:
                        case Says(text=text):
                            await self._say(work, thinking, sentences.add(text))
                        case Calling():
                            await self._say(work, thinking, sentences.end())
                            self._call(work, thinking, thought)
                        case Found():
                            self._found(work, thinking, thought)
                        case Usage():
                            work.tell(Used(thought, turn))
                    watch.alert(self._terms.within("llm"))
        except ModelError:
            await self._say_by_itself(work, self._words.failed)
            return
        last = _now()
        await self._say(work, thinking, sentences.end())
        self._thought(work, thinking, last)

    async def _say(self, work: Work, thinking: "_Thinking", sentences: list[str]) -> None:
        for sentence in sentences:
            await self._begin(work)
            thinking.spoken.append(sentence)
            await work.speech.say(sentence)

    def _call(self, work: Work, thinking: "_Thinking", calling: Calling) -> None:
        reply = work.reply
        if work.calls is None:
            work.calls = Calls(reply.turn, reply.response)
            self._ledger.add(work.calls)
        thinking.calls += 1
        if not thinking.tools or thinking.calls > MOST_CALLS:
            log.warning("%s calls more than it may", self._trio.mind.title)
            return
        call = CallId(f"{reply.response}-call-{thinking.calls}")
        closes = any(tool.closes and tool.name == calling.tool for tool in thinking.tools)
        work.calls.add(Called(call, calling.tool, calling.arguments, at=_now()), closes=closes)
        self._start(work)
        work.tell(ToolCalled(call, reply.response, calling.tool, calling.arguments))

    def _found(self, work: Work, thinking: "_Thinking", found: Found) -> None:
        thinking.found = found
        took = Seconds(_now() - thinking.begun)
        work.tell(Understood(work.reply.turn, found.stage, found.summary, took))

    def _thought(self, work: Work, thinking: "_Thinking", last: Seconds) -> None:
        """Take note of what came of thinking."""
        found, request = thinking.found, thinking.request
        if work.calls is not None:
            said = " ".join(filter(None, (request.said, *thinking.spoken)))
            work.calls.request = replace(request, said=said, rounds=request.rounds + 1)
            work.calls.remark = found.remark if found is not None else ""
        stays = found.stay if found is not None else True
        work.stay = stays and bool(thinking.spoken)
        if self._terms.stages and thinking.first is not None:
            first, took = thinking.first - thinking.begun, last - thinking.begun
            turn, title = work.reply.turn, self._trio.mind.title
            work.tell(StageTook(turn, "llm", title, Seconds(first), Seconds(took)))

    async def _say_by_itself(self, work: Work, text: str, *, stay: bool = False) -> None:
        """Say what the session itself has to say."""
        await self._begin(work)
        for sentence in split(text, abbreviations=self._words.abbreviations):
            await work.speech.say(sentence)
        work.stay = stay

    async def _begin(self, work: Work) -> None:
        """Begin a reply that will be heard, unless it has begun; with the sign, if it is due."""
        if work.reply.begun:
            return
        self._start(work)
        if self._replies.notice:
            self._replies.sign(work.reply)
            await work.speech.say(self._words.alone)

    def _start(self, work: Work) -> None:
        reply = work.reply
        if not reply.begun:
            reply.begun = True
            work.tell(ReplyStarted(reply.response, reply.turn))

    def _end(self, work: Work) -> None:
        """End the reply, if it is one."""
        response = work.reply.response
        if work.calls is not None and not work.calls.empty:
            work.tell(ReplyEnded(response, calls_tool=True))
        elif work.stay is not None:
            self._start(work)
            work.tell(ReplyEnded(response, stay=work.stay))

    def _tools(self, request: Request) -> tuple[ToolSpec, ...]:
        """Return the tools that may be called now, whose answers the mind can use."""
        if request.rounds >= MOST_ROUNDS:
            return ()
        sees = self._trio.mind.sees
        return tuple(tool for tool in self._catalogue() if sees or not tool.sees)


@dataclass(slots=True)
class _Thinking:
    """One look of the mind at a request."""

    request: Request
    begun: Seconds
    tools: tuple[ToolSpec, ...]
    first: Seconds | None = None
    found: Found | None = None
    spoken: list[str] = field(default_factory=list)
    calls: int = 0


def _failure(errors: BaseExceptionGroup[BaseException]) -> BackendError:
    """Return the error that ends the session."""
    first: BaseException = errors
    while isinstance(first, BaseExceptionGroup):
        first = (
            next((e for e in first.exceptions if isinstance(e, BackendError)), None)
            or (first.exceptions[0])
        )
    if isinstance(first, BackendError):
        return first
    trace = first.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" in {trace.tb_frame.f_code.co_qualname}, {trace.tb_lineno}"
    # not the message, which may quote what was said
    what = f"a part of the pipeline failed: {type(first).__name__}{where}"
    log.warning("%s", what)
    return BackendUnavailable(what)


def _now() -> Seconds:
    return Seconds(asyncio.get_running_loop().time())
