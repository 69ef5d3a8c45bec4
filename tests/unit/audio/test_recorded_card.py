"""The recording in place of a card: lockstep, hold, tail, pace."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.audio.capture import Capture
from appliance.audio.card import Exchange
from appliance.audio.counters import CardCounters
from appliance.audio.playback import Playback
from appliance.audio.recorded_card import Pace, RecordedCard
from appliance.audio.recording import Recording
from appliance.events import PlaybackDrained, PlaybackStarted
from appliance.frames import FRAME_SAMPLES, RATE, Frame
from appliance.units import ResponseId, SampleRate, Seconds

A = ResponseId("a")
MAX = Pace("max", longest_hold=Seconds(0.3), longest_tail=Seconds(2.0))


def speech(length: float, rate: int = RATE, channels: int = 1) -> Recording:
    count = round(length * rate)
    wave = (np.arange(count) % 30_000).astype(np.int16)
    return Recording(np.repeat(wave[:, np.newaxis], channels, axis=1), SampleRate(rate))


@dataclass
class Room:
    """Hears on a thread, as the appliance does, and does on the loop what a test wants."""

    recording: Recording
    pace: Pace = MAX
    hold: Callable[[], bool] = lambda: False
    at_rest: Callable[[], bool] = lambda: True
    on_frame: Callable[["Room", Frame], None] = lambda _room, _frame: None
    slow: float = 0.0
    news: list[tuple[float, str]] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    sink: Callable[[bytes], None] | None = None
    output: bytearray = field(default_factory=bytearray)

    async def play(self) -> None:
        self.loop = asyncio.get_running_loop()
        counters = CardCounters()
        self.capture = Capture(counters)
        self.playback = Playback(self._tell, counters)
        self.card = RecordedCard(
            self.recording,
            Exchange(self.capture, self.playback, counters),
            hold=self.hold,
            at_rest=lambda: self.at_rest() and self.playback.silent,
            sink=self.sink or self.output.extend,
            pace=self.pace,
        )
        hearing = threading.Thread(target=self._hear, name="hearing")
        hearing.start()
        self.card.start()
        await asyncio.to_thread(hearing.join)
        await asyncio.to_thread(self.card.close)
        assert self.sink is not None or self.card.failure is None

    @property
    def now(self) -> float:
        return float(self.card.clock.now())

    def played(self) -> NDArray[np.int16]:
        return np.frombuffer(bytes(self.output), dtype=np.int16)

    def _hear(self) -> None:
        for frame in self.capture.frames():
            if self.slow:
                time.sleep(self.slow)
            self.loop.call_soon_threadsafe(self._arrive, frame)

    def _arrive(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.on_frame(self, frame)

    def _tell(self, event: PlaybackStarted | PlaybackDrained) -> None:
        self.news.append((self.now, type(event).__name__))


@pytest.mark.parametrize("channels", [1, 3])
async def test_whole_recording_is_heard_and_nothing_else(channels: int) -> None:
    room = Room(speech(1.234, channels=channels))

    await room.play()

    heard = np.concatenate([frame.samples for frame in room.frames])
    assert (heard[: len(room.recording.samples)] == room.recording.samples).all()
    assert (heard[len(room.recording.samples) :] == 0).all()
    assert len(heard) == 124 * FRAME_SAMPLES
    assert len(room.played()) == len(heard)


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000])
async def test_recording_of_any_rate_lasts_as_long_as_it_is(rate: int) -> None:
    room = Room(speech(1.0, rate))

    await room.play()

    assert room.now == pytest.approx(1.0)
    assert RATE - sum(len(frame.samples) for frame in room.frames) <= 0.07 * RATE
    assert room.card.rate == max(rate, RATE)
    assert len(room.played()) == room.card.rate


def say_at(second: float, length: float) -> Callable[[Room, Frame], None]:
    def on_frame(room: Room, frame: Frame) -> None:
        if frame.start == round(second * RATE):
            pcm = np.full(round(length * RATE), 5000, dtype=np.int16).tobytes()
            room.playback.play(A, pcm, RATE)
            room.playback.finish(A)

    return on_frame


async def test_reply_is_collected_where_it_was_played_and_quiet_is_added_until_its_end() -> None:
    room = Room(speech(1.0), on_frame=say_at(0.5, 1.0))

    await room.play()

    played = np.flatnonzero(room.played())
    assert played[0] == round(0.51 * RATE)  # the block after the frame that led to it
    assert played[-1] + 1 == round(1.51 * RATE)
    assert room.news == [(0.52, "PlaybackStarted"), (1.51, "PlaybackDrained")]


async def test_room_that_never_comes_to_rest_is_left_after_the_longest_tail() -> None:
    room = Room(speech(0.5), at_rest=lambda: False)

    await room.play()

    assert room.now == pytest.approx(2.5, abs=0.011)


async def test_same_recording_gives_the_same_events_at_the_same_time_on_slow_machines() -> None:
    async def story(slow: float) -> list[tuple[float, str]]:
        room = Room(speech(0.6), slow=slow, on_frame=say_at(0.2, 0.2))
        inbox: asyncio.Queue[None] = asyncio.Queue()

        async def converse() -> None:
            await inbox.get()
            await asyncio.sleep(0)
            room.news.append((room.now, "task"))

        def on_frame(room: Room, frame: Frame) -> None:
            say_at(0.2, 0.2)(room, frame)
            if frame.start == 0:
                room.card.clock.call_at(
                    Seconds(0.333), lambda: room.news.append((room.now, "alarm"))
                )
            if frame.start == round(0.1 * RATE):
                inbox.put_nowait(None)

        room.on_frame = on_frame
        async with asyncio.TaskGroup() as group:
            group.create_task(converse())
            await room.play()
        return room.news

    quick, slow = await story(0.0), await story(0.003)

    assert quick == slow
    assert [what for _, what in quick] == ["task", "PlaybackStarted", "alarm", "PlaybackDrained"]
    assert {what: when for when, what in quick}["task"] == pytest.approx(0.11)
    assert {what: when for when, what in quick}["alarm"] == pytest.approx(0.34)


async def test_sound_stands_still_while_something_is_owed() -> None:
    owed: list[float] = []
    room = Room(speech(0.5), hold=lambda: bool(owed))

    def on_frame(room: Room, frame: Frame) -> None:
        if frame.start == round(0.2 * RATE):
            owed.append(room.now)
            room.loop.call_later(0.1, owed.clear)
            room.loop.call_later(0.09, lambda: room.news.append((room.now, "still")))

    room.on_frame = on_frame
    await room.play()

    (when, what) = room.news[0]
    assert what == "still"
    assert when == pytest.approx(0.21)
    assert room.now == pytest.approx(0.5)


async def test_each_thing_that_is_owed_has_its_own_patience() -> None:
    owed: list[int] = []
    room = Room(speech(0.5), hold=lambda: bool(owed))

    def on_frame(room: Room, frame: Frame) -> None:
        if frame.start in {round(0.1 * RATE), round(0.3 * RATE)}:
            owed.append(frame.start)
            room.loop.call_later(0.2, owed.clear)  # together longer than the longest hold

    room.on_frame = on_frame
    began = time.monotonic()
    await room.play()

    assert time.monotonic() - began >= 0.4


async def test_sound_does_not_stand_still_for_ever() -> None:
    began = time.monotonic()
    room = Room(speech(0.5), hold=lambda: True)

    await room.play()

    assert room.now == pytest.approx(0.5)
    assert 0.3 <= time.monotonic() - began < 3.0  # once, not once a block


async def test_real_time_is_real_and_holds_for_nobody() -> None:
    began = time.monotonic()
    room = Room(speech(0.5), pace=Pace("real"), hold=lambda: True)

    await room.play()

    assert 0.45 <= time.monotonic() - began < 2.0
    assert len(room.frames) in {49, 50}  # the last may come after the end


async def test_closing_ends_it_in_the_middle() -> None:
    room = Room(speech(100.0), pace=Pace("real"))
    async with asyncio.TaskGroup() as group:
        group.create_task(room.play())
        await asyncio.sleep(0.05)
        began = time.monotonic()
        await asyncio.to_thread(room.card.close)

    assert time.monotonic() - began < 1.0
    assert room.now < 1.0


async def test_sink_that_fails_ends_the_recording_and_says_why() -> None:
    def full(_block: bytes) -> None:
        raise OSError("disk full")

    room = Room(speech(1.0), sink=full)

    await room.play()

    assert room.card.failure == "OSError: disk full"
