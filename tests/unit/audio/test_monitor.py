"""The monitor beside a card: chosen, opened, lost and found again, without the card noticing."""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyaudio
import pytest

from appliance.audio import portaudio
from appliance.audio.capture import Capture
from appliance.audio.card import Exchange
from appliance.audio.counters import CardCounters
from appliance.audio.devices import DeviceRecord
from appliance.audio.monitor import DEFAULT, choose_monitor
from appliance.audio.plans import StreamPlan, Wish
from appliance.audio.playback import Playback
from appliance.audio.portaudio import Callback
from appliance.audio.pyaudio_card import Patience, PyAudioCard
from appliance.audio.reference import Monitor
from appliance.errors import DeviceError
from appliance.units import SampleRate, Seconds

RATE = SampleRate(48_000)
HEADSET = DeviceRecord(0, "headset (hw:1,0)", 1, 2, RATE)
SERVER = DeviceRecord(1, "pulse", 32, 32, RATE)
NAMED = DeviceRecord(2, "Monitor of Speakers", 2, 0, RATE)
SPEAKER = DeviceRecord(3, "monitor speakers", 0, 2, RATE)

QUICK = Patience(
    silent=Seconds(0.2),
    begin=Seconds(0.4),
    look=Seconds(0.01),
    first=Seconds(0.02),
    longest=Seconds(0.1),
)


@pytest.mark.parametrize(
    ("devices", "name", "chosen"),
    [
        ([HEADSET, SERVER], "", (SERVER, DEFAULT)),
        ([HEADSET, NAMED, SERVER], "", (SERVER, DEFAULT)),
        ([HEADSET, SPEAKER, NAMED], "", (NAMED, "")),
        ([HEADSET, NAMED, SERVER], "of speak", (NAMED, "")),
        ([HEADSET, SERVER], "alsa_output.usb.monitor", (SERVER, "alsa_output.usb.monitor")),
    ],
)
def test_monitor_is_chosen(
    devices: list[DeviceRecord], name: str, chosen: tuple[DeviceRecord, str]
) -> None:
    assert choose_monitor(devices, name) == chosen


@pytest.mark.parametrize(("name", "words"), [("", "no sound server"), ("radio", "'radio'")])
def test_monitor_that_is_not_there_is_said(name: str, words: str) -> None:
    with pytest.raises(DeviceError, match=words):
        choose_monitor([HEADSET, SPEAKER], name)


@dataclass
class FakeStream:
    plan: StreamPlan
    callback: Callback
    output_latency: Seconds = Seconds(0.0)
    blocks: int = 0
    closed: bool = False
    failed: str | None = None
    started: bool = False

    def start(self) -> None:
        self.started = True

    def failure(self) -> str | None:
        return self.failed

    def close(self) -> None:
        self.closed = True

    @property
    def live(self) -> bool:
        return self.started and not self.closed and self.failed is None

    def tick(self) -> None:
        self.blocks += 1
        count = self.plan.rate // 100
        captured = np.full((count, self.plan.channels), 7, dtype=np.int16)
        self.callback(
            None if self.plan.input is None else captured,
            0 if self.plan.output is None else count,
            0.0,
        )


@dataclass
class Machine:
    """What is there, and what was opened; a library that is never let go but by the card."""

    refuses: Callable[[StreamPlan], bool] = lambda _plan: False
    plugged: list[DeviceRecord] = field(default_factory=lambda: [HEADSET, SERVER])
    streams: list[FakeStream] = field(default_factory=list)
    tries: list[StreamPlan] = field(default_factory=list)

    def devices(self) -> Sequence[DeviceRecord]:
        return list(self.plugged)

    def open(self, plan: StreamPlan, callback: Callback, counters: CardCounters) -> FakeStream:
        del counters
        self.tries.append(plan)
        if self.refuses(plan):
            raise DeviceError("refused")
        self.streams.append(FakeStream(plan, callback))
        return self.streams[-1]

    def close(self) -> None:
        for stream in self.streams:
            assert stream.closed

    @property
    def monitors(self) -> list[FakeStream]:
        return [stream for stream in self.streams if stream.plan.source]


