"""The sound card, for real: PortAudio, ALSA and a sound server with a virtual room.

One server of each kind serves the whole module; the last test takes it away. PortAudio keeps what
it saw when it was initialised, so each test opens its card within the server's environment and
closes it.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.audio.capture import Capture
from appliance.audio.card import Exchange
from appliance.audio.counters import CardCounters
from appliance.audio.plans import Wish
from appliance.audio.playback import Playback
from appliance.audio.portaudio import list_devices
from appliance.audio.pyaudio_card import Patience, PyAudioCard
from appliance.audio.recording import write_wav
from appliance.events import PlaybackDrained, PlaybackStarted
from appliance.frames import RATE
from appliance.units import ResponseId, SampleRate, Seconds
from tests.sound_server import SoundServer, sound_server

pytestmark = pytest.mark.alone

REPLY = ResponseId("reply")
PATIENCE = Patience(silent=Seconds(1.0), first=Seconds(0.3), longest=Seconds(1.0))
NAMED = Wish(input="microphone", output="loudspeaker")


@pytest.fixture(scope="module", params=["pulse", "pipewire"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SoundServer]:
    folder = tmp_path_factory.mktemp("s")
    with sound_server(folder, kind=request.param) as running, running.environment():
        yield running


class Late(Exchange):
    """An exchange that is too late with what is played, as often as it is told to be."""

    stalls = 0
    """Blocks that it shall yet be late with."""

    age = 0.0
    """Of the latest captured block, in seconds, as the driver says."""

    def exchange(self, captured: NDArray[np.int16] | None, wanted: int, age: float = 0.0) -> bytes:
        if captured is not None:
            self.age = age
        if wanted and self.stalls:
            self.stalls -= 1
            time.sleep(0.06)
        return super().exchange(captured, wanted, age)


class Room:
    """A card with everything behind it but models."""

    def __init__(self, wish: Wish) -> None:
        self.counters = CardCounters()
        self.capture = Capture(self.counters)
        self.news: asyncio.Queue[object] = asyncio.Queue()
        self.playback = Playback(self.news.put_nowait, self.counters)
        self.lost: asyncio.Queue[str] = asyncio.Queue()
        self.found: asyncio.Queue[str] = asyncio.Queue()
        self.heard: list[NDArray[np.int16]] = []
        self.starts: list[int] = []
        self.exchange = Late(self.capture, self.playback, self.counters)
        self.card = PyAudioCard(
            wish,
            self.exchange,
            on_lost=self.lost.put_nowait,
            on_found=self.found.put_nowait,
            patience=PATIENCE,
        )

    def hear(self) -> None:
        for frame in self.capture.frames():
            self.starts.append(frame.start)
            self.heard.append(frame.samples[:, 0])

    async def hears_something(self, frames: int = 20) -> None:
        count = len(self.heard)
        async with asyncio.timeout(10):
            while len(self.heard) < count + frames:  # noqa: ASYNC110 - a thread appends
                await asyncio.sleep(0.02)

    def forget(self) -> None:
        self.heard.clear()


@asynccontextmanager
async def room_with(wish: Wish) -> AsyncIterator[Room]:
    room = Room(wish)
    hearing = threading.Thread(target=room.hear, name="hearing")
    hearing.start()
    room.card.start()
    try:
        async with asyncio.timeout(10):
            await room.found.get()
        await room.hears_something()
        yield room
    finally:
        await asyncio.to_thread(room.card.close)
        room.capture.close()
        await asyncio.to_thread(hearing.join)


def tone(pitch: float, rate: int, length: float = 1.0) -> NDArray[np.int16]:
    wave = 8000 * np.sin(2 * np.pi * pitch * np.arange(round(length * rate)) / rate)
    rounded: NDArray[np.int16] = np.rint(wave).astype(np.int16)
    return rounded


def pitch_of(sound: NDArray[np.int16], rate: int = RATE) -> float:
    """Return the pitch of a tone, in Hz; a gap that a busy machine left in it does no harm."""
    rising = np.flatnonzero((sound[:-1] < 0) & (sound[1:] >= 0))
    return float(rate / np.median(np.diff(rising)))


def loud(sound: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return what lies between the first and the last loud sample."""
    places = np.flatnonzero(np.abs(sound.astype(int)) > 2000)
    assert len(places), "nothing but quiet"
    cut: NDArray[np.int16] = sound[places[0] : places[-1] + 1]
    return cut


def test_devices_are_listed_by_their_names(server: SoundServer) -> None:
    assert server.variables
    names = {device.name for device in list_devices()}

    assert {"microphone", "loudspeaker", "pulse"} <= names


