"""``voice-appliance ask`` with the on-device backend and the simulated kitchen."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.audio.recording import read
from tests.models import model_folder

COMMAND = (sys.executable, "-m", "appliance", "ask")


@pytest.fixture(scope="module", autouse=True)
def models() -> None:
    for name in ("silero-vad", "moonshine-base", "minilm", "voice-en-joe"):
        model_folder(name)


def ask(*words: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, *map(str, words)], capture_output=True, text=True, check=False, timeout=60
    )
    assert "Traceback" not in done.stderr
    return done


def test_what_is_asked_in_text_is_done_said_and_written(tmp_path: Path) -> None:
    out = tmp_path / "new" / "reply.wav"
    done = ask("turn on the kitchen light", "--backend", "local", "--out", out)
    assert done.returncode == 0
    assert done.stdout == "The kitchen light is on.\n"
    assert "set_light: done" in done.stderr
    sound = read(out)
    assert sound.rate == 24_000
    assert 0.8 < len(sound.samples) / sound.rate < 4.0
    assert abs(sound.samples).max() > 1000


def test_programs_get_one_object_a_line() -> None:
    done = ask("turn off the kitchen light", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    named = [event["event"] for event in events]
    assert named == ["transcript", "understood", "tool_call", "tool_answer", "reply"]
    assert events[-1]["text"] == "The kitchen light is already off."


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--look",), 3, "camera.device: no camera is configured"),
        (("--image", "/dev/null"), 3, "/dev/null: is not a file"),
        (("--out", "/proc/nothing/a.wav"), 3, "cannot be written"),
    ],
)
def test_what_cannot_be_is_one_line_and_a_code(
    words: tuple[str, ...], code: int, said: str
) -> None:
    done = ask("what is this", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_camera_that_is_not_plugged_in_is_named(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[camera]\ndevice = "/dev/video-of-nobody"\n')
    done = ask("what is this", "--look", "--config", config)
    assert done.returncode == 3
    assert "camera /dev/video-of-nobody: there is no such device" in done.stderr
