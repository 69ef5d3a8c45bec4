"""A session of the pipeline: a turn's sound → text → words and calls → sentences → sound.

``events`` does one job after the other. Each is worked on in a task that lives no longer than the
job, and within it the stages overlap: the mind writes while the voice speaks what it has written,
and what the user says is written down while it is being said. Whoever speaks again, or stops the
reply, ends that task, and with it whatever the parts were doing for it.

What becomes of the answers to a reply's calls:

* All came within ``patience``: the mind goes on with them, in the next reply to the turn.
* They take longer: the user is told so, and they are offered when they come.
* Another turn was committed before: they are offered.
* The user fell silent the reply that made them, or their report before a word of it was heard:
  what was done is not told any more; what went wrong is offered.

What was offered is told at once by the next ``take_reply``, all of it in one reply.
"""

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress

from appliance.backend.context import NOTHING, Called, Handover
from appliance.backend.pipeline import enclosed, jobs
from appliance.backend.pipeline.answering import Answering, Shared
from appliance.backend.pipeline.calls import Calls, Ledger, taken_over
from appliance.backend.pipeline.enclosed import Enclosed
from appliance.backend.pipeline.jobs import Job, Work, turn_of
from appliance.backend.pipeline.parts import Prepares, Recognition, Trio, Warms
from appliance.backend.pipeline.recollection import Recollection
from appliance.backend.pipeline.replies import Replies, Reply
from appliance.backend.pipeline.speech import Speech
from appliance.backend.pipeline.terms import Terms, Words
from appliance.catalogue import ToolSpec
from appliance.errors import BackendError, BackendUnavailable
from appliance.events import (
    BackendEvent,
    ReplyAudio,
    ReplyOffered,
    ReplyStarted,
    ReplyText,
    ToolCalled,
    Used,
)
from appliance.frames import Frame, samples
from appliance.ports import Enclosure, ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber

log = logging.getLogger(__name__)