class Room:
    def __init__(self, machine: Machine, monitor: str | None = "") -> None:
        self.machine = machine
        self.counters = CardCounters()
        self.capture = Capture(self.counters)
        playback = Playback(lambda _: None, self.counters)
        self.exchange = Exchange(self.capture, playback, self.counters, source=lambda _: Monitor())
        self.lost: list[str] = []
        self.card = PyAudioCard(
            Wish(input="headset", output="headset", monitor=monitor),
            self.exchange,
            on_lost=self.lost.append,
            on_found=lambda _: None,
            library=lambda: machine,
            patience=QUICK,
        )

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(3.0):
            while not condition():
                self.tick()
                await asyncio.sleep(0.005)

    def tick(self) -> None:
        for stream in self.machine.streams:
            if stream.live:
                stream.tick()

    async def passes(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.005)):
            self.tick()
            await asyncio.sleep(0.005)


async def test_monitor_is_opened_beside_the_card_at_its_rate() -> None:
    room = Room(Machine())
    room.card.start()
    await room.until(lambda: any(s.live for s in room.machine.monitors))
    await asyncio.to_thread(room.card.close)

    (monitor,) = room.machine.monitors
    assert monitor.plan == StreamPlan(SampleRate(16_000), 1, SERVER, None, DEFAULT)
    assert monitor.closed
    assert not room.lost


async def test_without_the_wish_there_is_no_monitor() -> None:
    room = Room(Machine(), monitor=None)
    room.card.start()
    await room.until(lambda: room.counters.blocks > 20)
    await asyncio.to_thread(room.card.close)

    assert not room.machine.monitors


async def test_monitor_at_another_rate_is_better_than_none() -> None:
    machine = Machine(refuses=lambda plan: bool(plan.source) and plan.rate == 16_000)
    room = Room(machine)
    room.card.start()
    await room.until(lambda: any(s.live for s in machine.monitors))
    await asyncio.to_thread(room.card.close)

    assert machine.monitors[0].plan.rate == 48_000


@pytest.mark.parametrize("how", ["fails", "falls silent"])
async def test_monitor_that_is_lost_comes_back_and_the_card_never_stops(
    how: str, caplog: pytest.LogCaptureFixture
) -> None:
    room = Room(Machine())
    room.card.start()
    await room.until(lambda: any(s.live for s in room.machine.monitors))
    first = room.machine.monitors[0]
    with caplog.at_level(logging.WARNING):
        if how == "fails":
            first.failed = "killed"
        else:
            first.started = False
        await room.until(lambda: len(room.machine.monitors) > 1)
        await room.until(lambda: room.machine.monitors[-1].live)
    await asyncio.to_thread(room.card.close)

    assert first.closed
    assert not room.lost
    assert len([s for s in room.machine.streams if not s.plan.source]) == 1
    warnings = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert ("killed" if how == "fails" else "no sound") in warnings[0]


async def test_monitor_that_cannot_be_had_is_told_once_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    machine = Machine(refuses=lambda plan: bool(plan.source))
    room = Room(machine)
    with caplog.at_level(logging.WARNING):
        room.card.start()
        await room.until(lambda: len(machine.tries) > 20)
        blocks = room.counters.blocks
        await room.until(lambda: room.counters.blocks > blocks)
    machine.refuses = lambda _plan: False
    await room.until(lambda: any(s.live for s in machine.monitors))
    await asyncio.to_thread(room.card.close)

    warnings = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert not room.lost


async def test_servers_source_is_named_only_while_it_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str | None] = []

    class FakePyAudio:
        def open(self, **_: object) -> object:
            seen.append(os.environ.get("PULSE_SOURCE"))
            raise OSError(1, "busy")

        def terminate(self) -> None:
            return None

    monkeypatch.setattr(portaudio, "_hush", lambda: None)
    monkeypatch.setattr(portaudio, "_alsa_is_unconfigured", lambda: False)
    monkeypatch.setattr(pyaudio, "PyAudio", FakePyAudio)
    library = portaudio.PortAudio()
    plan = StreamPlan(SampleRate(16_000), 1, SERVER, None, "x.monitor")
    for before in (None, "mine"):
        if before is None:
            monkeypatch.delenv("PULSE_SOURCE", raising=False)
        else:
            monkeypatch.setenv("PULSE_SOURCE", before)
        with pytest.raises(DeviceError, match="busy"):
            library.open(plan, lambda _block, _count, _age: b"", CardCounters())
        assert os.environ.get("PULSE_SOURCE") == before
    with pytest.raises(DeviceError, match="busy"):
        library.open(
            StreamPlan(SampleRate(16_000), 1, SERVER, None), lambda _b, _c, _a: b"", CardCounters()
        )

    assert seen == ["x.monitor", "x.monitor", "mine"]
