"""The command on what it should not get: an answer or one clear line, never a trace."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from appliance.audio.recording import write_wav
from appliance.demo.broker import free_port
from appliance.units import SampleRate
from tests.models import model_folder
from tests.recordings import AUDIO, hiss, quiet

RATE = SampleRate(16_000)
COMMAND = Path(sys.executable).with_name("voice-appliance")


def run(*words: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(  # noqa: S603 - our own command
        [COMMAND, *map(str, words)], capture_output=True, text=True, check=False, timeout=60
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module", autouse=True)
def models() -> None:
    for name in ("silero-vad", "moonshine-base", "minilm", "voice-en-joe"):
        model_folder(name)


@pytest.mark.parametrize(
    ("sound", "said"),
    [
        (np.zeros(32_000, np.int16), "the recording is silent"),
        (
            np.tile(np.array([32_767, -32_768], np.int16), 16_000),
            "much of the recording is clipped",
        ),
        (hiss(2.0, level=2000.0), "no wake word was heard (hey_jarvis)"),
    ],
    ids=["silent", "clipped", "noise"],
)
def test_recording_in_which_nothing_was_said_is_spoken_of(
    tmp_path: Path, sound: np.ndarray[tuple[int], np.dtype[np.int16]], said: str
) -> None:
    write_wav(tmp_path / "a.wav", sound, RATE)
    done = run("replay", tmp_path / "a.wav", "--json")
    assert done.returncode == 0
    assert done.stdout == ""
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_a_wake_word_there_is_no_word_of_one(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", quiet(6.0) * 100, RATE)
    done = run("replay", tmp_path / "a.wav", "--no-wake")
    assert "nobody spoke" in done.stdout
    assert done.stderr == "no speech was heard\n"


def test_reply_never_overwrites_the_recording(tmp_path: Path) -> None:
    recording = shutil.copy(AUDIO / "alexa_lone.flac", tmp_path)
    before = Path(recording).read_bytes()
    done = run("replay", recording, "--reply", recording)
    assert done.returncode == 3
    assert "is the recording itself" in done.stderr
    assert Path(recording).read_bytes() == before


@pytest.mark.parametrize("place", ["/dev/full", "/dev/null/a.wav", "/proc/nothing/a.wav", "/"])
def test_place_where_no_reply_can_be_written_is_one_line(place: str) -> None:
    done = run("replay", AUDIO / "alexa_lone.flac", "--reply", place)
    assert done.returncode == 3
    assert "cannot be written" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_broker_that_cannot_be_reached_is_named_before_anything_is_played(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[mqtt]\nhost = "127.0.0.1"\nport = {free_port()}\n')
    done = run("replay", AUDIO / "alexa_lone.flac", "--no-wake", "--config", config)
    assert done.returncode == 0
    assert "the house cannot be reached: nothing listens at 127.0.0.1" in done.stderr


@pytest.mark.parametrize("start", [[], ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]])
def test_program_ends_when_nobody_takes_its_lines(start: list[str]) -> None:
    """By itself, and as the background program of a script, which Ctrl-C must not end."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(  # noqa: S603 - our own command
            [*start, COMMAND, "replay", AUDIO / "alexa_lone.flac", "--no-wake", "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "nobody takes the timeline" in done.stderr
