"""Stands before who answers, and cuts what is not to be said; see the package's own words."""

import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from appliance.backend.guarding.rules import Reading, Rulebook
from appliance.backend.local.parts import Parts
from appliance.backend.local.speech import pieces
from appliance.backend.local.worker import Worker
from appliance.backend.pipeline import sentences
from appliance.config.guardrails import GuardRule
from appliance.errors import BackendError
from appliance.events import (
    BackendEvent,
    ReplyAudio,
    ReplyCut,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ToolCalled,
    Transcribed,
)
from appliance.frames import Frame
from appliance.ports import Backend, Enclosure, ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber

log = logging.getLogger(__name__)

_NAME = "guard-"


@dataclass(slots=True)
class _Reply:
    """A reply of the inner backend that has begun."""

    turn: TurnNumber
    reading: Reading
    cut: bool = False
    """Nothing of it is passed on any more."""

    over: bool = False
    """All of it was."""


@dataclass(slots=True)
class _Kept:
    """What is known of the replies and turns of late."""

    replies: dict[ResponseId, _Reply] = field(default_factory=dict)
    blocked: dict[TurnNumber, GuardRule] = field(default_factory=dict)
    """Turns whose request broke a rule."""

    replaced: set[TurnNumber] = field(default_factory=set)
    """Turns to which the sentence was said."""

    unwanted: set[ResponseId] = field(default_factory=set)
    """Replies of ours that nobody wants to hear any more."""


