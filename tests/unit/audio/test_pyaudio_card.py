"""The watching of a sound card, with a library of our own in place of PortAudio."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pyaudio
import pytest

from appliance.audio import portaudio, pyaudio_card
from appliance.audio.capture import Capture
from appliance.audio.card import Exchange
from appliance.audio.counters import CardCounters
from appliance.audio.devices import DeviceRecord
from appliance.audio.plans import StreamPlan, Wish
from appliance.audio.playback import Playback
from appliance.audio.portaudio import Callback, PortAudioStream
from appliance.audio.pyaudio_card import Patience, PyAudioCard
from appliance.errors import DeviceError
from appliance.units import SampleRate, Seconds

HEADSET = DeviceRecord(0, "headset (hw:1,0)", 1, 2, SampleRate(48_000))
MICROPHONE = DeviceRecord(1, "microphone (hw:2,0)", 2, 0, SampleRate(48_000))
SPEAKER = DeviceRecord(2, "speaker (hw:3,0)", 0, 2, SampleRate(44_100))

CHOSEN = Wish()

QUICK = Patience(
    silent=Seconds(0.1),
    begin=Seconds(0.3),
    look=Seconds(0.01),
    first=Seconds(0.02),
    longest=Seconds(0.04),
)


@dataclass
class FakeStream:
    plan: StreamPlan
    callback: Callback
    output_latency: Seconds = Seconds(0.03)
    blocks: int = 0
    started: bool = False
    closed: bool = False
    failed: str | None = None

    def start(self) -> None:
        self.started = True

    def failure(self) -> str | None:
        return self.failed

    def close(self) -> None:
        self.closed = True

    def tick(self) -> bytes:
        """Do what PortAudio does every 10 ms."""
        assert self.started
        assert not self.closed
        self.blocks += 1
        count = self.plan.rate // 100
        captured = np.ones((count, self.plan.channels), dtype=np.int16)
        return self.callback(
            None if self.plan.input is None else captured,
            0 if self.plan.output is None else count,
            0.0,
        )


@dataclass
class FakeMachine:
    """What is plugged in, and what was opened of it."""

    plugged: list[DeviceRecord]
    refuses: Callable[[StreamPlan], bool] = lambda _plan: False
    streams: list[FakeStream] = field(default_factory=list)
    looked: int = 0
    let_go: int = 0

    def library(self) -> "FakeLibrary":
        self.looked += 1
        return FakeLibrary(self, list(self.plugged))


@dataclass
class FakeLibrary:
    machine: FakeMachine
    listed: list[DeviceRecord]

    def devices(self) -> Sequence[DeviceRecord]:
        return self.listed

    def open(self, plan: StreamPlan, callback: Callback, counters: CardCounters) -> FakeStream:
        del counters
        if self.machine.refuses(plan):
            raise DeviceError("Invalid sample rate")
        self.machine.streams.append(FakeStream(plan, callback))
        return self.machine.streams[-1]

    def close(self) -> None:
        self.machine.let_go += 1


class Room:
    def __init__(self, machine: FakeMachine, wish: Wish = CHOSEN) -> None:
        self.machine = machine
        self.counters = CardCounters()
        self.capture = Capture(self.counters)
        self.playback = Playback(lambda _: None, self.counters)
        self.lost: list[str] = []
        self.found: list[str] = []
        self.card = PyAudioCard(
            wish,
            Exchange(self.capture, self.playback, self.counters),
            on_lost=self.lost.append,
            on_found=self.found.append,
            library=machine.library,
            patience=QUICK,
        )

    async def __aenter__(self) -> Self:
        self.card.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.card.close)
        assert all(stream.closed for stream in self.machine.streams)
        assert self.machine.let_go == self.machine.looked

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for another thread, keeping every open stream alive."""
        async with asyncio.timeout(3.0):
            while not condition():
                for stream in self.machine.streams:
                    if stream.started and not stream.closed and stream.failed is None:
                        stream.tick()
                await asyncio.sleep(0.005)


