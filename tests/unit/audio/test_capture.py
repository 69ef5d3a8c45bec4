import threading
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.audio.capture import RING_SECONDS, Capture
from appliance.audio.counters import CardCounters
from appliance.frames import FRAME_SAMPLES, RATE, Frame
from appliance.units import SampleRate


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def tone(count: int, rate: int, *, channels: int = 1, pitch: float = 440.0) -> NDArray[np.int16]:
    wave = np.rint(10_000 * np.sin(2 * np.pi * pitch * np.arange(count) / rate))
    return np.repeat(wave.astype(np.int16)[:, np.newaxis], channels, axis=1)


def feed(capture: Capture, sound: NDArray[np.int16], block: int) -> None:
    for begin in range(0, len(sound), block):
        capture.write(sound[begin : begin + block])


def ready(capture: Capture) -> list[Frame]:
    """Return the frames that can be had without waiting: the reader closes when it runs dry."""
    capture.on_processed = capture.close
    return list(capture.frames())


def test_blocks_at_16_khz_come_out_as_they_went_in() -> None:
    capture = Capture(CardCounters())
    capture.opened(RATE, 2)
    sound = tone(10 * FRAME_SAMPLES, RATE, channels=2)
    feed(capture, sound, FRAME_SAMPLES)

    frames = ready(capture)

    assert [frame.start for frame in frames] == [n * FRAME_SAMPLES for n in range(10)]
    assert (np.concatenate([frame.samples for frame in frames]) == sound).all()


def test_blocks_of_another_length_are_cut_into_frames() -> None:
    capture = Capture(CardCounters())
    capture.opened(RATE, 1)
    sound = tone(700, RATE)
    feed(capture, sound, 70)

    frames = ready(capture)

    assert [len(frame.samples) for frame in frames] == [FRAME_SAMPLES] * 4
    assert (np.concatenate([frame.samples for frame in frames]) == sound[:640]).all()


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_any_rate_becomes_16_khz_in_the_same_time(rate: int, channels: int) -> None:
    capture = Capture(CardCounters())
    capture.opened(SampleRate(rate), channels)
    feed(capture, tone(rate, rate, channels=channels), rate // 100)

    frames = ready(capture)

    heard = np.concatenate([frame.samples for frame in frames])
    assert heard.shape[1] == channels
    held = 0.045 if rate > RATE else 0.07  # soxr's bursts are longer where it adds samples
    assert 0 <= RATE - len(heard) <= held * RATE
    expected = tone(RATE, RATE)[: len(heard), 0]
    inner = slice(800, -800)
    error = heard[inner, channels - 1].astype(float) - expected[inner]
    assert np.abs(error).max() < 300  # of 10 000: same pitch, same phase


def test_what_the_reader_is_too_late_for_is_counted_and_leaves_a_hole_in_time() -> None:
    counters = CardCounters()
    capture = Capture(counters)
    capture.opened(RATE, 1)
    fitting = RING_SECONDS * RATE // FRAME_SAMPLES
    feed(capture, tone((fitting + 5) * FRAME_SAMPLES, RATE), FRAME_SAMPLES)
    frames = capture.frames()
    early = [next(frames).start for _ in range(3)]
    feed(capture, tone(2 * FRAME_SAMPLES, RATE), FRAME_SAMPLES)

    capture.on_processed = capture.close
    late = [frame.start for frame in frames]

    assert counters.ring_overflows == 5
    assert early + late[:-2] == [n * FRAME_SAMPLES for n in range(fitting)]
    assert late[-2:] == [(fitting + 5) * FRAME_SAMPLES, (fitting + 6) * FRAME_SAMPLES]


@pytest.mark.parametrize("second_rate", [16_000, 48_000])
def test_time_in_which_the_card_was_away_passes_on_the_capture_clock(second_rate: int) -> None:
    now = Hands()
    capture = Capture(CardCounters(), monotonic=now)
    capture.opened(RATE, 1)
    capture.write(tone(FRAME_SAMPLES, RATE))
    capture.opened(SampleRate(second_rate), 1)
    now.time += 7.01  # the block that comes now began 10 ms ago
    feed(capture, tone(second_rate, second_rate), second_rate // 100)

    starts = [frame.start for frame in ready(capture)]

    assert starts[0] == 0
    assert starts[1] == FRAME_SAMPLES + 7 * RATE
    assert np.diff(starts[1:]).tolist() == [FRAME_SAMPLES] * (len(starts) - 2)


def test_closing_ends_a_reader_that_waits() -> None:
    capture = Capture(CardCounters())
    capture.opened(RATE, 1)
    seen: list[Frame] = []

    def read() -> None:
        seen.extend(capture.frames())

    reader = threading.Thread(target=read)
    reader.start()
    capture.close()
    reader.join(timeout=0.5)  # sooner than it would look by itself

    assert not reader.is_alive()
    assert not seen


def test_reader_gets_each_block_as_soon_as_it_is_there() -> None:
    capture = Capture(CardCounters())
    capture.opened(RATE, 1)
    arrived = threading.Semaphore(0)

    def read(frames: Iterator[Frame]) -> None:
        for _ in frames:
            arrived.release()

    reader = threading.Thread(target=read, args=(capture.frames(),))
    reader.start()
    for _ in range(100):
        capture.write(tone(FRAME_SAMPLES, RATE))
        assert arrived.acquire(timeout=0.5)
    capture.close()
    reader.join()


def test_blocks_before_the_first_opening_are_nobodys() -> None:
    capture = Capture(CardCounters())

    capture.write(tone(FRAME_SAMPLES, RATE))
    capture.opened(RATE, 1)

    capture.write(tone(FRAME_SAMPLES, RATE))
    assert len(ready(capture)) == 1
