"""The on-device backend: a turn's sound → text → calls → sentences → sound.

Everything that takes time runs in one worker thread of its own; the event loop only waits for it.
There is no task: ``events`` does the work, one job after the other, in the task of whoever
iterates it. A job asks after each step whether it is still wanted; the user may have spoken again
or have stopped the reply.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar, assert_never

import numpy as np
from numpy.typing import NDArray

from appliance.backend.local import sentences
from appliance.backend.local.calls import Calls, closes, summary
from appliance.backend.local.phrases import Phrases
from appliance.backend.local.reply import compose
from appliance.backend.local.session import give_memory_back
from appliance.backend.local.trim import trim
from appliance.backend.local.understand.types import Understander, Understanding
from appliance.catalogue import ToolSpec
from appliance.errors import BackendUnavailable
from appliance.events import (
    BackendEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ToolCalled,
    Transcribed,
    Understood,
)
from appliance.frames import Frame, samples
from appliance.ports import Enclosure, ToolResult
from appliance.units import CallId, ResponseId, SampleRate, Seconds, TurnNumber

log = logging.getLogger(__name__)

Sound = NDArray[np.int16]
T = TypeVar("T")

PIECE_S = 0.2
"""Longest piece of a reply: so little is left to flush when somebody talks over it."""

PAUSE_S = 0.18
"""Silence between two sentences."""

NOTHING = "none"
"""The stage of understanding that has not understood."""

OTHER_PADDING = Seconds(0.1)
"""Silence around the speech when the usual padding gave an empty transcript."""

LONGEST_TURN = Seconds(35.0)
"""Sound that a turn may have; what comes after it is left out."""


class Hears(Protocol):
    """Speech to text: ``stt.Transcriber``."""

    def transcribe(self, samples: Sound) -> str:
        """Return what was said, or nothing."""
        ...


class Speaks(Protocol):
    """Text to speech: ``tts.Voice``."""

    @property
    def rate(self) -> SampleRate:
        """Samples per second."""
        ...

    def synthesize(self, sentence: str) -> Sound:
        """Return a sentence as sound."""
        ...

    def keep(self, sentence: str) -> None:
        """Make a sentence now and keep it for good."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What the backend is made of; every method of theirs is called from its one worker."""

    transcriber: Hears
    understander: Understander
    voice: Speaks
    phrases: Phrases
    trim: Callable[[Sound], Sound] = trim
    """Leaves the part with speech; nothing at all where there is none. See ``trim.trim_by``."""


@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    """The user has finished."""

    number: TurnNumber
    sound: Sound = field(repr=False)
    ahead: Future[str] | None = None
    """What was written down before it was certain that this was all."""


@dataclass(frozen=True, slots=True)
class _Closed:
    """Nothing comes any more."""


_Job = _Turn | Calls | _Closed


