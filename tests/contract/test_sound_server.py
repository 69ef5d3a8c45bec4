"""The virtual sound servers themselves: what every test of sound stands on."""

import os
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pyaudio
import pytest
from numpy.typing import NDArray

from tests.sound_server import RATE, Kind, SoundServer, sound_server

pytestmark = pytest.mark.alone

KINDS = pytest.mark.parametrize("kind", ["pulse", "pipewire"])
PITCHES = (400, 500, 640, 800, 1000, 1280)
PART = 8000

CHILD = """
import sys, time
from pathlib import Path
from tests.sound_server import SoundServer
server = SoundServer(Path(sys.argv[1]), kind=sys.argv[2])
server.start()
print("started", flush=True)
time.sleep(60)
"""


@KINDS
@pytest.mark.parametrize("channels", [2, 4, 6])
def test_what_is_played_into_one_microphone_is_heard_by_that_one_alone(
    tmp_path_factory: pytest.TempPathFactory, kind: Kind, channels: int
) -> None:
    folder = tmp_path_factory.mktemp("s")
    times = np.arange(RATE) / RATE
    tones = [6000 * np.sin(2 * np.pi * pitch * times) for pitch in PITCHES[:channels]]
    said = folder / "said.wav"
    with wave.Wave_write(str(said)) as file:
        file.setparams((channels, 2, RATE, 0, "NONE", ""))
        file.writeframes(np.stack(tones, axis=1).astype("<i2").tobytes())

    with sound_server(folder, kind=kind, channels=channels) as server:
        heard = _heard(server, channels, said)

    spectra = np.abs(np.fft.rfft(heard, axis=0))
    places = [pitch * PART // RATE for pitch in PITCHES[:channels]]
    levels = np.array([spectra[place - 5 : place + 6].max(axis=0) for place in places])
    own, others = levels.diagonal(), levels - np.diag(levels.diagonal())
    assert (own > 10 * others.max(axis=0)).all()


def _heard(server: SoundServer, channels: int, said: Path) -> NDArray[np.int16]:
    """Return half a second of what the microphones give while a file is played into them."""
    with server.environment():
        sound = pyaudio.PyAudio()
        try:
            devices = map(sound.get_device_info_by_index, range(sound.get_device_count()))
            place = next(int(d["index"]) for d in devices if d["name"] == "microphone")
            stream = sound.open(
                rate=RATE,
                channels=channels,
                format=pyaudio.paInt16,
                input=True,
                input_device_index=place,
            )
            with server.saying(said):
                raw = stream.read(RATE, exception_on_overflow=False)
            stream.close()
        finally:
            sound.terminate()
    heard = np.frombuffer(raw, dtype="<i2").reshape(-1, channels)
    first = int(np.argmax(np.abs(heard).max(axis=1) > 3000))
    part: NDArray[np.int16] = heard[first : first + PART]
    return part


@KINDS
def test_servers_end_with_the_program_that_started_them_however_it_ends(
    tmp_path_factory: pytest.TempPathFactory, kind: Kind
) -> None:
    folder = tmp_path_factory.mktemp("s")
    with subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-c", CHILD, str(folder / "sound"), kind],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"started\n"
        assert _running_in(folder)
        child.send_signal(signal.SIGKILL)
    until = time.monotonic() + 5
    while _running_in(folder) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _running_in(folder)


def _running_in(folder: Path) -> list[int]:
    """Return the processes whose environment names a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found
