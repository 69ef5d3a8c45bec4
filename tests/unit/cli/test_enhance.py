import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from appliance.app.enhancing import Material, Second
from appliance.cli import enhance as word
from appliance.enhance.types import Microphone, Report
from appliance.errors import ConfigError, RecordingError
from appliance.frames import Frame, Taps
from appliance.units import Seconds


class Halver:
    """A chain whose wake tap is half of the first microphone, and its speech tap a tenth."""

    def process(self, frame: Frame) -> Taps:
        first = frame.samples[:, 0]
        return Taps(
            wake=Frame((first // 2).astype(np.int16), frame.start),
            speech=Frame((first // 10).astype(np.int16), frame.start),
            recognition=Frame(first, frame.start),
        )

    def report(self) -> Report:
        return Report(
            delay=Seconds(0.0932),
            drift_ppm=-21.04,
            converged=True,
            bearing=91.4,
            microphones=(Microphone(0, "fine"), Microphone(1, "dead")),
        )


@pytest.fixture(autouse=True)
def bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setattr(word, "set_up_logging", lambda **_: None)
    monkeypatch.setattr(word, "make_chain", lambda _: Halver())


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("")
    return path


@pytest.fixture
def mic(tmp_path: Path) -> Path:
    path = tmp_path / "mic.flac"
    sound = 0.1 * np.random.default_rng(1).standard_normal((48_000, 2))
    soundfile.write(path, sound, 16_000)
    return path


def test_taps_are_written_mono_at_16_khz_and_as_long(
    tmp_path: Path, mic: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = [tmp_path / name for name in ("wake.wav", "speech.wav", "new/recognition.wav")]
    word.enhance_recording(
        mic=mic, wake=outputs[0], speech=outputs[1], recognition=outputs[2], config=config
    )
    heard, _ = soundfile.read(mic, dtype="int16", always_2d=True)
    for path, divided in zip(outputs, (2, 10, 1), strict=True):
        sound, rate = soundfile.read(path, dtype="int16", always_2d=True)
        assert (rate, sound.shape) == (16_000, (48_000, 1))
        np.testing.assert_array_equal(sound[:, 0], heard[:, 0] // divided)
        assert str(path) in capsys.readouterr().out or divided != 2


def test_the_report_in_json_is_a_line_a_second_and_the_whole(
    mic: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    word.enhance_recording(mic=mic, far=mic, as_json=True, config=config)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["at_s"] for line in told[:-1]] == [1.0, 2.0, 3.0]
    assert told[0]["chain"]["delay"] == 0.0932
    assert told[0]["microphone_db"] - told[0]["wake_db"] == pytest.approx(6.0, abs=0.3)
    whole = told[-1]["summary"]
    assert whole["erle_wake_db"] == pytest.approx(6.0, abs=0.3)
    assert whole["erle_speech_db"] == pytest.approx(20.0, abs=0.5)
    assert whole["seconds_to_10_db"] is None
    assert (whole["delay_ms"], whole["drift_ppm"], whole["bearing_deg"]) == (93.2, -21.0, 91)
    assert whole["converged_at_s"] == 1.0
    assert whole["microphones"] == {"0": "fine", "1": "dead"}


def test_the_report_for_people_says_what_became_of_the_echo(
    mic: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    word.enhance_recording(mic=mic, far=mic, report=True, config=config)
    shown = capsys.readouterr().out
    for words in (
        "echo: softer by 6.0 dB on the wake tap",
        "10 dB were never reached",
        "delay: 93.2 ms",
        "drift: -21.0 ppm",
        "the latest talker: 91°",
        "microphones: 0 fine, 1 dead",
        "converged",
    ):
        assert words in shown, shown
    assert len([line for line in shown.splitlines() if " ppm" in line and "█" in line]) == 3


def test_a_long_report_is_no_longer_than_a_screen_or_two(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = [Second(Seconds(n + 1), n % 2 == 0, -30, -50, -60, -50, Report()) for n in range(7200)]
    word.show(Material(np.zeros((1, 1), np.int16), None), told)
    assert len(capsys.readouterr().out.splitlines()) < 70


def test_sound_that_was_never_played_has_no_echo(
    mic: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    word.enhance_recording(mic=mic, report=True, config=config)
    both = capsys.readouterr()
    assert "there was no echo to cancel" in both.out
    assert "nothing is known of what was played" in both.err


def test_no_input_is_overwritten_and_no_output_twice(
    tmp_path: Path, mic: Path, config: Path
) -> None:
    with pytest.raises(RecordingError, match="is --mic as well; name another --wake"):
        word.enhance_recording(mic=mic, wake=mic, config=config)
    one = tmp_path / "one.wav"
    with pytest.raises(RecordingError, match="is --wake as well; name another --speech"):
        word.enhance_recording(mic=mic, wake=one, speech=one, config=config)
    assert not one.exists()


def test_what_cannot_be_is_said_before_anything_is_written(
    tmp_path: Path, mic: Path, config: Path
) -> None:
    out = tmp_path / "out.wav"
    with pytest.raises(ConfigError, match="nothing to do"):
        word.enhance_recording(mic=mic, config=config)
    with pytest.raises(ConfigError, match="no microphone array is called 'nix'"):
        word.enhance_recording(mic=mic, wake=out, array="nix", config=config)
    empty = tmp_path / "empty.wav"
    empty.touch()
    for wrong, words in ((empty, "the file is empty"), (tmp_path / "none.wav", "no such file")):
        with pytest.raises(RecordingError, match=words):
            word.enhance_recording(mic=wrong, wake=out, config=config)
        with pytest.raises(RecordingError, match=words):
            word.enhance_recording(mic=mic, far=wrong, wake=out, config=config)
    with pytest.raises(RecordingError, match="cannot be written"):
        word.enhance_recording(mic=mic, wake=Path("/proc/none/x.wav"), config=config)
    assert not out.exists()


def test_a_full_disk_is_one_line(mic: Path, config: Path) -> None:
    with pytest.raises(RecordingError, match="/dev/full: cannot be written"):
        word.enhance_recording(mic=mic, wake=Path("/dev/full"), config=config)


def test_a_board_that_needs_more_channels_is_treated_as_single_microphones(
    mic: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    word.enhance_recording(mic=mic, array="respeaker-usb-6", report=True, config=config)
    assert "needs 6 channels" in capsys.readouterr().err
