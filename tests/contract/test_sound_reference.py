"""What the box plays comes back into its microphone, for real: the reference beside it fits.

The microphone records the virtual loudspeaker's monitor, so that nothing lies between the two but
PortAudio, ALSA and the sound server, as on a real machine.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.audio.capture import Capture
from appliance.audio.card import CardFormat, Exchange
from appliance.audio.counters import CardCounters
from appliance.audio.plans import Wish
from appliance.audio.playback import Playback
from appliance.audio.pyaudio_card import PyAudioCard
from appliance.audio.reference import Monitor, Own, Source
from appliance.frames import RATE, Frame
from appliance.units import ResponseId
from tests.sound_server import SoundServer, sound_server

pytestmark = pytest.mark.alone

REPLY = ResponseId("reply")
SECONDS = 10
PIECE = RATE // 2
MOST = RATE // 2
"""Samples by which the echo may be later than its reference (``Frame.reference``)."""

FOLLOWED = 3
"""Samples, 0.2 ms, by which a clock that is followed may move within a piece."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoundServer]:
    with sound_server(tmp_path_factory.mktemp("s")) as running, running.environment():
        done = running._run("pactl", "set-default-source", "loudspeaker.monitor")
        assert done.returncode == 0, done.stderr
        yield running


def clicks() -> NDArray[np.int16]:
    """Return clicks at times that do not repeat, over a little noise."""
    rng = np.random.default_rng(4)
    sound = rng.normal(0.0, 300.0, SECONDS * RATE)
    at = np.cumsum(rng.integers(300, 1_500, SECONDS * 30))
    sound[at[at < len(sound)]] += 12_000
    smooth = np.convolve(sound, np.hanning(9), "same")
    return np.clip(np.rint(smooth), -32_768, 32_767).astype(np.int16)


async def heard(
    wish: Wish, source: Callable[[CardFormat], Source]
) -> tuple[NDArray[np.float64], NDArray[np.float64], CardCounters]:
    """Play the clicks; return what was captured, the reference beside it, and what went wrong."""
    counters = CardCounters()
    capture = Capture(counters)
    news: asyncio.Queue[object] = asyncio.Queue()
    playback = Playback(news.put_nowait, counters)
    found: asyncio.Queue[str] = asyncio.Queue()
    card = PyAudioCard(
        wish,
        Exchange(capture, playback, counters, source=source),
        on_lost=lambda _: None,
        on_found=found.put_nowait,
    )
    frames: list[Frame] = []
    hearing = threading.Thread(target=lambda: frames.extend(capture.frames()), name="hearing")
    hearing.start()
    card.start()
    try:
        async with asyncio.timeout(10):
            await found.get()
        await asyncio.sleep(1.5)  # until two clocks have been compared
        playback.play(REPLY, clicks().tobytes(), RATE)
        playback.finish(REPLY)
        async with asyncio.timeout(SECONDS + 10):
            await news.get()
            await news.get()
        await asyncio.sleep(0.5)
    finally:
        await asyncio.to_thread(card.close)
        capture.close()
        await asyncio.to_thread(hearing.join)
    microphone = np.concatenate([frame.samples[:, 0] for frame in frames]).astype(float)
    assert all(frame.reference is not None for frame in frames)
    reference = np.concatenate([f.reference for f in frames if f.reference is not None])
    return microphone, reference.astype(float), counters


def delays(microphone: NDArray[np.float64], reference: NDArray[np.float64]) -> list[int]:
    """Return by how many samples each piece of the echo comes after its reference."""
    found: list[int] = []
    for begin in range(MOST, len(microphone) - PIECE - MOST, PIECE):
        echo = microphone[begin : begin + PIECE]
        around = reference[begin - MOST : begin + PIECE + MOST]
        if echo.std() < 500 or around.std() < 500:
            continue
        likeness = np.correlate(around, echo, "valid")
        place = int(np.argmax(likeness))
        matched = around[place : place + PIECE]
        if likeness[place] > 0.9 * np.linalg.norm(echo) * np.linalg.norm(matched):
            found.append(MOST - place)
    return found


async def test_own_playback_is_followed_by_its_echo_at_a_constant_delay(
    server: SoundServer,
) -> None:
    assert server.variables
    microphone, reference, counters = await heard(Wish("pulse", "pulse"), lambda _: Own())

    found = delays(microphone, reference)

    lost = counters.output_underflows + counters.input_overflows + counters.blocks_without_input
    assert len(found) >= 1.4 * SECONDS - 2 * lost
    moved = np.abs(np.diff(found)) > FOLLOWED
    assert np.count_nonzero(moved) <= 2 * lost + 1  # a busy server moves it once, too
    assert min(found) > 0
    assert max(found) < MOST


async def test_monitor_is_followed_by_its_echo_at_a_constant_delay(server: SoundServer) -> None:
    assert server.variables
    microphone, reference, _ = await heard(Wish("pulse", "pulse", monitor=""), lambda _: Monitor())

    found = delays(microphone, reference)

    assert len(found) >= SECONDS
    middle = np.median(found)
    near = [delay for delay in found if abs(delay - middle) < 0.002 * RATE]
    assert len(near) >= 0.8 * len(found)
    assert abs(middle) < 0.1 * RATE  # the same monitor twice: only buffers lie between