class PipelineBackend:
    """Answers with any three parts: ``ports.Backend``. Event loop only.

    A picture is not refused: where the mind cannot see, the reply says so.

    Args:
        trio: The parts, which are closed with the session.
        words: What it says by itself.
        catalogue: Gives the tools that can be called now.
        terms: How long things may take.
        handover: What the conversation has come to.
    """

    def __init__(
        self,
        trio: Trio,
        words: Words,
        catalogue: Callable[[], Sequence[ToolSpec]],
        terms: Terms,
        handover: Handover = NOTHING,
    ) -> None:
        self._trio = trio
        self._every = (trio.stt, trio.mind, trio.tts)
        self._terms = terms
        self._catalogue = catalogue
        self._recognition: Recognition | None = None
        self._room = samples(terms.longest_turn)
        self._enclosed = enclosed.NOTHING
        self._jobs: asyncio.Queue[Job] = asyncio.Queue()
        self._work: Work | None = None
        self._closed = False
        self._lost = False
        self._speaking = asyncio.Event()
        self._ledger = Ledger()
        self._memory = Recollection(handover)
        self._replies = Replies(terms.name, notice=handover.notice and bool(words.alone))
        shared = Shared(trio, words, catalogue, terms, self._ledger, self._memory, self._replies)
        self._answering = Answering(shared)
        self._take_over(handover)

    @property
    def ends_turns(self) -> bool:
        """The box finds the end of a turn."""
        return False

    async def events(self) -> AsyncGenerator[BackendEvent, None]:
        """Do the work and yield what comes of it; ends by raising a ``BackendError``."""
        error: BackendError | None = None
        async with asyncio.TaskGroup() as group, aclosing(self._happenings()) as happenings:
            warming = group.create_task(self._keep_warm(), name="warming")
            try:
                async for event in happenings:
                    yield event
            except BackendError as ended:
                error = ended
            except GeneratorExit:  # a group would make another error of it
                return
            finally:
                warming.cancel()
        if error is not None:
            raise error

    async def _happenings(self) -> AsyncGenerator[BackendEvent, None]:
        for part in self._every:
            if isinstance(part, Prepares):
                await part.prepare()
        self._await_answers()
        while True:
            job = await self._next_job()
            if isinstance(job, jobs.Closed):
                raise self._gone()
            async with aclosing(self._carry_out(job)) as happening:
                async for event in happening:
                    yield event

    async def _keep_warm(self) -> None:
        """Have the parts connect whenever the user begins to speak."""
        while True:
            await self._speaking.wait()
            self._speaking.clear()
            warms = [part.warm() for part in self._every if isinstance(part, Warms)]
            await asyncio.gather(*warms, return_exceptions=True)

    async def send_audio(self, frame: Frame) -> None:
        """Have a frame of the user's turn written down; beyond the longest turn it is left out."""
        self._check_open()
        if len(frame.samples) > self._room:
            return
        self._room -= len(frame.samples)
        if self._recognition is None:
            self._recognition = self._trio.stt.listen()
            self._speaking.set()
        await self._recognition.hear(frame)

    async def enclose(self, enclosure: Enclosure) -> None:
        """Keep what belongs to the turn; text is read after what is said, or instead of it."""
        self._check_open()
        self._enclosed = self._enclosed.add(enclosure)

    async def expect_end(self) -> None:
        """Have written down ahead what was heard; it costs nothing but work if more is said."""
        self._check_open()
        if self._recognition is not None:
            self._recognition.expect_end()

    async def commit_turn(self, turn: TurnNumber, *, as_expected: bool = False) -> None:
        """Answer what was said; whatever is still being said about an older turn ends."""
        self._check_open()
        recognition, given = self._take_turn()
        self._go_on(turn)
        self._jobs.put_nowait(jobs.Turn(turn, recognition, given, as_expected))

    async def clear_turn(self) -> None:
        """Forget what was heard since the last turn."""
        self._check_open()
        recognition, _ = self._take_turn()
        if recognition is not None:
            await recognition.drop()
            if (usage := recognition.usage) is not None:
                self._jobs.put_nowait(jobs.Dropped(usage))

    async def cancel_reply(self, response: ResponseId, *, heard: Seconds) -> None:
        """Say no more of this reply, and of the calls that it made only what went wrong."""
        self._check_open()
        log.debug("reply %s cancelled after %.1f s", response, heard)
        self._replies.cancel(response, heard=heard)
        self._memory.cut(response, heard, self._now())
        for calls in self._ledger.cancel(response, heard=heard):
            self._jobs.put_nowait(calls)
        self._interrupt()

    async def answer_call(self, call: CallId, result: ToolResult) -> None:
        """Take a tool's result; with the last one of a reply, its report is spoken or offered."""
        self._check_open()
        self._memory.answered(call, result, self._now())
        calls = self._ledger.answer(call, result)
        if calls is not None:
            self._jobs.put_nowait(calls)

    async def take_reply(self, turn: TurnNumber) -> None:
        """Tell what was offered; where that is nothing any more, the reply is silent."""
        self._check_open()
        self._go_on(turn)
        self._jobs.put_nowait(jobs.Taken(turn))

    async def close(self) -> None:
        """End the session and its parts."""
        if self._closed:
            return
        self._closed = True
        self._replies.end()
        if self._work is not None:
            self._work.interrupt()
        self._jobs.put_nowait(jobs.Closed())
        recognition, _ = self._take_turn()
        ends = [part.close() for part in self._every]
        if recognition is not None:
            ends.insert(0, recognition.drop())
        for ended in await asyncio.gather(*ends, return_exceptions=True):
            if isinstance(ended, BaseException):
                log.debug("a part did not end well: %s", type(ended).__name__)

    def _take_over(self, handover: Handover) -> None:
        """Wait for the answers to the calls that another backend has made."""
        owed = handover.owed
        if owed is None or not owed.calls:
            return
        calls = taken_over(owed, self._catalogue())
        self._replies.go_on(owed.turn)
        self._ledger.add(calls)
        if calls.complete:
            self._jobs.put_nowait(calls)

    async def _next_job(self) -> Job:
        if self._closed:
            return jobs.Closed()
        calls = self._ledger.awaited
        if calls is None:
            return await self._jobs.get()
        try:
            async with asyncio.timeout_at(calls.until):
                return await self._jobs.get()
        except TimeoutError:
            return jobs.Overdue(calls)

    async def _carry_out(self, job: Job) -> AsyncGenerator[BackendEvent, None]:
        """Have a job done in a task, and yield what comes of it as long as it is wanted."""
        if (quick := self._at_once(job)) is not None:
            for event in quick:
                yield event
            return
        work = Work(self._reply_of(job), self._voice)
        async with asyncio.TaskGroup() as group:
            work.begin(group.create_task(self._answering.do(work, job), name="pipeline"))
            self._work = work
            try:
                while (told := await work.next()) is not None:
                    if self._passes(work.reply, told):
                        yield told
            except GeneratorExit:  # a group would make another error of it
                return
            finally:
                self._work = None
                work.interrupt()
        if isinstance(job, jobs.Turn) and job.recognition is not None:
            with suppress(BackendError):
                await job.recognition.drop()
        if work.failed is not None and not self._closed:
            self._lost = True
            raise work.failed
        if work.calls is not None and self._ledger.seal(work.calls):
            self._jobs.put_nowait(work.calls)
        self._await_answers()
        if self._untold(work.reply):
            yield ReplyOffered()

    def _at_once(self, job: Job) -> list[BackendEvent] | None:
        """Do a job of which no reply comes; ``None``: one does."""
        match job:
            case jobs.Dropped(usage=usage):
                return [Used(usage)]
            case Calls() if job.overtaken:
                return [ReplyOffered()] if self._ledger.put_off(job) else []
            case jobs.Overdue(calls=calls) if calls.overtaken or calls.complete:
                return []
            case jobs.Taken(turn=turn) if not self._replies.latest(turn):
                return [ReplyOffered()] if self._ledger.offers else []
            case _:
                return None

    def _reply_of(self, job: Job) -> Reply:
        """Return the reply that comes of a job, with the results that it tells."""
        reply = self._replies.new(turn_of(job))
        if isinstance(job, Calls):
            reply.tells = (job,)
        elif isinstance(job, jobs.Taken):
            reply.tells = self._ledger.take()
        return reply

    def _passes(self, reply: Reply, event: BackendEvent) -> bool:
        """Take note of what comes out; tell whether it is still wanted."""
        wanted = self._replies.wanted(reply)
        match event:
            case Used():
                return True
            case ToolCalled() if wanted:
                called = Called(event.call, event.tool, event.arguments, at=self._now())
                self._memory.called(reply.response, called, self._now())
            case ToolCalled():
                self._ledger.withdraw(event.call)
            case ReplyStarted() if wanted:
                reply.shown = True
                if reply.tells:
                    self._ledger.tell(reply.tells, reply.response)
                self._memory.note(event, self._now())
            case ReplyText() | ReplyAudio() if wanted:
                self._memory.note(event, self._now())
            case _:
                pass
        return wanted

    def _untold(self, reply: Reply) -> bool:
        """Offer the results of a report that was ended before it began; tell whether it was."""
        if reply.shown or self._closed:
            return False
        offered = [self._ledger.put_off(calls) for calls in reply.tells]
        return any(offered)

    def _voice(self, reply: Reply, tell: Callable[[BackendEvent], None]) -> Speech:
        return Speech(self._trio.tts, reply, self._terms, tell)

    def _await_answers(self) -> None:
        """Begin to wait for answers."""
        calls = self._ledger.awaited
        if calls is not None and math.isinf(calls.until):
            calls.until = Seconds(self._now() + self._terms.patience)

    def _go_on(self, turn: TurnNumber) -> None:
        """Leave older turns behind."""
        self._replies.go_on(turn)
        self._ledger.overtake()
        self._interrupt()

    def _interrupt(self) -> None:
        """End the work on what nobody waits for any more."""
        work = self._work
        if work is not None and not work.firm and not self._replies.wanted(work.reply):
            work.interrupt()

    def _take_turn(self) -> tuple[Recognition | None, Enclosed]:
        """Return what was given of a turn, and begin the next one."""
        taken = self._recognition, self._enclosed
        self._recognition, self._enclosed = None, enclosed.NOTHING
        self._room = samples(self._terms.longest_turn)
        return taken

    def _now(self) -> Seconds:
        return Seconds(asyncio.get_running_loop().time())

    def _gone(self) -> BackendUnavailable:
        return BackendUnavailable(f"{self._terms.title} was closed")

    def _check_open(self) -> None:
        if self._closed or self._lost:
            raise self._gone()
