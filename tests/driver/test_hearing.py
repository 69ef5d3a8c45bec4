"""The hearing thread: everything arrives on the event loop, in order, and it ends cleanly."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Self, TypeGuard

import numpy as np
import pytest

from appliance.errors import DeviceError
from appliance.events import HeardEvent, SpeechStarted, WakeWordHeard
from appliance.frames import FRAME_SAMPLES, Frame, Taps
from appliance.hearing import Heard, Hearing, HearingThread
from appliance.units import SampleIndex, Seconds

WORD_AT = 30
"""The frame that completes a wake word."""


class Plain:
    def __init__(self) -> None:
        self.converged = False
        self.bearing: float | None = None

    def process(self, frame: Frame) -> Taps:
        tap = Frame(frame.samples[:, 0], frame.start)
        return Taps(wake=tap, speech=tap, recognition=tap)


@dataclass
class WordAt:
    number: int = WORD_AT
    word: str = "computer"

    def process(self, frame: Frame) -> HeardEvent | None:
        if frame.start == self.number * FRAME_SAMPLES:
            return WakeWordHeard(self.word, 0.9, frame.end)
        return None


class EveryTenth:
    def __init__(self) -> None:
        self.fed = 0
        self.resets = 0

    def process(self, frame: Frame, *, playing: bool = False) -> HeardEvent | None:
        del playing
        self.fed += 1
        return SpeechStarted(frame.start) if frame.start % (10 * FRAME_SAMPLES) == 0 else None

    def reset(self) -> None:
        self.resets += 1


class HandFed:
    """A source that gives one frame at a time, when it is told to."""

    def __init__(self) -> None:
        self._wanted: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._given = threading.Semaphore(0)
        self.number = 0

    def frames(self) -> Iterator[Frame]:
        while self._wanted.get() == "frame":
            shape = (FRAME_SAMPLES, 1)
            start = SampleIndex(self.number * FRAME_SAMPLES)
            self.number += 1
            yield Frame(np.zeros(shape, dtype=np.int16), start)
            self._given.release()

    async def give(self, count: int = 1) -> None:
        """Return when the thread has dealt with them and the loop with what came of it."""
        for _ in range(count):
            self._wanted.put("frame")
            await asyncio.to_thread(self._given.acquire)

    def end(self) -> None:
        self._wanted.put("end")


@dataclass
class Room:
    source: HandFed = field(default_factory=HandFed)
    speech: EveryTenth = field(default_factory=EveryTenth)
    arrived: list[Heard] = field(default_factory=list)
    threads: list[str] = field(default_factory=list)
    prepare: Callable[[], object] | None = None
    enhancer: Plain = field(default_factory=Plain)
    thread: HearingThread = field(init=False)

    def __post_init__(self) -> None:
        hearing = Hearing(self.enhancer, [WordAt()], self.speech, pre_roll=Seconds(0.2))
        self.thread = HearingThread(
            self.source, hearing, deliver=self.deliver, prepare=self.prepare
        )

    def deliver(self, heard: Heard) -> None:
        self.threads.append(threading.current_thread().name)
        self.arrived.append(heard)

    async def __aenter__(self) -> Self:
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        self._group.create_task(self.thread.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.source.end()
        await self._group.__aexit__(None, None, None)

    def frames(self) -> list[int]:
        return [h.frame.start // FRAME_SAMPLES for h in self.arrived if h.frame is not None]


async def test_at_rest_nothing_but_the_wake_word_reaches_the_event_loop() -> None:
    async with Room() as room:
        await room.source.give(50)

        word = WakeWordHeard("computer", 0.9, SampleIndex((WORD_AT + 1) * FRAME_SAMPLES))
        assert room.arrived == [Heard(None, (word,))]
        assert room.threads == [threading.current_thread().name]
        assert room.speech.fed == 0
        assert room.thread.position() == 50 * FRAME_SAMPLES


async def test_another_wake_word_is_looked_for_from_the_next_frame_on() -> None:
    async with Room() as room:
        await room.source.give(10)
        room.thread.exchange_wake([WordAt(20, "alexa")])
        await room.source.give(40)

        words = [event.word for h in room.arrived for event in h.events if is_word(event)]
        assert words == ["alexa"]
        assert room.thread.position() == 50 * FRAME_SAMPLES


def is_word(event: HeardEvent) -> TypeGuard[WakeWordHeard]:
    return isinstance(event, WakeWordHeard)


async def test_words_before_the_wake_word_was_noticed_are_delivered() -> None:
    async with Room() as room:
        await room.source.give(50)
        room.thread.listen(
            audio_from=SampleIndex(25 * FRAME_SAMPLES), speech_from=SampleIndex(40 * FRAME_SAMPLES)
        )
        await room.source.give(15)

        assert room.frames() == list(range(25, 65))
        edges = [e.at // FRAME_SAMPLES for h in room.arrived[1:] for e in h.events]
        assert edges == [40, 50, 60]
        assert room.speech.resets == 1


async def test_sound_before_a_start_in_the_future_is_neither_delivered_nor_taken_for_speech() -> (
    None
):
    async with Room() as room:
        await room.source.give(25)
        later = SampleIndex(room.thread.position() + 30 * FRAME_SAMPLES)
        room.thread.listen(audio_from=later, speech_from=later)
        await room.source.give(40)

        assert room.frames() == list(range(55, 65))
        edges = [e.at // FRAME_SAMPLES for h in room.arrived for e in h.events]
        assert edges == [WORD_AT + 1, 60]
        assert room.speech.fed == 10


async def test_ear_tells_whether_the_enhancer_has_converged() -> None:
    async with Room() as room:
        assert not room.thread.hears_through()
        room.enhancer.converged = True
        assert room.thread.hears_through()


async def test_watching_finds_speech_and_delivers_no_sound() -> None:
    async with Room() as room:
        await room.source.give(45)
        room.arrived.clear()
        room.thread.watch()
        await room.source.give(20)

        assert [h.frame for h in room.arrived] == [None, None]
        assert room.speech.fed == 20


async def test_rest_ends_it() -> None:
    async with Room() as room:
        await room.source.give(5)
        room.thread.listen(audio_from=SampleIndex(0), speech_from=SampleIndex(0))
        await room.source.give(5)
        room.thread.rest()
        await room.source.give(10)

        assert room.frames() == list(range(10))
        assert room.speech.fed == 10


async def test_what_was_on_its_way_under_an_older_mode_is_dropped_but_for_the_word() -> None:
    async with Room() as room:
        room.thread.listen(audio_from=SampleIndex(0), speech_from=SampleIndex(0))
        await room.source.give(5)
        old = room.thread._mode
        room.thread.listen(audio_from=SampleIndex(3 * FRAME_SAMPLES), speech_from=SampleIndex(0))
        word = WakeWordHeard("computer", 0.9, SampleIndex(7))
        frame = room.arrived[0].frame
        room.arrived.clear()
        room.thread._arrive(old, (Heard(frame, (word, SpeechStarted(SampleIndex(0)))),))

        assert room.arrived == [Heard(None, (word,))]
        room.arrived.clear()
        await room.source.give(5)
        assert room.frames() == list(range(3, 10))


async def test_heartbeat_is_the_time_of_the_latest_frame() -> None:
    async with Room() as room:
        before = time.monotonic()
        await room.source.give()

        assert before <= room.thread.heartbeat() <= time.monotonic()


async def test_thread_prepares_itself_first() -> None:
    names: list[str] = []
    async with Room(prepare=lambda: names.append(threading.current_thread().name)) as room:
        await room.source.give()

        assert names == ["hearing"]


class Failing:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def frames(self) -> Iterator[Frame]:
        yield Frame(np.zeros((FRAME_SAMPLES, 1), dtype=np.int16), SampleIndex(0))
        raise self._error


@pytest.mark.parametrize("error", [DeviceError("usb gone"), ZeroDivisionError("a bug")])
async def test_whatever_ends_the_thread_fails_the_task_that_waits_for_it(
    error: Exception,
) -> None:
    hearing = Hearing(Plain(), [], EveryTenth(), pre_roll=Seconds(0.2))
    thread = HearingThread(Failing(error), hearing, deliver=lambda _: None)

    async with asyncio.timeout(1.0):
        with pytest.raises(type(error), match=str(error)):
            await thread.run()


async def test_cancelled_task_leaves_nothing_behind_once_the_source_ends() -> None:
    room = Room()
    task = asyncio.get_running_loop().create_task(room.thread.run())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    room.source.end()
    await asyncio.to_thread(room.thread._thread.join)
    await asyncio.sleep(0)
