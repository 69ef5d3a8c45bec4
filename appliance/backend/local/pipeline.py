"""The on-device backend: a turn's sound → text → calls → sentences → sound.

Everything that takes time runs in one worker thread of its own; the event loop only waits for it.
There is no task: ``events`` does the work, one job after the other, in the task of whoever
iterates it. A job asks after each step whether it is still wanted; the user may have spoken again
or have stopped the reply.

What becomes of the answers to a reply's calls:

* All came within ``patience``: they are the next reply to the turn.
* They take longer: the user is told so, and they are offered when they come.
* Another turn was committed before: they are offered.
* The user fell silent the reply that made them, or their report before a word of it was heard:
  what was done is not told any more; what went wrong is offered.

What was offered is told at once by the next ``take_reply``, all of it in one reply.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import assert_never

from appliance.backend.context import NOTHING, Handover
from appliance.backend.local.calls import Calls, Ledger, closes, summary, taken_over
from appliance.backend.local.parts import Parts, Speaks, usable
from appliance.backend.local.past import past
from appliance.backend.local.replies import Replies, Reply
from appliance.backend.local.reply import compose
from appliance.backend.local.understand.types import Understanding
from appliance.backend.local.utterance import Collector, Utterance
from appliance.backend.local.worker import Worker
from appliance.catalogue import ToolSpec
from appliance.errors import BackendUnavailable
from appliance.events import (
    BackendEvent,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    ToolCalled,
    Transcribed,
    Understood,
)
from appliance.frames import Frame, samples
from appliance.ports import Enclosure, ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber

__all__ = ["LocalBackend", "Parts", "Speaks"]

log = logging.getLogger(__name__)

NOT_UNDERSTOOD = "none"
"""The stage of understanding that has not understood."""

LONGEST_TURN = Seconds(35.0)
"""Sound that a turn may have; what comes after it is left out."""

PATIENCE = Seconds(2.5)
"""How long the user waits for the answers to calls before being told that it takes longer."""


@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    """The user has finished."""

    number: TurnNumber
    utterance: Utterance
    ahead: Future[str] | None = None
    """What was written down before it was certain that this was all."""


@dataclass(frozen=True, slots=True)
class _Overdue:
    """The answers to some calls take long."""

    calls: Calls


@dataclass(frozen=True, slots=True)
class _Taken:
    """What was offered is wanted as the reply to this turn."""

    turn: TurnNumber


@dataclass(frozen=True, slots=True)
class _Closed:
    """Nothing comes any more."""


_Job = _Turn | Calls | _Overdue | _Taken | _Closed


class LocalBackend:
    """Answers by itself, with what is on the device: ``ports.Backend``.

    A picture is not refused: the reply says that it cannot be seen here.

    Args:
        parts: The models and phrases.
        catalogue: Gives the tools that can be called now; called on the event loop.
        longest_turn: Sound that one turn may have.
        handover: What the conversation has come to.
        patience: How long the answers to calls may take before the user is told so; infinite: as
            long as they like, for recordings whose sound stands still meanwhile.
    """

    def __init__(
        self,
        parts: Parts,
        catalogue: Callable[[], Sequence[ToolSpec]],
        *,
        longest_turn: Seconds = LONGEST_TURN,
        handover: Handover = NOTHING,
        patience: Seconds = PATIENCE,
    ) -> None:
        self._parts = parts
        self._catalogue = catalogue
        self._patience = patience
        self._heard = Collector(samples(longest_turn))
        self._ahead: Future[str] | None = None
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._worker = Worker(parts.in_use)
        self._ledger = Ledger()
        self._replies = Replies(parts, self._worker, notice=handover.notice)
        self._handover = handover
        self._closed = False
        self._take_over(handover)

    @property
    def ends_turns(self) -> bool:
        """The box finds the end of a turn."""
        return False

    async def events(self) -> AsyncIterator[BackendEvent]:
        """Do the work and yield what comes of it; ends by raising ``BackendUnavailable``."""
        await self._recall()
        self._await_answers()
        while True:
            match await self._next_job():
                case _Turn() as turn:
                    happening = self._answer(turn)
                case Calls() as calls:
                    happening = self._report(calls)
                case _Overdue(calls=calls):
                    happening = self._ask_for_patience(calls)
                case _Taken(turn=number):
                    happening = self._tell_late(number)
                case _Closed():
                    raise BackendUnavailable("the on-device backend was closed")
                case job:
                    assert_never(job)
            async for event in happening:
                yield event

    async def send_audio(self, frame: Frame) -> None:
        """Keep a frame of the user's turn."""
        self._check_open()
        self._heard.hear(frame)

    async def enclose(self, enclosure: Enclosure) -> None:
        """Keep text, which is read after what is said or instead of it; note a picture."""
        self._check_open()
        self._heard.enclose(enclosure)

    async def expect_end(self) -> None:
        """Begin to write down what was heard; it costs nothing but work if more is said.

        The speaker's silence, long enough to be certain, is then spent on what comes after it.
        """
        self._check_open()
        self._give_up_ahead()
        self._ahead = self._worker.submit(partial(self._parts.write_down, self._heard.sound()))

    async def commit_turn(self, turn: TurnNumber, *, as_expected: bool = False) -> None:
        """Answer what was said; whatever is still being said about an older turn ends."""
        self._check_open()
        if not as_expected:
            self._give_up_ahead()
        ahead, self._ahead = self._ahead, None
        self._go_on(turn)
        self._jobs.put_nowait(_Turn(turn, self._heard.take(), ahead))

    async def clear_turn(self) -> None:
        """Forget what was heard since the last turn."""
        self._check_open()
        self._forget()

    async def cancel_reply(self, response: ResponseId, *, heard: Seconds) -> None:
        """Say no more of this reply, and of the calls that it made only what went wrong."""
        self._check_open()
        log.debug("reply %s cancelled after %.1f s", response, heard)
        self._replies.cancel(response, heard=heard)
        for calls in self._ledger.cancel(response, heard=heard):
            self._jobs.put_nowait(calls)

    async def answer_call(self, call: CallId, result: ToolResult) -> None:
        """Take a tool's result; with the last one of a reply, its report is spoken or offered."""
        self._check_open()
        calls = self._ledger.answer(call, result)
        if calls is not None:
            self._jobs.put_nowait(calls)

    async def take_reply(self, turn: TurnNumber) -> None:
        """Tell what was offered; where that is nothing any more, the reply is silent."""
        self._check_open()
        self._go_on(turn)
        self._jobs.put_nowait(_Taken(turn))

    async def close(self) -> None:
        """End the session; what the worker is doing is not waited for."""
        if self._closed:
            return
        self._closed = True
        self._replies.end()
        self._forget()
        self._jobs.put_nowait(_Closed())
        self._worker.close()

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

    async def _recall(self) -> None:
        """Teach understanding what was done before, so that "brighter" has something to be of."""
        done = past(self._handover)
        if done:
            tools = usable(self._catalogue())
            remember = self._parts.understander.remember
            await self._worker.do("memory", lambda: remember(done, tools))

    async def _next_job(self) -> _Job:
        calls = self._ledger.awaited
        if calls is None:
            return await self._jobs.get()
        try:
            async with asyncio.timeout_at(calls.until):
                return await self._jobs.get()
        except TimeoutError:
            return _Overdue(calls)

    async def _answer(self, turn: _Turn) -> AsyncIterator[BackendEvent]:
        """Transcribe and understand a turn; then call tools, or say why not."""
        reply, said = self._replies.new(turn.number), turn.utterance
        if self._replies.notice and not said.empty:
            async for event in self._replies.begin(reply):  # the sign; all else is done meanwhile
                yield event
        written, took = await self._write_down(turn)
        if not self._replies.wanted(reply):
            return
        text = None if written is None else said.read(written)
        if text is not None:
            yield Transcribed(turn.number, text, took)
        if text is None:
            happening = self._replies.speak(reply, self._parts.phrases.failed)
        elif said.shows:
            happening = self._replies.speak(reply, self._parts.phrases.cannot_see)
        elif text:
            happening = self._understand(reply, text)
        else:
            happening = self._replies.end_silently(reply)
        async for event in happening:
            yield event

    async def _understand(self, reply: Reply, text: str) -> AsyncIterator[BackendEvent]:
        phrases = self._parts.phrases
        tools = usable(self._catalogue())
        meant, took = await self._worker.do(
            "understanding", lambda: self._parts.understander.understand(text, tools)
        )
        if not self._replies.wanted(reply):
            return
        if meant is None:
            async for event in self._replies.speak(reply, phrases.failed):
                yield event
            return
        yield Understood(reply.turn, meant.stage, summary(meant.calls) or meant.say, took)
        if meant.calls:
            for called in self._call(reply, meant, tools):
                yield called
            return
        lost = meant.stage == NOT_UNDERSTOOD
        say = meant.say or (phrases.not_understood if tools else phrases.no_tools)
        if lost and reply.signed:
            say = phrases.cannot_answer
        async for event in self._replies.speak(reply, say, stay=not lost):
            yield event

    def _call(
        self, reply: Reply, meant: Understanding, tools: Sequence[ToolSpec]
    ) -> Iterator[BackendEvent]:
        """Make a reply of nothing but calls; their answers start the next one."""
        response = reply.response
        owed = tuple(CallId(f"{response}-call-{n}") for n in range(1, len(meant.calls) + 1))
        ends = closes((call.tool for call in meant.calls), tools)
        self._ledger.add(Calls(reply.turn, owed, ends, response, meant.say))
        self._await_answers()
        if not reply.begun:
            yield ReplyStarted(response, reply.turn)
        for name, call in zip(owed, meant.calls, strict=True):
            yield ToolCalled(name, response, call.tool, call.arguments)
        yield ReplyEnded(response, calls_tool=True)

    async def _report(self, calls: Calls) -> AsyncIterator[BackendEvent]:
        """Say how calls ended, or offer to."""
        if calls.overtaken:
            if self._ledger.put_off(calls):
                yield ReplyOffered()
            return
        async for event in self._tell((calls,), self._replies.new(calls.turn)):
            yield event

    async def _ask_for_patience(self, calls: Calls) -> AsyncIterator[BackendEvent]:
        """Say that the answers take longer; they will be offered."""
        if calls.overtaken or calls.complete:
            return
        reply = self._replies.new(calls.turn)
        calls.overtaken = True
        calls.interim = reply.response
        phrases = self._parts.phrases
        async for event in self._replies.speak(reply, phrases.working, stay=not calls.closes):
            yield event

    async def _tell_late(self, turn: TurnNumber) -> AsyncIterator[BackendEvent]:
        """Say what was offered, or offer it again if somebody has spoken meanwhile."""
        reply = self._replies.new(turn)
        if self._replies.wanted(reply):
            async for event in self._tell(self._ledger.take(), reply):
                yield event
        elif self._ledger.offers:
            yield ReplyOffered()

    async def _tell(self, told: Sequence[Calls], reply: Reply) -> AsyncIterator[BackendEvent]:
        """Say how calls ended."""
        self._ledger.tell(told, reply.response)
        results = [result for calls in told for result in calls.results()]
        if not results:
            async for event in self._replies.end_silently(reply):
                yield event
            return
        remark = " ".join(filter(None, (calls.remark for calls in told if not calls.silenced)))
        text = compose(results, self._parts.phrases, remark=remark)
        stay = not any(calls.closes for calls in told)
        async for event in self._replies.speak(reply, text, stay=stay):
            yield event

    async def _write_down(self, turn: _Turn) -> tuple[str | None, Seconds]:
        """Return what was said, and how long the user waits for that; ``None``: it failed."""
        if turn.ahead is not None:
            begun = time.perf_counter()
            try:
                text = await self._worker.wait(turn.ahead)
            except BackendUnavailable:
                raise
            except Exception as error:  # noqa: BLE001 - then once more, in the usual way
                log.warning("transcription ahead failed: %s", type(error).__name__)
            else:
                return text, Seconds(time.perf_counter() - begun)
        if not len(turn.utterance.sound):
            return "", Seconds(0.0)
        sound = turn.utterance.sound
        return await self._worker.do("transcription", lambda: self._parts.write_down(sound))

    def _await_answers(self) -> None:
        """Begin to wait for answers."""
        calls = self._ledger.awaited
        if calls is not None:
            calls.until = Seconds(asyncio.get_running_loop().time() + self._patience)

    def _go_on(self, turn: TurnNumber) -> None:
        """Leave older turns behind."""
        self._replies.go_on(turn)
        self._ledger.overtake()

    def _give_up_ahead(self) -> None:
        if self._ahead is not None:
            self._ahead.cancel()
            self._ahead = None

    def _forget(self) -> None:
        self._give_up_ahead()
        self._heard.clear()

    def _check_open(self) -> None:
        if self._closed:
            raise BackendUnavailable("the on-device backend was closed")