class GuardedBackend:
    """Whoever answers, within the rules: ``ports.Backend``. Event loop only.

    Args:
        inner: Who answers; it is closed with this.
        book: The rules.
        parts: The voice and the phrases of the box.
        persona: Tells who the box is.
    """

    def __init__(
        self,
        inner: Backend,
        book: Rulebook,
        parts: Parts,
        *,
        persona: Callable[[], str] = str,
    ) -> None:
        self._inner = inner
        self._book = book
        self._parts = parts
        self._persona = persona
        self._kept = _Kept()
        self._numbers = count(1)
        self._made: Worker | None = None

    @property
    def ends_turns(self) -> bool:
        """As the inner backend."""
        return self._inner.ends_turns

    async def events(self) -> AsyncIterator[BackendEvent]:
        """Yield what happens, within the rules; ends as the inner backend does."""
        async for event in self._inner.events():
            async for passed in self._pass(event):
                yield passed

    async def send_audio(self, frame: Frame) -> None:
        """Pass it on."""
        await self._inner.send_audio(frame)

    async def enclose(self, enclosure: Enclosure) -> None:
        """Pass it on: what answers it does so within the rules all the same."""
        await self._inner.enclose(enclosure)

    async def expect_end(self) -> None:
        """Pass it on."""
        await self._inner.expect_end()

    async def commit_turn(self, turn: TurnNumber, *, as_expected: bool = False) -> None:
        """Pass it on."""
        self._forget(turn)
        await self._inner.commit_turn(turn, as_expected=as_expected)

    async def clear_turn(self) -> None:
        """Pass it on."""
        await self._inner.clear_turn()

    async def cancel_reply(self, response: ResponseId, *, heard: Seconds) -> None:
        """Stop a reply, ours or the inner backend's."""
        if response.startswith(_NAME):
            self._kept.unwanted.add(response)
        else:
            await self._inner.cancel_reply(response, heard=heard)

    async def answer_call(self, call: CallId, result: ToolResult) -> None:
        """Pass it on."""
        await self._inner.answer_call(call, result)

    def amend(self, call: CallId, result: ToolResult) -> None:
        """Pass on how a call ended after all, where the inner backend keeps that."""
        amend = getattr(self._inner, "amend", None)
        if amend is not None:
            amend(call, result)

    async def take_reply(self, turn: TurnNumber) -> None:
        """Pass it on."""
        self._forget(turn)
        await self._inner.take_reply(turn)

    async def close(self) -> None:
        """End it all; idempotent."""
        if self._made is not None:
            self._made.close()
        await self._inner.close()

    def _forget(self, turn: TurnNumber) -> None:
        """Keep only what belongs to the turn before this one, whose late news may still come."""
        kept = self._kept
        kept.replies = {name: each for name, each in kept.replies.items() if each.turn >= turn - 1}
        kept.blocked = {each: rule for each, rule in kept.blocked.items() if each >= turn - 1}
        kept.replaced = {each for each in kept.replaced if each >= turn - 1}
        kept.unwanted.clear()

    async def _pass(self, event: BackendEvent) -> AsyncIterator[BackendEvent]:
        match event:
            case Transcribed():
                happening = self._hear(event)
            case ReplyStarted():
                happening = self._begin(event)
            case ReplyText() | ReplyAudio() | ReplyEnded():
                happening = self._read(event)
            case ToolCalled():
                happening = self._call(event)
            case _:
                yield event
                return
        async for passed in happening:
            yield passed

    async def _hear(self, event: Transcribed) -> AsyncIterator[BackendEvent]:
        yield event
        rule = self._book.look(event.text, "request", self._persona())
        if rule is None:
            return
        self._kept.blocked[event.turn] = rule
        for name, reply in tuple(self._kept.replies.items()):
            if reply.turn == event.turn and not (reply.cut or reply.over):
                async for cut in self._cut(name, reply, rule):
                    yield cut

    async def _begin(self, event: ReplyStarted) -> AsyncIterator[BackendEvent]:
        """Pass on that a reply begins, unless the turn has had the sentence, or is to have it."""
        kept, turn = self._kept, event.turn
        rule = kept.blocked.get(turn)
        stopped = rule is not None or turn in kept.replaced
        reading = Reading(self._book, self._persona())
        kept.replies[event.response] = _Reply(turn, reading, cut=stopped)
        if not stopped:
            yield event
            return
        with contextlib.suppress(BackendError):  # then whoever reads the events is told
            await self._inner.cancel_reply(event.response, heard=Seconds(0.0))
        if turn not in kept.replaced:
            async for said in self._replace(turn, rule):
                yield said

    async def _read(
        self, event: ReplyText | ReplyAudio | ReplyEnded
    ) -> AsyncIterator[BackendEvent]:
        reply = self._kept.replies.get(event.response)
        if reply is None:
            yield event
            return
        if reply.cut:
            return
        match event:
            case ReplyText(text=text):
                rule = reply.reading.take(text)
            case ReplyEnded():
                rule, reply.over = reply.reading.end(), True
            case _:
                rule = None
        if rule is None:
            yield event
            return
        async for cut in self._cut(event.response, reply, rule):
            yield cut

    async def _call(self, call: ToolCalled) -> AsyncIterator[BackendEvent]:
        """Pass a call on; one that must not be made is answered."""
        reply = self._kept.replies.get(call.response)
        rule = self._book.look_into(call.arguments, self._persona())
        if rule is None and not (reply is not None and reply.cut):
            yield call
            return
        name = "" if rule is None else rule.name
        log.info("guardrail %s: a call of %s is refused", name or "(as before)", call.tool)
        result = ToolResult(
            "rejected", self._sentence(rule), {"reason": "guardrail", "rule": name}
        )
        with contextlib.suppress(BackendError):  # then whoever reads the events is told
            await self._inner.answer_call(call.call, result)

    async def _cut(
        self, response: ResponseId, reply: _Reply, rule: GuardRule
    ) -> AsyncIterator[BackendEvent]:
        """End a reply here, and say the sentence instead."""
        reply.cut = True
        log.info("guardrail %s: a reply is cut", rule.name)
        yield ReplyCut(response, rule.name)  # the conversation cancels it: it knows what was heard
        async for said in self._replace(reply.turn, rule):
            yield said

    async def _replace(
        self, turn: TurnNumber, rule: GuardRule | None
    ) -> AsyncIterator[BackendEvent]:
        self._kept.replaced.add(turn)
        async for said in self._say(turn, self._sentence(rule)):
            yield said

    def _sentence(self, rule: GuardRule | None) -> str:
        return (rule.say if rule else "") or self._parts.phrases.blocked

    async def _say(self, turn: TurnNumber, text: str) -> AsyncIterator[BackendEvent]:
        """Yield a reply of our own; where the voice fails, its text only."""
        response = ResponseId(f"{_NAME}{turn}-{next(self._numbers)}")
        yield ReplyStarted(response, turn)
        phrases, voice = self._parts.phrases, self._parts.voice
        said = sentences.split(text, abbreviations=phrases.abbreviations)
        for number, sentence in enumerate(said, start=1):
            yield ReplyText(response, sentence)
            if self._made is None:
                self._made = Worker(self._parts.in_use)
            spoken = phrases.spell_out(sentence)
            sound, _ = await self._made.do("speech", partial(voice.synthesize, spoken))
            if sound is None:
                continue
            for piece in pieces(sound, voice.rate, pause=number < len(said)):
                if response in self._kept.unwanted:
                    return
                yield ReplyAudio(response, piece, voice.rate)
        yield ReplyEnded(response)