async def test_card_with_both_directions_is_opened_as_one_stream() -> None:
    async with Room(FakeMachine([HEADSET])) as room:
        await room.until(lambda: bool(room.found))

        form = room.card.form
        assert form is not None
        assert (form.input_rate, form.output_rate, form.one_clock) == (16_000, 16_000, True)
        assert len(room.machine.streams) == 1
        assert len(room.machine.streams[0].tick()) == 320
        assert room.counters.blocks > 0
        assert not room.lost
        assert "headset" in room.found[0]


async def test_what_the_card_cannot_do_is_tried_otherwise() -> None:
    machine = FakeMachine([HEADSET], refuses=lambda plan: plan.rate != 48_000)
    async with Room(machine) as room:
        await room.until(lambda: bool(room.found))

        assert room.card.form is not None
        assert room.card.form.input_rate == 48_000


async def test_two_cards_are_two_streams_each_with_its_own_rate() -> None:
    def refuses(plan: StreamPlan) -> bool:
        both = plan.input is not None and plan.output is not None
        return both or (plan.output is not None and plan.rate != 44_100)

    async with Room(FakeMachine([MICROPHONE, SPEAKER], refuses)) as room:
        await room.until(lambda: bool(room.found))

        form = room.card.form
        assert form is not None
        assert (form.input_rate, form.output_rate, form.one_clock) == (16_000, 44_100, False)
        assert [len(stream.tick()) for stream in room.machine.streams] == [0, 882]


async def test_microphone_alone_and_loudspeaker_alone_work() -> None:
    async with Room(FakeMachine([MICROPHONE])) as room:
        await room.until(lambda: bool(room.found))
        assert room.card.form is not None
        assert room.card.form.output_channels == 0
    async with Room(FakeMachine([SPEAKER]), Wish(input="none")) as room:
        await room.until(lambda: bool(room.found))
        assert room.card.form is not None
        assert room.card.form.input_channels == 0


async def test_loudspeaker_that_cannot_be_opened_does_not_make_the_box_deaf() -> None:
    machine = FakeMachine([MICROPHONE, SPEAKER], refuses=lambda plan: plan.output is not None)
    async with Room(machine) as room:
        await room.until(lambda: bool(room.found))
        assert room.card.form is not None
        assert room.card.form.output_name == ""


@pytest.mark.parametrize("how", ["fails", "falls silent"])
async def test_unplugged_card_comes_back_without_a_restart(how: str) -> None:
    machine = FakeMachine([HEADSET])
    async with Room(machine) as room:
        await room.until(lambda: bool(room.found))
        machine.plugged.clear()
        stream = machine.streams[0]
        if how == "fails":
            stream.failed = "the stream has ended"
            await room.until(lambda: len(room.lost) == 2)
        else:
            stream.tick()
            stream.started = False
            await room.until(lambda: len(room.lost) == 2)
        assert room.card.form is None
        assert stream.closed
        assert ("ended" if how == "fails" else "no sound") in room.lost[0]
        assert "no microphone" in room.lost[1]

        tries = machine.looked
        await room.until(lambda: machine.looked > tries + 3)
        assert len(room.lost) == 2  # a reason is told once, not at every attempt
        machine.plugged.append(HEADSET)
        await room.until(lambda: len(room.found) == 2)

        assert room.counters.reconnects == 1


async def test_card_that_is_missing_at_first_is_found_when_it_comes() -> None:
    machine = FakeMachine([])
    async with Room(machine) as room:
        await room.until(lambda: bool(room.lost))
        machine.plugged.append(HEADSET)
        await room.until(lambda: bool(room.found))

        assert room.counters.reconnects == 0


async def test_every_way_that_fails_is_one_sentence() -> None:
    async with Room(FakeMachine([HEADSET], refuses=lambda _plan: True)) as room:
        await room.until(lambda: bool(room.lost))

        assert "headset" in room.lost[0]
        assert "Invalid sample rate (16000 Hz, 1 channels)" in room.lost[0]
        assert "more ways" in room.lost[0]


async def test_library_that_breaks_is_tried_again() -> None:
    machine = FakeMachine([HEADSET])
    broken = [True]

    def refuses(_plan: StreamPlan) -> bool:
        if broken:
            broken.clear()
            raise ZeroDivisionError("a bug")
        return False

    machine.refuses = refuses
    async with Room(machine) as room:
        await room.until(lambda: bool(room.found))

        assert room.lost == ["ZeroDivisionError: a bug"]


