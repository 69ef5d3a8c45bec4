"""Where the reference comes from, through the exchange: what a frame carries beside its sound."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.audio.capture import RING_SECONDS, Capture
from appliance.audio.card import CardFormat, Exchange
from appliance.audio.counters import CardCounters
from appliance.audio.loudness import Gains
from appliance.audio.playback import Playback
from appliance.audio.recorded_card import Pace, RecordedCard
from appliance.audio.recording import Recording
from appliance.audio.reference import (
    Loopback,
    Monitor,
    OneClock,
    Own,
    Source,
    TwoClocks,
    Unknown,
)
from appliance.frames import FRAME_SAMPLES, RATE, Frame
from appliance.units import ResponseId, SampleRate, Seconds

A = ResponseId("a")
OWN = Own()
DITHER = 2
"""soxr rounds with a little noise, new each time."""

Sound = NDArray[np.int16]


def form(
    *,
    rate: int = RATE,
    channels: int = 1,
    output_rate: int | None = None,
    output_channels: int = 1,
    one_clock: bool = True,
) -> CardFormat:
    return CardFormat(
        input_name="in",
        input_rate=SampleRate(rate),
        input_channels=channels,
        output_name="out",
        output_rate=SampleRate(output_rate or rate),
        output_channels=output_channels,
        output_latency=Seconds(0.03),
        one_clock=one_clock,
    )


def noise(count: int, seed: int = 1) -> Sound:
    """Return noise without the top of the band, so that every resampler passes it."""
    rough = np.random.default_rng(seed).normal(0, 6000, count + 8)
    smooth: Sound = np.convolve(rough, np.ones(8) / 8, "valid")[:count].astype(np.int16)
    return smooth


def choosing(source: Source) -> Callable[[CardFormat], Source]:
    return lambda _: source


class Table:
    """A card with nobody at it: the test is its thread and the hearing thread. On a loop."""

    def __init__(self, card: CardFormat, source: Source = OWN) -> None:
        self.now = 0.0
        self.counters = CardCounters()
        self.capture = Capture(self.counters)
        self.playback = Playback(lambda _: None, self.counters)
        self.exchange = Exchange(
            self.capture,
            self.playback,
            self.counters,
            source=choosing(source),
            monotonic=lambda: self.now,
        )
        self.card = card
        self.exchange.opened(card)
        self.captured = 0
        self.output: list[Sound] = []

    def play(self, sound: Sound) -> None:
        self.playback.play(A, sound.tobytes(), self.card.output_rate)

    def block(self, *, captured: bool = True) -> Sound:
        """Do what the card does every 10 ms; captured samples count upwards in every channel."""
        count = self.card.input_rate // 100
        samples = (np.arange(self.captured, self.captured + count) % 30_000).astype(np.int16)
        self.captured += count
        block = np.repeat(samples[:, np.newaxis], self.card.input_channels, axis=1)
        given = self.exchange.exchange(block if captured else None, self.card.output_rate // 100)
        sound = np.frombuffer(given, dtype=np.int16)[:: self.card.output_channels]
        self.output.append(sound)
        return sound

    def frames(self) -> list[Frame]:
        self.capture.on_processed = self.capture.close
        return list(self.capture.frames())


def reference_of(frames: list[Frame]) -> Sound:
    references = [frame.reference for frame in frames]
    assert all(part is not None and part.shape == (FRAME_SAMPLES,) for part in references)
    return np.concatenate([part for part in references if part is not None])


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("output_channels", [1, 2])
async def test_frame_carries_what_was_handed_over_with_it(
    channels: int, output_channels: int
) -> None:
    table = Table(form(channels=channels, output_channels=output_channels))
    table.play(noise(3 * RATE // 2))
    for _ in range(200):
        table.block()

    frames = table.frames()

    assert (reference_of(frames) == np.concatenate(table.output)).all()
    assert frames[0].samples.shape == (FRAME_SAMPLES, channels)
    heard = np.concatenate([frame.samples[:, -1] for frame in frames])
    assert (heard == np.arange(200 * FRAME_SAMPLES) % 30_000).all()
    assert table.counters.reference_slips == 0


async def test_volume_is_in_the_reference() -> None:
    table = Table(form())
    table.play(noise(RATE))
    for _ in range(20):
        table.block()
    table.playback.set_gains(Gains(voice=0.25))
    for _ in range(20):
        table.block()

    reference = reference_of(table.frames())

    assert (reference == np.concatenate(table.output)).all()
    ratio = (
        np.abs(reference[20 * FRAME_SAMPLES :]).mean()
        / np.abs(reference[: 20 * FRAME_SAMPLES]).mean()
    )
    assert ratio == pytest.approx(0.25, rel=0.2)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
async def test_at_another_rate_reference_and_capture_are_delayed_by_the_same(rate: int) -> None:
    table = Table(form(rate=rate))
    sound = noise(3 * rate)
    table.play(sound)
    count = rate // 100
    for number in range(250):  # a loudspeaker that is itself the microphone
        begin = number * count
        block = sound[begin : begin + count, np.newaxis]
        table.exchange.exchange(block, count)

    frames = table.frames()

    heard = np.concatenate([frame.samples[:, 0] for frame in frames])
    assert np.abs(reference_of(frames).astype(int) - heard).max() <= DITHER
    assert np.abs(heard).max() > 3000


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025])
async def test_output_at_another_rate_keeps_a_constant_delay(rate: int) -> None:
    table = Table(form(rate=rate, output_rate=16_000))
    sound = noise(3 * RATE)
    table.play(sound)
    for _ in range(199):
        table.block()

    reference = reference_of(table.frames()).astype(float)

    shifts = []
    for begin in range(RATE // 2, 3 * RATE // 2, RATE // 4):
        piece = reference[begin : begin + RATE // 4]
        around = sound[begin - 4000 : begin + RATE // 4 + 1600].astype(float)
        found = np.correlate(around, piece, "valid")
        shifts.append(int(np.argmax(found)) - 4000)
        assert found.max() > 0.5 * np.linalg.norm(piece) ** 2
    assert len(set(shifts)) == 1
    assert -0.25 * RATE < shifts[0] <= 0
    assert table.counters.reference_slips == 0


async def test_what_the_capture_lost_is_left_out_of_the_reference_too() -> None:
    table = Table(form())
    sound = noise(4 * RATE)
    table.play(sound)
    fitting = 100 * RING_SECONDS
    for _ in range(fitting + 7):
        table.block()
    reader = table.capture.frames()
    early = [next(reader) for _ in range(fitting)]
    for _ in range(10):
        table.block()

    table.capture.on_processed = table.capture.close
    frames = early + list(reader)

    assert table.counters.ring_overflows == 7
    assert len(frames) == fitting + 10
    for frame in frames:
        assert frame.reference is not None
        assert (frame.reference == sound[frame.start : frame.end]).all()
        assert (frame.samples[:, 0] == np.arange(frame.start, frame.end) % 30_000).all()


async def test_captured_sound_that_only_comes_late_still_meets_its_own() -> None:
    counters = CardCounters()
    reference = OneClock(RATE, RATE, counters)
    sound = noise(100 * FRAME_SAMPLES).reshape(100, FRAME_SAMPLES)
    got: list[Sound] = []
    for number in range(50):  # the first blocks without input, as PortAudio does after a stall
        reference.write(sound[number])
        if number >= 4:
            got.append(beside(reference))

    assert (np.concatenate(got) == sound[:46].ravel()).all()
    assert counters.reference_slips == 0


def beside(reference: OneClock | TwoClocks, count: int = FRAME_SAMPLES) -> Sound:
    given = reference.beside(np.zeros((count, 1), dtype=np.int16))
    assert given is not None
    return given


@pytest.mark.parametrize("how", ["told", "many"])
async def test_captured_sound_that_was_thrown_away_takes_its_reference_with_it(how: str) -> None:
    counters = CardCounters()
    reference = OneClock(RATE, RATE, counters)
    sound = noise(100 * FRAME_SAMPLES).reshape(100, FRAME_SAMPLES)
    lost = 3 if how == "told" else 12
    for number in range(lost):
        reference.write(sound[number])
    counters.input_overflows += how == "told"
    reference.write(sound[lost])

    first = beside(reference)

    assert (first == sound[lost]).all()  # no echo comes before what was handed over last
    assert counters.reference_slips == 1


async def test_gap_that_the_driver_played_is_counted() -> None:
    counters = CardCounters()
    followed = TwoClocks(RATE, RATE, counters, monotonic=lambda: 0.0)
    for reference in (OneClock(RATE, RATE, counters), followed):
        before = counters.reference_slips
        reference.write(noise(FRAME_SAMPLES))
        counters.output_underflows += 1
        beside(reference)
        assert counters.reference_slips == before + 1
        reference.write(noise(FRAME_SAMPLES))
        beside(reference)
        assert counters.reference_slips == before + 1


async def test_playback_without_any_capture_does_not_pile_up() -> None:
    reference = OneClock(RATE, RATE, CardCounters())
    for _ in range(1000):
        reference.write(noise(FRAME_SAMPLES))

    assert len(reference._waiting) < RATE // 2


async def test_loopback_channel_is_the_reference_and_stays_where_it_is() -> None:
    table = Table(form(channels=6), Loopback(5))
    blocks = [
        np.stack([noise(FRAME_SAMPLES, seed=6 * n + c) for c in range(6)], axis=1)
        for n in range(10)
    ]
    for block in blocks:
        table.exchange.exchange(block, FRAME_SAMPLES)

    frames = table.frames()

    assert (np.concatenate([frame.samples for frame in frames]) == np.concatenate(blocks)).all()
    assert (reference_of(frames) == np.concatenate(blocks)[:, 5]).all()


async def test_loopback_channel_that_is_not_there_is_told_and_own_playback_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        table = Table(form(channels=2), Loopback(5))
    table.play(noise(RATE))
    for _ in range(20):
        table.block()

    assert "no channel 5" in caplog.text
    assert (reference_of(table.frames()) == np.concatenate(table.output)).all()


@pytest.mark.parametrize(
    ("card", "source"),
    [
        (form(), Unknown()),
        (form(output_channels=0), Own()),
    ],
    ids=["off", "no loudspeaker"],
)
async def test_without_a_reference_frames_carry_none(card: CardFormat, source: Source) -> None:
    table = Table(card, source)
    block = np.ones((FRAME_SAMPLES, 1), dtype=np.int16)
    table.exchange.exchange(block, 0)

    frames = table.frames()

    assert [frame.reference for frame in frames] == [None]
    assert (frames[0].samples == block).all()


async def test_output_alone_needs_no_reference() -> None:
    table = Table(form(channels=0))
    table.play(noise(RATE))

    assert len(table.exchange.exchange(None, FRAME_SAMPLES)) == 2 * FRAME_SAMPLES


async def test_monitor_that_has_not_come_yet_is_quiet_and_holds_nothing_up() -> None:
    table = Table(form(), Monitor())
    table.play(noise(RATE))
    for _ in range(20):
        table.block()
        table.exchange.monitor(np.ones((FRAME_SAMPLES, 1), dtype=np.int16), 0)

    assert not reference_of(table.frames()).any()


async def test_monitor_and_not_the_own_playback_is_the_reference_once_it_is_there() -> None:
    table = Table(form(), Monitor())
    table.exchange.monitor_opened(RATE)
    others = np.full((FRAME_SAMPLES, 1), 3000, dtype=np.int16)
    frames: list[Frame] = []
    reader = table.capture.frames()
    for number in range(500):
        table.now += 0.01
        if not 200 <= number < 300:  # killed, and back again
            table.exchange.monitor(others, 0)
        table.block()
        frames.append(next(reader))

    reference = reference_of(frames).reshape(500, FRAME_SAMPLES)

    assert not reference[:90].any()
    assert (reference[110:195] == 3000).all()
    assert not reference[210:300].any()
    assert (reference[-80:] == 3000).all()


async def test_two_streams_meet_through_the_follower() -> None:
    table = Table(form(rate=16_000, output_rate=48_000, output_channels=2, one_clock=False))
    count = 6 * 48_000
    table.play(
        np.rint(8000 * np.sin(2 * np.pi * 440 * np.arange(count) / 48_000)).astype(np.int16)
    )
    frames: list[Frame] = []
    reader = table.capture.frames()
    for _ in range(500):
        table.now += 0.01
        table.exchange.exchange(None, 480)
        table.exchange.exchange(np.zeros((FRAME_SAMPLES, 1), dtype=np.int16), 0)
        frames.append(next(reader))

    reference = reference_of(frames)[200 * FRAME_SAMPLES :].astype(float)

    assert np.abs(reference).max() == pytest.approx(8000, rel=0.01)
    tone = np.abs(np.fft.rfft(reference * np.hanning(len(reference))))
    assert np.argmax(tone) * RATE / len(reference) == pytest.approx(440, abs=0.5)
    assert table.counters.reference_slips == 0


@pytest.mark.parametrize("speed", ["max", "real"])
@pytest.mark.parametrize("rate", [16_000, 48_000])
async def test_recording_that_takes_the_place_of_a_card_gives_the_same_reference_each_time(
    speed: str, rate: int
) -> None:
    runs: list[tuple[Sound, Sound]] = []
    for _ in range(2 if speed == "max" else 1):
        counters = CardCounters()
        capture = Capture(counters)
        playback = Playback(lambda _: None, counters)
        output = bytearray()
        card = RecordedCard(
            Recording(np.zeros((rate // 2, 1), dtype=np.int16), SampleRate(rate)),
            Exchange(capture, playback, counters),
            sink=output.extend,
            pace=Pace("max" if speed == "max" else "real"),
        )
        frames: list[Frame] = []

        def hear(capture: Capture = capture, frames: list[Frame] = frames) -> None:
            frames.extend(capture.frames())

        pcm = noise(rate).tobytes()
        card.clock.call_at(Seconds(0.1), partial(playback.play, A, pcm, SampleRate(rate)))
        card.start()
        await asyncio.to_thread(hear)
        await asyncio.to_thread(card.close)
        assert card.failure is None
        assert counters.reference_slips == 0
        runs.append((reference_of(frames), np.frombuffer(bytes(output), dtype=np.int16)))

    reference, played = runs[0]
    if rate == RATE:
        assert (reference == played[: len(reference)]).all()
        assert np.abs(reference).max() > 3000
    for again, _ in runs:
        assert np.abs(again.astype(int) - reference).max() <= DITHER
