"""``voice-appliance doctor --sound`` and ``enhance``, as programs, on real sound.

PortAudio, a sound server, and a simulated room between its loudspeaker and its microphones.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from appliance.audio.recording import read, write_wav
from appliance.frames import RATE
from tests.live_room import Acoustics, LiveRoom
from tests.recordings import hiss
from tests.sound_server import SoundServer, sound_server

Told = dict[str, dict[str, object]]

MICROPHONES = 2

pytestmark = [pytest.mark.alone, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoundServer]:
    with sound_server(tmp_path_factory.mktemp("s"), channels=MICROPHONES) as running:
        yield running


def start(server: SoundServer, folder: Path) -> subprocess.Popen[str]:
    settings = folder / "config.toml"
    settings.write_text(
        f'[audio]\ninput = "microphone"\noutput = "loudspeaker"\nchannels = {MICROPHONES}\n'
    )
    words = ("doctor", "--sound", "--json", "--config", str(settings))
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "appliance", *words],
        env={**os.environ, **server.variables, "RUNTIME_DIRECTORY": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def sounded(server: SoundServer, folder: Path) -> Told:
    with start(server, folder) as program:
        out, errors = program.communicate(timeout=90)
    assert "Traceback" not in errors
    found = [json.loads(line) for line in out.splitlines()]
    assert program.returncode == int(not all(check["ok"] for check in found)), errors
    return {str(check["check"]): check for check in found}


def test_a_real_card_in_a_simulated_room_is_measured(server: SoundServer, tmp_path: Path) -> None:
    with LiveRoom(server, Acoustics(microphones=MICROPHONES)):
        told = sounded(server, tmp_path)
    steady = told.get("steadiness", {"ok": False})
    if not (told["losses"]["ok"] and steady["ok"]):
        # a machine too busy for sound: it has said so, and what is measured on a wire, without
        # real time, is in tests/driver/test_sweeping.py
        return
    assert set(told) >= {"sound card", "array", "echo level", "distortion", "band", "clocks"}
    assert told["reference"]["detail"] == "it carries what is played"
    delay = float(str(told["delay"]["detail"]).split()[0])
    assert delay > 20.0
    assert told["delay"]["ok"] == (delay < 500.0)  # so late is the room of a busy machine
    assert str(told["clocks"]["detail"]).startswith("one clock")
    for number in range(MICROPHONES):
        assert told[f"channel {number}"]["ok"], told
    level, _, over = str(told["echo level"]["detail"]).partition(" dB of full scale, ")
    assert -40.0 < float(level) < -20.0
    assert 25.0 < float(over.split()[0]) < 50.0
    if told["delay"]["ok"]:
        assert told["cancelling"]["ok"], told["cancelling"]


def test_interrupted_it_lets_go_of_the_card_at_once(server: SoundServer, tmp_path: Path) -> None:
    with LiveRoom(server, Acoustics(microphones=MICROPHONES)) as room:
        program = start(server, tmp_path)
        while program.poll() is None and not np.any(room.loudspeaker):
            time.sleep(0.01)
        program.send_signal(signal.SIGINT)
        out, errors = program.communicate(timeout=10)
    assert program.returncode == 130, errors
    assert "Traceback" not in errors
    assert "cancelling" not in out


def test_a_recording_goes_through_the_chain_as_a_program_of_its_own(tmp_path: Path) -> None:
    played = hiss(4.0, level=3000.0)
    heard = np.zeros_like(played)
    heard[800:] = played[:-800] // 2
    write_wav(tmp_path / "mic.wav", heard, RATE)
    write_wav(tmp_path / "far.wav", played, RATE)
    words = ["--mic", "mic.wav", "--far", "far.wav", "--wake", "w.wav", "--speech", "s.wav"]
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "appliance", "enhance", *words, "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    whole = json.loads(done.stdout.splitlines()[-1])["summary"]
    assert whole["delay_ms"] == pytest.approx(50.0, abs=25.0)
    assert whole["erle_speech_db"] > 15.0
    for name in ("w.wav", "s.wav"):
        assert read(tmp_path / name).samples.shape == (len(heard), 1)
