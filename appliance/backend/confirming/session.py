"""Stands between the conversation and who answers; the rules are in the package's own words."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Final

from appliance.backend.confirming.answering import Amends, Answering, note
from appliance.backend.confirming.fuse import Fuse
from appliance.backend.confirming.offers import Offers
from appliance.backend.confirming.question import Held, Kept, Question, pass_on
from appliance.backend.confirming.replies import Replies
from appliance.backend.confirming.voice import OwnVoice
from appliance.backend.local.consent import Consent
from appliance.backend.local.parts import Parts
from appliance.errors import BackendError, BackendUnavailable
from appliance.events import (
    BackendEvent,
    BackendLost,
    EndOfTurnFound,
    ReplyAudio,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    ReplyText,
    ToolCalled,
)
from appliance.frames import Frame
from appliance.ports import Backend, Confirmations, Enclosure, ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber

PATIENCE: Final = Seconds(3.0)
"""How long the inner backend may take to begin its reply before the question is put."""

Job = Callable[[], Awaitable[None]]


class ConfirmingBackend:
    """Puts the box's own questions: ``ports.Backend``. Made, used and closed on the event loop.

    ``run`` must go on beside the conversation.

    Args:
        inner: Who answers; it is closed with this.
        parts: The recogniser and the voice on the device.
        consent: Reads answers.
        confirmations: Settles challenges.
        button: Whether the button confirms.
    """

    def __init__(
        self,
        inner: Backend,
        parts: Parts,
        consent: Consent,
        confirmations: Confirmations,
        *,
        button: bool = True,
    ) -> None:
        self._inner = inner
        self._button = button
        self._voice = OwnVoice(parts, self.emit)
        self._answering = Answering(self, self._voice, consent, confirmations)
        self._replies = Replies()
        self._events: asyncio.Queue[BackendEvent | BackendError | None] = asyncio.Queue()
        self._jobs: asyncio.Queue[Job] = asyncio.Queue()
        self._ended = asyncio.Event()
        self._to_inner = asyncio.Lock()
        self._fuse = Fuse()
        self._offers = Offers(self.emit)
        self._latest = TurnNumber(0)
        self._wanted: TurnNumber | None = None  # the turn to which a reply is owed
        self._mine: TurnNumber | None = None  # the latest turn of which the inner knows nothing
        self._here: bool | None = None  # whether the turn in progress is kept; not decided
        self._answers: Question | None = None  # what waited when it began
        self._kept = Kept()
        self._note = ""  # what the inner backend is to be told with its next turn
        self._unread = 0  # turns that were kept
        self._undo = confirmations.on_challenge(self._answering.became)
        self.question: Question | None = None
        """What waits for an answer, or is being answered."""

    @property
    def ends_turns(self) -> bool:
        """Whether the inner backend finds the end of this turn; not of one that is kept here."""
        return not self._is_kept() and self._inner.ends_turns

    async def run(self) -> None:
        """Serve until ``close``."""
        async with asyncio.TaskGroup() as group:
            tasks = (
                group.create_task(self._follow(), name="confirming.follow"),
                group.create_task(self._work(), name="confirming.work"),
            )
            await self._ended.wait()
            for task in tasks:
                task.cancel()

    async def events(self) -> AsyncIterator[BackendEvent]:
        """Yield what happens; ends as the inner backend does, or by ``close``."""
        while (event := await self._events.get()) is not None:
            if isinstance(event, BackendError):
                raise event
            yield event
        raise BackendUnavailable("the backend was closed")

    async def send_audio(self, frame: Frame) -> None:
        """Pass a frame on; or keep it, while a challenge waits."""
        if self._begin_turn():
            self._kept.add(frame)
            return
        async with self._to_inner:
            await self._inner.send_audio(frame)

    async def enclose(self, enclosure: Enclosure) -> None:
        """Pass on what belongs to the turn; what is written begins a turn that is no answer."""
        if self._here:
            self._kept.add(enclosure)
            return
        self._here = False
        await self._inner.enclose(enclosure)

    async def expect_end(self) -> None:
        """Pass it on."""
        if not self._begin_turn():
            await self._inner.expect_end()

    async def commit_turn(self, turn: TurnNumber, *, as_expected: bool = False) -> None:
        """Pass it on, or read the answer."""
        here, self._here = self._begin_turn(), None
        self._latest = self._wanted = turn
        if here:
            self._mine = turn
            held = Held(turn, self._kept.take(), self.question or self._answers)
            self._unread += 1
            self.do(partial(self._read, held))
            return
        async with self._to_inner:
            await self._tell_outcome()
            await self._inner.commit_turn(turn, as_expected=as_expected)

    async def clear_turn(self) -> None:
        """Forget the turn; the inner backend is told unless it knows nothing of it."""
        self._wanted = None
        self._kept.take()
        here, self._here = self._here, None
        self.release()
        if here or (here is None and self._mine == self._latest):
            return
        async with self._to_inner:
            await self._inner.clear_turn()

    async def cancel_reply(self, response: ResponseId, *, heard: Seconds) -> None:
        """Stop a reply; the challenge that it asked about stays open."""
        ours = self._voice.turn_of(response)
        turn = self._replies.turn_of(response) if ours is None else ours
        if turn is not None and turn == self._wanted:
            self._wanted = None
        self.release()
        if ours is None:
            await self._inner.cancel_reply(response, heard=heard)

    async def answer_call(self, call: CallId, result: ToolResult) -> None:
        """Pass a result on; one that carries a challenge makes the box ask."""
        turn = self._replies.answer(call, self._latest)
        if result.challenge is None:
            await self._inner.answer_call(call, result)
            return
        self.question = question = Question(result.challenge, turn, call)
        if turn == self._wanted:
            self._fuse.light(PATIENCE, self._ask_anyway)
        else:
            self.offer(question)
        await self._inner.answer_call(call, replace(result, say=""))

    async def take_reply(self, turn: TurnNumber) -> None:
        """Say what was offered from here, or have the inner backend do so."""
        self._latest = self._wanted = turn
        offer = self._offers.take()
        if offer is None:
            await self._inner.take_reply(turn)
        else:
            self._mine = turn
            self.do(partial(self._put, offer, turn))

    async def close(self) -> None:
        """End it all; idempotent."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._undo()
        self._fuse.put_out()
        self._voice.close()
        self._events.put_nowait(None)
        await self._inner.close()

    def press(self) -> bool:
        """Take the talk button for a yes; return whether it was meant as one."""
        return self._button and self._answering.press(self._latest)

    def refuse(self) -> None:
        """Take it for a no, without a word: the box was stopped or muted."""
        self._offers.clear()
        self._answering.refuse()

    # What the inner backend says.

    async def _follow(self) -> None:
        try:
            async for event in self._inner.events():
                await self._pass(event)
        except BackendError as error:
            self._events.put_nowait(error)
            return
        self._events.put_nowait(BackendUnavailable("the session ended without a word"))

    async def _pass(self, event: BackendEvent) -> None:
        match event:
            case ReplyStarted(response=response):
                if self._replies.begin(event):
                    self._fuse.put_out()
                    self.emit(event)
                    return
                with contextlib.suppress(BackendError):  # then the reader says so
                    await self._inner.cancel_reply(response, heard=Seconds(0.0))
            case ReplyText() | ReplyAudio() if self._replies.swallows(event.response):
                return
            case ReplyEnded():
                self._end_reply(event)
            case ToolCalled():
                self._replies.call(event, self._latest)
                self.emit(event)
            case ReplyOffered():
                self._offers.add_inner(hold=self._keeps())
            case EndOfTurnFound() if self._here:
                return
            case BackendLost():
                self._lose(event)
            case _:
                self.emit(event)

    def _end_reply(self, event: ReplyEnded) -> None:
        swallowed = self._replies.swallows(event.response)
        turn, called = self._replies.end(event)
        if swallowed:
            return
        due = self._due(turn)
        if due is not None and not called:
            self.emit(replace(event, calls_tool=True))
            self._ask(due)
            return
        self.emit(event)
        if due is not None:
            self._fuse.light(PATIENCE, self._ask_anyway)
        elif not called and turn is not None and turn == self._wanted:
            self._wanted = None

    def _lose(self, event: BackendLost) -> None:
        """Nobody is left to answer; the box's own questions and answers need nobody."""
        due = self._due(self._wanted)
        if due is not None:
            for response in self._replies.cut(due.turn):
                self.emit(ReplyEnded(response, calls_tool=True))
            self._ask(due)
            return
        ours = self._wanted is not None and (
            self._wanted == self._mine or self._wanted <= self._replies.spoken_for
        )
        if not self._is_kept() and not ours:
            self._wanted = None
            self.emit(event)

    # Asking.

    def emit(self, event: BackendEvent) -> None:
        """Tell the conversation."""
        self._events.put_nowait(event)

    def do(self, job: Job) -> None:
        """Have something done after what waits already."""
        self._jobs.put_nowait(job)

    @property
    def hearing(self) -> bool:
        """Whether a turn is kept that is not over, or not read."""
        return bool(self._here) or self._unread > 0

    def waits_for(self, turn: TurnNumber) -> bool:
        """Whether a reply to this turn is still wanted."""
        return self._wanted == turn

    def offer(self, offer: Question | str) -> None:
        """Have something said at the next pause."""
        self._offers.add(offer)

    async def say(
        self, turn: TurnNumber, text: str, *, stay: bool = True, more: bool = False
    ) -> None:
        """Say something as a reply to a turn, if it is wanted."""
        if not self.waits_for(turn):
            return
        self._replies.spoken_for = max(self._replies.spoken_for, turn)
        wanted = partial(self.waits_for, turn)
        if await self._voice.say(turn, text, wanted, stay=stay, more=more) and not more:
            self._wanted = None
            self.release()

    def _due(self, turn: TurnNumber | None) -> Question | None:
        """Return the question that is to be put to this turn, if the user waits for it."""
        question = self.question
        if question is None or turn is None or question.due:
            return None
        fits = question.turn == turn == self._wanted
        return question if fits and self._answering.is_open(question) else None

    def _ask_anyway(self) -> None:
        due = self._due(self._wanted)
        if due is not None and not self._replies.runs(due.turn):
            self._ask(due)

    def _ask(self, question: Question) -> None:
        self._fuse.put_out()
        question.due = True
        self._replies.spoken_for = max(self._replies.spoken_for, question.turn)
        self.do(partial(self._put, question, question.turn))

    async def _put(self, question: Question | str, turn: TurnNumber) -> None:
        """Put the question, if it still is one and somebody is there to hear it."""
        if isinstance(question, str):
            await self.say(turn, question, stay=bool(question))
        elif not self._answering.is_open(question):
            await self.say(turn, "", stay=False)
        elif self.waits_for(turn):
            question.due = question.asked = True
            await self.say(turn, question.challenge.question)
        else:
            question.due = False
            self.offer(question)

    def release(self) -> None:
        """Offer again what waits for a pause."""
        self._offers.release(hold=self._keeps())

    # Hearing.

    def _keeps(self) -> bool:
        """Whether a turn that begins now is kept."""
        if self._answering.settling or self._unread:
            return True
        question = self.question
        return question is not None and self._answering.is_open(question)

    def _is_kept(self) -> bool:
        """Whether the turn in progress is kept, or would be if it began now."""
        return self._keeps() if self._here is None else self._here

    def _begin_turn(self) -> bool:
        """Return whether the turn in progress is kept; decided once, at its beginning."""
        if self._here is None:
            self._here, self._answers = self._keeps(), self.question
        return self._here

    async def _work(self) -> None:
        while True:
            job = await self._jobs.get()
            with contextlib.suppress(BackendError):  # whoever reads the events is told
                await job()

    async def _read(self, held: Held) -> None:
        try:
            await self._answering.read(held)
        finally:
            self._unread -= 1
            self.release()

    async def hand_on(self, held: Held) -> None:
        """Give the inner backend a turn that was kept, unless the user has gone on."""
        self._mine = None
        async with self._to_inner:
            for part in held.parts:
                if not self.waits_for(held.number):
                    return
                await pass_on(part, self._inner)
            if self.waits_for(held.number):
                await self._tell_outcome()
                await self._inner.commit_turn(held.number)

    def conclude(self, question: Question, result: ToolResult, *, yes: bool) -> None:
        """Have the inner backend know what came of a call, at the latest with its next turn."""
        self._note = note(result, yes=yes)
        if isinstance(self._inner, Amends):
            self._inner.amend(question.call, result)

    async def _tell_outcome(self) -> None:
        told, self._note = self._note, ""
        if told:
            await self._inner.enclose(Enclosure(note=told))
