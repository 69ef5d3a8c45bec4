"""A conversation in which the box itself asks, with fakes at every seam, in virtual time."""

import asyncio
import dataclasses
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Any

from appliance import turn
from appliance.backend.confirming import ConfirmingBackend
from appliance.backend.local import consent, phrases
from appliance.backend.local.consent import Consent
from appliance.backend.local.parts import Parts
from appliance.backend.local.understand.types import Understanding
from appliance.conversation import Box, Conversation
from appliance.events import (
    Happening,
    MuteSwitched,
    PlaybackDrained,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    SpeechEnded,
    SpeechStarted,
    StopAsked,
    ToolCalled,
    Understood,
    WakeWordHeard,
)
from appliance.ports import Challenge, Confirming, ToolResult, Word
from appliance.units import CallId, ResponseId, SampleIndex, SampleRate, Seconds, TurnNumber
from tests.fakes import (
    RATE,
    FakeBackend,
    FakeEar,
    FakeIndicator,
    FakeObserver,
    FakeSpeaker,
    FakeTools,
    LoopClock,
)
from tests.on_device import Ears, Mind, Mouth, frame
from tests.virtual_time import run_virtual

QUESTION = "Shall I unlock the front door?"
ASK_PIN = "Shall I unlock the front door? Please say the PIN."
AGAIN = "That was not the PIN. Please say it again."
UNLOCKED = "The front door is unlocked."
LEFT = "All right, I leave it."
LAPSED = "Nobody confirmed it, so I left it."
PIN = "1234"
SAY = phrases.load("en")
TIMING = turn.Timing()


@cache
def english() -> Consent:
    return consent.load("en")


@dataclass
class FakeConfirmations:
    """Has one challenge at most, and keeps the seam's promises about it."""

    takes: Seconds = Seconds(0.0)
    """What was confirmed takes so long."""

    words: list[tuple[str, Word]] = field(default_factory=list)
    """Every word that was given."""

    done: list[str] = field(default_factory=list)
    """Challenges that were carried out."""

    opened: list[Challenge] = field(default_factory=list)
    _open: Challenge | None = None
    _watchers: list[Callable[[Confirming], None]] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: count(1))

    def ask(self, question: str, *, pin: bool, lasts: float = 20.0) -> ToolResult:
        """Answer a call that must be confirmed."""
        if self._open is not None:
            return ToolResult("rejected", "I have asked you something else already.")
        return self._asked(self._begin(question, pin=pin, lasts=lasts))

    def on_challenge(self, tell: Callable[[Confirming], None]) -> Callable[[], None]:
        self._watchers.append(tell)
        return lambda: self._watchers.remove(tell)

    def open(self) -> Challenge | None:
        return self._open

    async def settle(self, challenge: str, word: Word) -> ToolResult:
        asked = self._open
        self.words.append((challenge, word))
        if asked is None or asked.id != challenge:
            return ToolResult("rejected", "There is nothing to confirm.")
        if not word.yes:
            self._open = None
            return self._end(asked, ToolResult("rejected", LEFT))
        if asked.pin and word.pin is None:
            return self._asked(asked)
        self._open = None
        self._tell(Confirming(asked, "answered"))
        await asyncio.sleep(self.takes)
        if asked.pin and word.pin != PIN:
            result = self._asked(self._begin(AGAIN, pin=True, lasts=20.0))
            return self._end(asked, result)
        self.done.append(asked.id)
        return self._end(asked, ToolResult("done", UNLOCKED))

    def _asked(self, challenge: Challenge) -> ToolResult:
        return ToolResult("asked", data={"note": "the box asks"}, challenge=challenge)

    def _begin(self, question: str, *, pin: bool, lasts: float) -> Challenge:
        loop = asyncio.get_running_loop()
        until = Seconds(loop.time() + lasts)
        self._open = asked = Challenge(f"challenge-{next(self._numbers)}", question, pin, until)
        self.opened.append(asked)
        loop.call_at(until, self._expire, asked)
        return asked

    def _expire(self, asked: Challenge) -> None:
        if self._open is asked:
            self._open = None
            self._tell(Confirming(asked, "expired", ToolResult("rejected", LAPSED)))

    def _end(self, asked: Challenge, result: ToolResult) -> ToolResult:
        self._tell(Confirming(asked, "settled", result))
        return result

    def _tell(self, news: Confirming) -> None:
        for tell in tuple(self._watchers):
            tell(news)


@dataclass
class GuardedTools(FakeTools):
    """``unlock`` must be confirmed, ``open_safe`` with the PIN; all else is simply done."""

    confirmations: FakeConfirmations = field(default_factory=FakeConfirmations)

    async def run(self, call: ToolCalled) -> ToolResult:
        if call.tool == "unlock":
            return self.confirmations.ask(QUESTION, pin=False)
        if call.tool == "open_safe":
            return self.confirmations.ask(ASK_PIN, pin=True)
        return await super().run(call)