async def test_new_card_gives_a_box_without_a_loudspeaker_its_voice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cards = ["one"]
    monkeypatch.setattr(pyaudio_card, "_cards", lambda: ", ".join(cards))
    machine = FakeMachine([MICROPHONE])
    async with Room(machine) as room:
        await room.until(lambda: bool(room.found))
        machine.plugged.append(SPEAKER)
        cards.append("two")
        await room.until(lambda: len(room.found) == 2)

        assert room.card.form is not None
        assert room.card.form.output_name == SPEAKER.name


async def test_closing_before_starting_and_twice_is_harmless() -> None:
    room = Room(FakeMachine([HEADSET]))
    room.card.close()
    room.card.close()


class FakePyAudio:
    """Only what ``PortAudioStream`` asks of ``pyaudio.PyAudio``."""

    def open(self, **wanted: object) -> "FakePyAudio":
        assert wanted["frames_per_buffer"] == 160
        return self

    def is_active(self) -> bool:
        return True


DUPLEX = StreamPlan(SampleRate(16_000), 2, HEADSET, HEADSET)
INPUT = StreamPlan(SampleRate(16_000), 2, HEADSET, None)
NOW = {"current_time": 100.0, "input_buffer_adc_time": 99.75, "output_buffer_dac_time": 100.02}
Block = np.ndarray[tuple[int, ...], np.dtype[np.int16]]


@pytest.fixture
def no_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the thread that runs the tests from becoming a real-time one."""
    monkeypatch.setattr(portaudio, "become_realtime", lambda _priority: False)


@pytest.mark.usefixtures("no_priority")
def test_every_loss_that_the_driver_tells_of_is_counted() -> None:
    counters = CardCounters()
    seen: list[tuple[int, ...] | None] = []
    ages: list[float] = []

    def callback(block: Block | None, n: int, age: float) -> bytes:
        seen.append(None if block is None else (*block.shape, n))
        ages.append(age)
        return b"x"

    stream = PortAudioStream(FakePyAudio(), DUPLEX, callback, counters)
    both = pyaudio.paInputOverflow | pyaudio.paOutputUnderflow

    assert stream._on_block(bytes(640), 160, NOW, 0) == (b"x", pyaudio.paContinue)
    stream._on_block(bytes(640), 160, NOW, both)
    stream._on_block(None, 160, NOW, pyaudio.paInputOverflow)
    PortAudioStream(FakePyAudio(), INPUT, callback, counters)._on_block(bytes(640), 160, NOW, 0)

    assert counters.input_overflows == 2
    assert counters.output_underflows == 1
    assert counters.blocks_without_input == 1
    assert seen == [(160, 2, 160), (160, 2, 160), None, (160, 2, 0)]
    assert ages == [0.25, 0.25, 0.25, 0.25]


@pytest.mark.usefixtures("no_priority")
@pytest.mark.parametrize("stamp", [0.0, 101.0, 90.0])
def test_stamp_that_cannot_be_is_none(stamp: float) -> None:
    ages: list[float] = []

    def callback(_block: object, _count: int, age: float) -> bytes:
        ages.append(age)
        return b"x"

    stream = PortAudioStream(FakePyAudio(), INPUT, callback, CardCounters())
    stream._on_block(bytes(640), 160, {**NOW, "input_buffer_adc_time": stamp}, 0)
    assert ages == [0.0]


@pytest.mark.usefixtures("no_priority")
def test_error_in_our_own_callback_ends_the_stream_and_is_told() -> None:
    def callback(_block: object, _count: int, _age: float) -> bytes:
        raise ZeroDivisionError("a bug")

    stream = PortAudioStream(FakePyAudio(), DUPLEX, callback, CardCounters())
    assert stream.failure() is None

    assert stream._on_block(bytes(640), 160, NOW, 0) == (None, pyaudio.paAbort)
    assert stream.failure() == "ZeroDivisionError: a bug"
