"""What is done with the sound that was kept: read here, settled, or handed on after all."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Protocol, runtime_checkable

import numpy as np

from appliance.backend.confirming.question import Held, Question
from appliance.backend.confirming.voice import OwnVoice
from appliance.backend.local.consent import Consent, Kind, Reply
from appliance.backend.local.parts import Sound
from appliance.backend.local.reply import compose
from appliance.events import BackendEvent, Understood
from appliance.frames import Frame
from appliance.ports import Challenge, Confirmations, Confirming, ToolResult, Word
from appliance.units import CallId, Seconds, TurnNumber

WORKING: Final = Seconds(2.5)
"""How long what was confirmed may take before the user is told that it takes longer."""

STAGE: Final = "confirmation"
"""The stage of understanding, in ``Understood``."""


Job = Callable[[], Awaitable[None]]


@runtime_checkable
class Amends(Protocol):
    """A backend that remembers calls for the sessions that follow."""

    def amend(self, call: CallId, result: ToolResult) -> None:
        """Keep how a call ended after all."""
        ...


class Desk(Protocol):
    """Who takes part in the conversation; event loop only."""

    question: Question | None
    """What waits for an answer, or is being answered."""

    @property
    def hearing(self) -> bool:
        """Whether a turn is kept that is not over, or not read."""
        ...

    def do(self, job: Job) -> None:
        """Have something done after what waits already."""
        ...

    def release(self) -> None:
        """Offer again what waits for a pause."""
        ...

    def waits_for(self, turn: TurnNumber) -> bool:
        """Whether a reply to this turn is still wanted."""
        ...

    def emit(self, event: BackendEvent) -> None:
        """Tell the conversation."""
        ...

    async def say(
        self, turn: TurnNumber, text: str, *, stay: bool = True, more: bool = False
    ) -> None:
        """Say something as a reply to a turn, if it is wanted."""
        ...

    def offer(self, offer: Question | str) -> None:
        """Have something said at the next pause."""
        ...

    async def hand_on(self, held: Held) -> None:
        """Give the inner backend a turn that was kept."""
        ...

    def conclude(self, question: Question, result: ToolResult, *, yes: bool) -> None:
        """Have the inner backend know what came of a call."""
        ...


class Answering:
    """Reads answers and settles challenges, one at a time. Event loop only.

    Args:
        desk: Who takes part in the conversation.
        voice: Writes down on the device.
        consent: Reads what was written down.
        confirmations: Settles.
    """

    def __init__(
        self, desk: Desk, voice: OwnVoice, consent: Consent, confirmations: Confirmations
    ) -> None:
        self._desk = desk
        self._voice = voice
        self._consent = consent
        self._confirmations = confirmations
        self.settling = False
        """Whether somebody's word is being carried out."""

    def is_open(self, question: Question) -> bool:
        """Whether a word to a challenge would still count."""
        open_now = self._confirmations.open()
        return open_now is not None and open_now.id == question.challenge.id

    def press(self, latest: TurnNumber) -> bool:
        """Take the button for a yes; return whether it was meant as one."""
        question = self._desk.question
        if question is None or question.challenge.pin or not question.asked:
            return False
        if question.taken:
            return True
        if not self.is_open(question):
            return False
        question.taken = True
        self._desk.emit(Understood(latest, STAGE, "yes, by the button"))
        word = Word(yes=True, by="button")
        self._desk.do(partial(self.settle, question, word, None))
        return True

    def refuse(self) -> None:
        """Take it for a no, without a word."""
        question = self._desk.question
        if question is not None and not question.taken and self.is_open(question):
            question.taken = True
            self._desk.do(partial(self.decline, question))

    def became(self, news: Confirming) -> None:
        """Take note that the challenge was settled, but not from here, or by nobody in time."""
        question = self._desk.question
        if question is None or question.taken or question.challenge.id != news.challenge.id:
            return
        if news.result is None or news.state not in {"settled", "expired"}:
            return
        self._desk.question = None
        self._desk.conclude(question, news.result, yes=news.state == "settled")
        said = compose((news.result,), self._voice.phrases)
        if news.state == "expired" and not question.asked:
            said = ""
        if self._desk.hearing:
            question.outcome = said
        elif said:
            self._desk.offer(said)
        self._desk.release()

    async def read(self, held: Held) -> None:
        """Write a turn down and do what it says."""
        question, number = held.question, held.number
        text, took = await self._voice.write_down(_sound(held))
        if not self._desk.waits_for(number):
            return
        if question is None:  # nobody knows what it was the answer to: that is over
            await self._late(held, self._consent.read(text, question="", pin=True), None)
            return
        asked = question.challenge
        reply = self._consent.read(text, question=asked.question, pin=asked.pin)
        self._desk.emit(Understood(number, STAGE, reply.kind.value, took))
        if question.taken or self._desk.question is not question or not self.is_open(question):
            await self._late(held, reply, question)
            return
        question.taken = True
        await self._answer(held, question, reply)

    async def _answer(self, held: Held, question: Question, reply: Reply) -> None:
        number, pin = held.number, question.challenge.pin
        say = self._consent.say
        match reply.kind:
            case Kind.YES if question.asked:
                await self.settle(question, Word(yes=True), number)
            case Kind.PIN if question.asked:
                await self.settle(question, Word(yes=True, pin=reply.pin), number)
            case Kind.OTHER if pin and question.asked:
                await self.settle(question, Word(yes=True), number)
            case Kind.NOTHING:
                await self.settle(question, Word(yes=False), number, say=say.nothing)
            case Kind.NO | Kind.PIN | Kind.OTHER if pin or reply.kind is Kind.NO:
                await self.settle(question, Word(yes=False), number, say=say.left)
            case _:
                await self.decline(question)
                await self._desk.hand_on(held)

    async def _late(self, held: Held, reply: Reply, question: Question | None) -> None:
        """Take an answer to what has ended; none is handed on, least of all a PIN."""
        number, told = held.number, "" if question is None else question.outcome
        if reply.kind is not Kind.OTHER:
            await self._desk.say(number, told, stay=bool(told))
        elif question is not None and question.challenge.pin:
            await self._desk.say(number, told or self._voice.phrases.not_understood)
        else:
            if told:
                self._desk.offer(told)
            await self._desk.hand_on(held)

    async def settle(
        self, question: Question, word: Word, turn: TurnNumber | None, *, say: str = ""
    ) -> None:
        """Settle a challenge and say what came of it: as the reply to a turn, or unasked."""
        result = await self._settled(question, word, turn)
        if self._desk.question is question:
            self._desk.question = None
        if result.challenge is not None:
            await self._ask_again(question.call, result.challenge, result.say, turn)
            return
        text = say or compose((result,), self._voice.phrases)
        self._desk.conclude(question, result, yes=word.yes)
        if turn is not None and self._desk.waits_for(turn):
            await self._desk.say(turn, text)
        elif text and (turn is None or result.status != "rejected"):
            self._desk.offer(text)

    async def decline(self, question: Question) -> None:
        """Settle a challenge with no, without a word."""
        result = await self._settled(question, Word(yes=False), None)
        if self._desk.question is question:
            self._desk.question = None
        self._desk.conclude(question, result, yes=False)

    async def _settled(
        self, question: Question, word: Word, turn: TurnNumber | None
    ) -> ToolResult:
        self.settling = True
        try:
            async with asyncio.TaskGroup() as group:
                settling = group.create_task(
                    self._confirmations.settle(question.challenge.id, word), name="settle"
                )
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(WORKING):
                        return await asyncio.shield(settling)
                if turn is not None:
                    await self._desk.say(turn, self._voice.phrases.working, more=True)
            return settling.result()
        finally:
            self.settling = False

    async def _ask_again(
        self, call: CallId, challenge: Challenge, say: str, turn: TurnNumber | None
    ) -> None:
        """Put the question that follows a wrong PIN, or none."""
        again = Question(challenge, TurnNumber(-1) if turn is None else turn, call)
        self._desk.question = again
        if turn is None or not self._desk.waits_for(turn):
            self._desk.offer(again)
            return
        again.due = again.asked = True
        asked = "" if challenge.question in say else challenge.question
        await self._desk.say(turn, f"{say} {asked}".strip())


def note(result: ToolResult, *, yes: bool) -> str:
    """Return what a model is told of a challenge that is over."""
    answer = "the user confirmed it" if yes else "the user did not confirm it"
    outcome = f"{result.status}. {result.say}".strip()
    return f"[From the box: it has asked for the confirmation, and {answer}. Outcome: {outcome}]"


def _sound(held: Held) -> Sound:
    frames = [part.samples for part in held.parts if isinstance(part, Frame)]
    return np.concatenate(frames) if frames else np.zeros(0, np.int16)