class LocalBackend:
    """Answers by itself, with what is on the device: ``ports.Backend``.

    Args:
        parts: The models and phrases.
        catalogue: Gives the tools that can be called now; called on the event loop.
        longest_turn: Sound that one turn may have.
    """

    def __init__(
        self,
        parts: Parts,
        catalogue: Callable[[], Sequence[ToolSpec]],
        *,
        longest_turn: Seconds = LONGEST_TURN,
    ) -> None:
        self._parts = parts
        self._catalogue = catalogue
        self._room = samples(longest_turn)
        self._heard: list[Sound] = []
        self._heard_samples = 0
        self._ahead: Future[str] | None = None
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._worker = ThreadPoolExecutor(1, "local-backend")
        self._latest: TurnNumber | None = (
            None  # the turn that is worked on; older ones are dropped
        )
        self._calls: Calls | None = None
        self._cancelled: set[ResponseId] = set()
        self._responses = 0
        self._closed = False

    async def events(self) -> AsyncIterator[BackendEvent]:
        """Do the work and yield what comes of it; ends by raising ``BackendUnavailable``."""
        while True:
            match await self._jobs.get():
                case _Turn() as turn:
                    async for event in self._answer(turn):
                        yield event
                case Calls() as calls:
                    async for event in self._report(calls):
                        yield event
                case _Closed():
                    raise BackendUnavailable("the on-device backend was closed")
                case job:
                    assert_never(job)

    async def send_audio(self, frame: Frame) -> None:
        """Keep a frame of the user's turn."""
        self._check_open()
        if self._heard_samples + len(frame.samples) > self._room:
            return
        self._heard.append(frame.samples)
        self._heard_samples += len(frame.samples)

    @property
    def ends_turns(self) -> bool:
        """The box finds the end of a turn."""
        return False

    async def enclose(self, enclosure: Enclosure) -> None:
        """Not yet."""
        raise NotImplementedError

    async def take_reply(self, turn: TurnNumber) -> None:
        """Not yet."""
        raise NotImplementedError

    async def expect_end(self) -> None:
        """Begin to write down what was heard; it costs nothing but work if more is said.

        The speaker's silence, long enough to be certain, is then spent on what comes after it.
        """
        self._check_open()
        self._give_up_ahead()
        self._ahead = self._worker.submit(self._transcribe, self._sound())

    async def commit_turn(self, turn: TurnNumber, *, as_expected: bool = False) -> None:
        """Answer what was said; whatever is still being said about an older turn ends."""
        self._check_open()
        sound = self._sound()
        ahead, self._ahead = self._ahead, None
        if not as_expected and ahead is not None:
            ahead.cancel()
            ahead = None
        self._forget()
        self._latest = turn
        self._calls = None
        self._cancelled.clear()  # those of older turns, which are not wanted anyway
        self._jobs.put_nowait(_Turn(turn, sound, ahead))

    async def clear_turn(self) -> None:
        """Forget what was heard since the last turn."""
        self._check_open()
        self._forget()

    async def cancel_reply(self, response: ResponseId, *, heard: Seconds) -> None:
        """Say no more of this reply, and nothing about the calls that it made."""
        self._check_open()
        log.debug("reply %s cancelled after %.1f s", response, heard)
        self._cancelled.add(response)
        if self._calls is not None and self._calls.response == response:
            self._calls = None

    async def answer_call(self, call: CallId, result: ToolResult) -> None:
        """Take a tool's result; with the last one of a reply, its report is spoken."""
        self._check_open()
        calls = self._calls
        if calls is None or not calls.answer(call, result):
            log.debug("nobody waits for the answer to %s", call)
            return
        if calls.complete:
            self._calls = None
            self._jobs.put_nowait(calls)

    async def close(self) -> None:
        """End the session; what the worker is doing is not waited for."""
        if self._closed:
            return
        self._closed = True
        self._forget()
        self._jobs.put_nowait(_Closed())
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, turn: _Turn) -> AsyncIterator[BackendEvent]:
        """Transcribe and understand a turn; then call tools, or say why not."""
        number, response = turn.number, self._next_response()
        text, took = await self._write_down(turn)
        if not self._wanted(number, response):
            return
        if text is None:
            async for event in self._speak(response, number, self._parts.phrases.failed):
                yield event
            return
        yield Transcribed(number, text, took)
        if not text:
            yield ReplyStarted(response, number)
            yield ReplyEnded(response, stay=False)
            return
        async for event in self._understand(number, response, text):
            yield event

    async def _understand(
        self, turn: TurnNumber, response: ResponseId, text: str
    ) -> AsyncIterator[BackendEvent]:
        phrases = self._parts.phrases
        tools = tuple(self._catalogue())
        meant, took = await self._work(
            "understanding", lambda: self._parts.understander.understand(text, tools)
        )
        if not self._wanted(turn, response):
            return
        if meant is None:
            async for event in self._speak(response, turn, phrases.failed):
                yield event
            return
        yield Understood(turn, meant.stage, summary(meant.calls) or meant.say, took)
        if meant.calls:
            for event in self._call(turn, response, meant, tools):
                yield event
            return
        say = meant.say or (phrases.not_understood if tools else phrases.no_tools)
        async for event in self._speak(response, turn, say, stay=meant.stage != NOTHING):
            yield event

    def _call(
        self,
        turn: TurnNumber,
        response: ResponseId,
        meant: Understanding,
        tools: Sequence[ToolSpec],
    ) -> list[BackendEvent]:
        """Make a reply of nothing but calls; their answers start the next one."""
        owed = tuple(CallId(f"{response}-call-{n}") for n in range(1, len(meant.calls) + 1))
        self._calls = Calls(turn, response, owed, closes(meant.calls, tools), meant.say)
        called = (
            ToolCalled(name, response, call.tool, call.arguments)
            for name, call in zip(owed, meant.calls, strict=True)
        )
        return [ReplyStarted(response, turn), *called, ReplyEnded(response, calls_tool=True)]

    async def _report(self, calls: Calls) -> AsyncIterator[BackendEvent]:
        """Say how the calls ended."""
        text = compose(calls.results(), self._parts.phrases, remark=calls.remark)
        response = self._next_response()
        async for event in self._speak(response, calls.turn, text, stay=not calls.closes):
            yield event

    async def _speak(
        self, response: ResponseId, turn: TurnNumber, text: str, *, stay: bool = False
    ) -> AsyncIterator[BackendEvent]:
        """Say a text; each sentence is sent before the next one is made."""
        if not self._wanted(turn, response):
            return
        yield ReplyStarted(response, turn)
        voice, phrases = self._parts.voice, self._parts.phrases
        said = sentences.split(text, abbreviations=phrases.abbreviations)
        for number, sentence in enumerate(said, start=1):
            yield ReplyText(response, sentence)
            spoken = phrases.spell_out(sentence)
            sound, _ = await self._work("speech", partial(voice.synthesize, spoken))
            if not self._wanted(turn, response):
                return
            if sound is None:
                break
            for piece in _pieces(sound, voice.rate, pause=number < len(said)):
                yield ReplyAudio(response, piece, voice.rate)
                if not self._wanted(turn, response):
                    return
        yield ReplyEnded(response, stay=stay)
        if not self._closed:
            self._worker.submit(give_memory_back)  # nobody waits for it

    async def _write_down(self, turn: _Turn) -> tuple[str | None, Seconds]:
        """Return what was said, and how long the user waits for that."""
        if turn.ahead is not None:
            begun = time.perf_counter()
            try:
                text = await asyncio.wrap_future(turn.ahead)
            except asyncio.CancelledError as error:
                if turn.ahead.cancelled():  # not we, but what we waited for: the backend closes
                    raise BackendUnavailable("the on-device backend was closed") from error
                raise
            except Exception as error:  # noqa: BLE001 - then once more, in the usual way
                log.warning("transcription ahead failed: %s", type(error).__name__)
            else:
                return text, Seconds(time.perf_counter() - begun)
        return await self._work("transcription", lambda: self._transcribe(turn.sound))

    def _sound(self) -> Sound:
        return np.concatenate(self._heard) if self._heard else np.zeros(0, np.int16)

    def _give_up_ahead(self) -> None:
        if self._ahead is not None:
            self._ahead.cancel()
            self._ahead = None

    def _transcribe(self, sound: Sound) -> str:
        """Write down a turn; where nothing comes out of it, once more with other ends."""
        transcribe = self._parts.transcriber.transcribe
        speech = self._parts.trim(sound)
        if not len(speech):
            return ""
        return transcribe(speech) or transcribe(trim(sound, padding=OTHER_PADDING))

    async def _work(self, what: str, step: Callable[[], T]) -> tuple[T | None, Seconds]:
        """Have the worker take one step; ``None`` if it failed. Also says how long it took."""
        begun = time.perf_counter()
        try:
            done = await asyncio.get_running_loop().run_in_executor(self._worker, step)
        except Exception as error:  # noqa: BLE001 - whatever a model does, the user is answered
            # the message may quote what was said
            log.warning("%s failed: %s", what, type(error).__name__)
            done = None
        return done, Seconds(time.perf_counter() - begun)

    def _wanted(self, turn: TurnNumber, response: ResponseId) -> bool:
        return not self._closed and turn == self._latest and response not in self._cancelled

    def _next_response(self) -> ResponseId:
        self._responses += 1
        return ResponseId(f"local-{self._responses}")

    def _forget(self) -> None:
        self._give_up_ahead()
        self._heard = []
        self._heard_samples = 0

    def _check_open(self) -> None:
        if self._closed:
            raise BackendUnavailable("the on-device backend was closed")


def _pieces(sound: Sound, rate: SampleRate, *, pause: bool) -> Iterator[bytes]:
    """Cut a sentence, and the pause behind it, into pieces of at most ``PIECE_S``."""
    step = round(PIECE_S * rate)
    whole = np.append(sound, np.zeros(round(PAUSE_S * rate), np.int16)) if pause else sound
    for begin in range(0, len(whole), step):
        yield whole[begin : begin + step].astype("<i2", copy=False).tobytes()