@pytest.mark.usefixtures("server")
async def test_box_that_was_too_late_for_a_while_does_not_hear_later_ever_after() -> None:
    async with room_with(NAMED) as room:
        room.exchange.stalls = 20  # 1.2 s in which the server plays gaps of its own
        async with asyncio.timeout(10):
            while room.exchange.stalls:  # noqa: ASYNC110 - a thread counts
                await asyncio.sleep(0.05)
        await asyncio.sleep(1.0)
        ages = []
        for _ in range(20):
            ages.append(room.exchange.age)
            await asyncio.sleep(0.02)
    assert np.median(ages) < 0.2


@pytest.mark.parametrize(
    "wish",
    [NAMED, Wish(), Wish("microphone", "loudspeaker", SampleRate(48_000), 2, 1)],
    ids=["named", "chosen", "48 kHz stereo"],
)
async def test_what_is_said_arrives_and_what_is_played_is_heard(
    server: SoundServer, tmp_path: Path, wish: Wish
) -> None:
    said = tmp_path / "said.wav"
    await asyncio.to_thread(write_wav, said, tone(500, 44_100), SampleRate(44_100))
    recording = server.recording()
    async with room_with(wish) as room:
        heard = await asyncio.to_thread(recording.__enter__)
        room.forget()
        room.playback.play(REPLY, tone(800, 24_000).tobytes(), SampleRate(24_000))
        room.playback.finish(REPLY)
        await asyncio.to_thread(server.say, said)
        async with asyncio.timeout(10):
            news = [await room.news.get(), await room.news.get()]
        await room.hears_something()
        await asyncio.to_thread(recording.__exit__, None, None, None)

        captured = loud(np.concatenate(room.heard))
        played = loud(heard.samples)
        assert room.card.form is not None
        assert not room.card.form.one_clock  # of a sound server nobody knows
        assert news == [PlaybackStarted(REPLY), PlaybackDrained(REPLY)]
        assert pitch_of(captured) == pytest.approx(500, rel=0.02)
        assert pitch_of(played, heard.rate) == pytest.approx(800, rel=0.02)
        assert 0.8 < len(captured) / RATE < 2.0  # exact but for the gaps of a busy machine
        assert 0.95 < len(played) / heard.rate < 2.0
        assert room.counters.blocks > 0
        assert room.counters.ring_overflows == 0
        assert room.counters.reply_gaps == 0


async def test_stop_is_heard_at_once_and_the_ledger_knows_it(server: SoundServer) -> None:
    recording = server.recording()
    async with room_with(NAMED) as room:
        heard = await asyncio.to_thread(recording.__enter__)
        room.playback.play(REPLY, tone(800, RATE, 3.0).tobytes(), RATE)
        async with asyncio.timeout(10):
            await room.news.get()
        await asyncio.sleep(0.5)
        told = room.playback.stop()
        await asyncio.sleep(0.5)
        await asyncio.to_thread(recording.__exit__, None, None, None)

        assert len(loud(heard.samples)) / heard.rate == pytest.approx(told, abs=0.3)
        assert 0.2 < told < 2.0


async def test_microphone_alone_works(server: SoundServer, tmp_path: Path) -> None:
    said = tmp_path / "said.wav"
    await asyncio.to_thread(write_wav, said, tone(500, RATE), RATE)
    async with room_with(Wish(input="microphone", output="none")) as room:
        await asyncio.to_thread(server.say, said)
        room.playback.play(REPLY, tone(800, RATE).tobytes(), RATE)
        room.playback.finish(REPLY)

        async with asyncio.timeout(5):
            assert await room.news.get() == PlaybackDrained(REPLY)
        assert pitch_of(loud(np.concatenate(room.heard))) == pytest.approx(500, rel=0.02)


async def test_card_that_was_away_comes_back_without_a_restart(
    server: SoundServer, tmp_path: Path
) -> None:
    said = tmp_path / "said.wav"
    await asyncio.to_thread(write_wav, said, tone(500, RATE), RATE)
    async with room_with(NAMED) as room:
        room.playback.play(REPLY, tone(800, RATE, 30.0).tobytes(), RATE)
        room.playback.finish(REPLY)
        await asyncio.to_thread(server.kill)
        try:
            async with asyncio.timeout(10):
                await room.lost.get()
                while await room.news.get() != PlaybackDrained(REPLY):
                    pass
        finally:
            await asyncio.to_thread(server.start)  # the next try needs it, too
        async with asyncio.timeout(15):
            await room.found.get()
        await room.hears_something()
        room.forget()
        await asyncio.to_thread(server.say, said)
        await room.hears_something()

        assert room.counters.reconnects >= 1  # PortAudio may give up once more while all starts
        assert pitch_of(loud(np.concatenate(room.heard))) == pytest.approx(500, rel=0.02)
        jumps = np.diff(room.starts)
        assert jumps.max() > 0.3 * RATE  # the time away has passed on the capture clock
        assert (jumps >= 160).all()