@dataclass
class PlayingSpeaker(FakeSpeaker):
    """Takes as long as the sound is, and reports that a reply has been heard."""

    report: Callable[[PlaybackDrained], None] = lambda _: None
    free_at: float = 0.0
    _timers: list[asyncio.TimerHandle] = field(default_factory=list)

    def play(self, response: ResponseId, pcm: bytes, rate: SampleRate) -> None:
        super().play(response, pcm, rate)
        now = asyncio.get_running_loop().time()
        self.free_at = max(now, self.free_at) + len(pcm) / 2 / rate

    def finish(self, response: ResponseId) -> None:
        super().finish(response)
        loop = asyncio.get_running_loop()
        at = max(loop.time(), self.free_at)
        self._timers.append(loop.call_at(at, self.report, PlaybackDrained(response)))

    def stop(self) -> Seconds:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.free_at = 0.0
        return super().stop()


@dataclass(repr=False)
class Talk:
    """A box with a guarded house."""

    inner: FakeBackend = field(default_factory=FakeBackend)
    ears: Ears = field(default_factory=lambda: Ears(""))
    timing: turn.Timing = TIMING
    button: bool = True

    def __post_init__(self) -> None:
        self.mouth = Mouth(rate=RATE)
        mind = Mind(Understanding("none", ()))
        parts = Parts(self.ears, mind, self.mouth, SAY, trim=lambda sound: sound)
        self.tools = GuardedTools()
        self.gate = self.tools.confirmations
        self.backend = ConfirmingBackend(
            self.inner, parts, english(), self.gate, button=self.button
        )
        self.speaker = PlayingSpeaker()
        self.observer = FakeObserver()
        self.indicator = FakeIndicator()
        self.ear = FakeEar()
        box = Box(self.ear, self.speaker, self.indicator, LoopClock(), self.observer)
        self.conversation = Conversation(box, tools=self.tools, timing=self.timing)
        self.speaker.report = self.conversation.put
        self._replies = count(1)

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.backend.run())
            talking = group.create_task(self.conversation.run(self.backend))
            await asyncio.sleep(0)
            yield
            talking.cancel()
            await self.backend.close()

    @property
    def state(self) -> type[turn.State]:
        return type(self.conversation.state)

    @property
    def said(self) -> list[str]:
        """All that the box itself and the inner backend have said, in sentences."""
        return [h.text for _, h in self.observer.noted if isinstance(h, ReplyText)]

    @property
    def read(self) -> list[str]:
        """How each answer was understood."""
        return [h.summary for _, h in self.observer.noted if isinstance(h, Understood)]

    @property
    def handed_on(self) -> int:
        """Frames that the inner backend got."""
        return len(self.inner.heard)

    def wake(self) -> None:
        self.conversation.put(WakeWordHeard("jarvis", 0.9, SampleIndex(48_000)))

    def stop(self) -> None:
        """As ``app.attending`` has it: who watches is told first."""
        self.backend.refuse()
        self.conversation.put(StopAsked())

    def mute(self) -> None:
        self.backend.refuse()
        self.conversation.put(MuteSwitched(muted=True))

    async def speak(self, text: str = "", frames: int = 20) -> None:
        """Say something, with the microphone open or over what the box says."""
        self.ears.text = text
        self.conversation.put(SpeechStarted(SampleIndex(50_000)))
        for _ in range(frames):
            self.conversation.hear(frame(), ())
        await asyncio.sleep(1.0)
        self.conversation.put(SpeechEnded(SampleIndex(60_000)))
        await asyncio.sleep(0.05)

    async def request(self, text: str = "") -> None:
        self.wake()
        await asyncio.sleep(0.3)
        await self.speak(text)

    def reply(self, number: TurnNumber, *calls: str, sound: bytes = b"", text: str = "") -> None:
        """Have the inner backend reply."""
        response = ResponseId(f"inner-{next(self._replies)}")
        self.inner.emit(ReplyStarted(response, number))
        if text:
            self.inner.emit(ReplyText(response, text))
        if sound:
            self.inner.emit(ReplyAudio(response, sound, RATE))
        for tool in calls:
            self.inner.emit(ToolCalled(CallId(f"{response}-{tool}"), response, tool, {}))
        self.inner.emit(ReplyEnded(response, calls_tool=bool(calls)))

    async def ask_for(self, *tools: str, report: str | None = "") -> None:
        """Be asked for something guarded, by voice; ends when the box begins to ask.

        Args:
            tools: What the inner backend calls.
            report: What it says when they have answered; ``None``: nothing comes of it.
        """
        await self.request()
        number = TurnNumber(self.inner.committed[-1])
        self.reply(number, *tools)
        await asyncio.sleep(0.2)
        if report is not None:
            self.reply(number, text=report)
        await asyncio.sleep(0.1)

    async def heard_out(self) -> None:
        """Wait until the follow-up window after the question is open."""
        async with asyncio.timeout(30.0):
            while self.state is not turn.Listening:  # noqa: ASYNC110 - virtual time
                await asyncio.sleep(0.1)
        await asyncio.sleep(0.5)

    def leaks(self, secret: str = PIN) -> list[Happening]:
        """Return what was told of the PIN, outside of its settling."""
        alone = re.compile(rf"(?<![\d.]){re.escape(secret)}(?!\d)")  # not within some time
        return [h for _, h in self.observer.noted if alone.search(str(dataclasses.asdict(h)))]


def talk(
    story: Callable[[Talk], Coroutine[Any, Any, None]], made: Callable[[], Talk] = Talk
) -> Talk:
    """Tell a story; return what came of it."""

    async def whole() -> Talk:
        room = made()
        async with room.going_on():
            await story(room)
        return room

    english()  # a file, which the event loop does not read
    return run_virtual(whole())
