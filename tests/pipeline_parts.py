"""Parts of a pipeline that do as they are told, and what comes of a session made of them.

All in virtual time: ``Wait`` in a script lets it pass. ``talk`` tells a story to a session::

    def test_something() -> None:
        async def story(t: Talk) -> None:
            await t.ask(FIRST, "hello")
            await t.until(lambda: t.ended(1))

        found = talk(story, trio(thoughts=[[Says("Hello. "), Wait(1.0), Says("And more.")]]))
        assert found.said() == ["Hello.", "And more."]
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from appliance.backend.context import NOTHING, Handover
from appliance.backend.pipeline.parts import Says, Thought, Trio
from appliance.backend.pipeline.parts import Talk as Told
from appliance.backend.pipeline.session import PipelineBackend
from appliance.backend.pipeline.terms import Terms
from appliance.catalogue import ToolSpec
from appliance.errors import BackendError
from appliance.events import (
    BackendEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    ReplyText,
    StageTook,
    ToolCalled,
    Transcribed,
    Usage,
)
from appliance.frames import FRAME_SAMPLES, Frame
from appliance.ports import ToolResult
from appliance.units import CallId, ResponseId, SampleIndex, SampleRate, Seconds, TurnNumber
from tests.virtual_time import run_virtual

RATE = SampleRate(16_000)
FIRST, SECOND, THIRD = TurnNumber(1), TurnNumber(2), TurnNumber(3)
LAMP = ToolSpec("light", "Switches lamps.", {"type": "object"})
STOP = ToolSpec("stop", "Ends the conversation.", {"type": "object"}, closes=True)
CAMERA = ToolSpec("look", "Looks.", {"type": "object"}, sees=True)
TERMS = Terms(connect=Seconds(3.0), stall=Seconds(4.0))

T = TypeVar("T")


@dataclass(frozen=True)
class Wait:
    """Let time pass."""

    seconds: float


@dataclass(frozen=True)
class Sentences:
    """What the session says by itself."""

    failed: str = "Sorry."
    working: str = "One moment."
    cannot_see: str = "I am blind."
    alone: str = "Offline."
    abbreviations: frozenset[str] = frozenset()


@dataclass
class FakeRecognition:
    """Writes down what it was prepared to hear."""

    stt: "FakeStt"
    text: str
    frames: int = 0
    expected: int = 0
    finished: bool | None = None
    """``as_expected`` of it."""

    dropped: bool = False

    async def hear(self, frame: Frame) -> None:
        assert len(frame.samples) == FRAME_SAMPLES
        if self.stt.deaf is not None:
            raise self.stt.deaf
        self.frames += 1
        self.stt.heard_at.append(asyncio.get_running_loop().time())

    def expect_end(self) -> None:
        self.expected += 1

    async def finish(self, *, as_expected: bool) -> str:
        assert self.finished is None
        self.finished = as_expected
        await asyncio.sleep(self.stt.takes)
        if self.stt.error is not None:
            raise self.stt.error
        return self.text

    async def drop(self) -> None:
        self.dropped = True

    @property
    def usage(self) -> Usage | None:
        return self.stt.usage


@dataclass
class FakeStt:
    """Hears a prepared text in every turn."""

    text: str = "turn on the light"
    takes: float = 0.1
    error: Exception | None = None
    deaf: BackendError | None = None
    usage: Usage | None = None
    turns: list[FakeRecognition] = field(default_factory=list)
    heard_at: list[float] = field(default_factory=list)
    closed: int = 0
    title: str = "fake ears"

    def listen(self) -> FakeRecognition:
        self.turns.append(FakeRecognition(self, self.text))
        return self.turns[-1]

    async def close(self) -> None:
        self.closed += 1


Step = Thought | Wait | Exception

Script = Sequence[Step]


@dataclass
class FakeMind:
    """Thinks what it was prepared to, one script for each time; then the last one for ever."""

    scripts: Sequence[Script] = ((Says("Yes."),),)
    sees: bool = False
    talks: list[Told] = field(default_factory=list)
    tools: list[tuple[ToolSpec, ...]] = field(default_factory=list)
    given: list[Thought] = field(default_factory=list)
    stopped: int = 0
    """How often it was stopped before it was done."""

    closed: int = 0
    title: str = "fake mind"

    async def think(self, talk: Told, tools: Sequence[ToolSpec]) -> AsyncIterator[Thought]:
        self.talks.append(talk)
        self.tools.append(tuple(tools))
        script = self.scripts[min(len(self.talks), len(self.scripts)) - 1]
        done = False
        try:
            for each in script:
                if isinstance(each, Wait):
                    await asyncio.sleep(each.seconds)
                elif isinstance(each, Exception):
                    raise each
                else:
                    self.given.append(each)
                    yield each
            done = True
        finally:
            self.stopped += not done

    async def close(self) -> None:
        self.closed += 1


@dataclass
class FakeTts:
    """Speaks 50 ms for each letter, made ``speed`` times as fast; the first sound takes longer."""

    first: float = 0.1
    speed: float = 10.0
    error: Exception | None = None
    after: int = 0
    """Sentences that come out well before the error."""

    usage: Usage | None = None
    said: list[str] = field(default_factory=list)
    begun: int = 0
    stopped: int = 0
    closed: int = 0
    title: str = "fake voice"
    rate: SampleRate = RATE

    async def speak(self, sentences: AsyncIterator[str]) -> AsyncIterator[bytes | Usage]:
        self.begun += 1
        done = False
        try:
            async for sentence in sentences:
                self.said.append(sentence)
                if self.error is not None and len(self.said) > self.after:
                    raise self.error
                await asyncio.sleep(self.first)
                for _ in range(0, len(sentence), 4):
                    await asyncio.sleep(0.2 / self.speed)
                    yield np.full(round(0.2 * RATE), len(self.said), "<i2").tobytes()
            if self.usage is not None:
                yield self.usage
            done = True
        finally:
            self.stopped += not done

    async def close(self) -> None:
        self.closed += 1


def trio(
    *scripts: Script,
    stt: FakeStt | None = None,
    mind: FakeMind | None = None,
    tts: FakeTts | None = None,
) -> Trio:
    """Return three parts; ``scripts``: what the mind thinks, time by time."""
    thinks = mind or FakeMind()
    if scripts:
        thinks.scripts = scripts
    return Trio(stt or FakeStt(), thinks, tts or FakeTts())


def frame() -> Frame:
    return Frame(np.ones(FRAME_SAMPLES, np.int16), SampleIndex(0))


@dataclass
class Talk:
    """One session, and everything that came of it."""

    backend: PipelineBackend
    trio: Trio
    events: list[BackendEvent] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    error: BackendError | None = None

    @property
    def stt(self) -> FakeStt:
        assert isinstance(self.trio.stt, FakeStt)
        return self.trio.stt

    @property
    def mind(self) -> FakeMind:
        assert isinstance(self.trio.mind, FakeMind)
        return self.trio.mind

    @property
    def tts(self) -> FakeTts:
        assert isinstance(self.trio.tts, FakeTts)
        return self.trio.tts

    async def follow(self) -> None:
        try:
            async for event in self.backend.events():
                self.events.append(event)
                self.times.append(now())
        except BackendError as error:
            self.error = error

    async def ask(self, turn: TurnNumber = FIRST, text: str | None = None) -> None:
        """Say something for 50 ms."""
        if text is not None:
            self.stt.text = text
        for _ in range(5):
            await self.backend.send_audio(frame())
            await asyncio.sleep(0.01)
        await self.backend.commit_turn(turn)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(600.0):
            while not condition():  # noqa: ASYNC110 - of any kind
                await asyncio.sleep(0.001)

    async def ended(self, count: int = 1) -> None:
        """Wait for the end of so many replies."""
        await self.until(lambda: len(self.of(ReplyEnded)) >= count)

    async def called(self, count: int = 1) -> list[CallId]:
        """Wait for so many calls and return them all."""
        await self.until(lambda: len(self.of(ToolCalled)) >= count)
        return [event.call for event in self.of(ToolCalled)]

    async def answer(self, *results: ToolResult) -> None:
        """Answer the latest calls."""
        for call in zip(
            [e.call for e in self.of(ToolCalled)][-len(results) :], results, strict=True
        ):
            await self.backend.answer_call(*call)

    async def cancel(self, number: int = 1, *, heard: float = 0.0) -> None:
        """Silence the reply of this number, counted from 1."""
        response = self.of(ReplyStarted)[number - 1].response
        await self.backend.cancel_reply(response, heard=Seconds(heard))

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    def at(self, kind: type[BackendEvent]) -> float:
        """Return when the first of a kind came."""
        return next(
            at
            for event, at in zip(self.events, self.times, strict=True)
            if isinstance(event, kind)
        )

    def said(self) -> list[str]:
        return [event.text for event in self.of(ReplyText)]

    def replies(self) -> list[tuple[int, list[str]]]:
        """Return every reply: its turn and its sentences."""
        texts: dict[ResponseId, list[str]] = {}
        for event in self.of(ReplyText):
            texts.setdefault(event.response, []).append(event.text)
        return [(s.turn, texts.get(s.response, [])) for s in self.of(ReplyStarted)]

    def stages(self) -> list[str]:
        return [event.stage for event in self.of(StageTook)]

    def heard(self) -> list[str]:
        return [event.text for event in self.of(Transcribed)]

    def offers(self) -> int:
        return len(self.of(ReplyOffered))

    def sound(self) -> float:
        """Return how much there was to be heard, in seconds."""
        return sum(len(event.pcm) / 2 / event.rate for event in self.of(ReplyAudio))


def now() -> float:
    return asyncio.get_running_loop().time()


async def settle() -> None:
    """Let everybody do what can be done without time passing."""
    for _ in range(100):
        await asyncio.sleep(0)


def talk(
    story: Callable[[Talk], Awaitable[None]],
    parts: Trio | None = None,
    handover: Handover = NOTHING,
    *,
    tools: Sequence[ToolSpec] = (LAMP, STOP),
    terms: Terms = TERMS,
) -> Talk:
    """Tell a story to a session; return what came of it."""

    async def main() -> Talk:
        made = parts or trio()
        backend = PipelineBackend(made, Sentences(), lambda: tools, terms, handover)
        found = Talk(backend, made)
        async with asyncio.TaskGroup() as group:
            group.create_task(found.follow(), name="events")
            await settle()
            await story(found)
            await backend.close()
        assert len(asyncio.all_tasks()) == 1, "somebody is still at work"
        return found

    return run_virtual(main())
