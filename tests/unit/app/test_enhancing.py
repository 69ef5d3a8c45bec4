from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.app.enhancing import (
    SILENCE_DB,
    Material,
    Second,
    enhance,
    lag,
    level_db,
    make_chain,
    prepare,
    read_session,
    with_array,
)
from appliance.audio.recorder import Recorder
from appliance.audio.recording import Recording, write_wav
from appliance.config import Config
from appliance.enhance.array.geometry import choose, generic
from appliance.enhance.echo.kalman import KalmanCanceller
from appliance.enhance.types import FULL_SCALE, Report
from appliance.errors import ConfigError
from appliance.frames import FRAME_SAMPLES, RATE, Frame, Taps
from appliance.units import SampleIndex, SampleRate, Seconds

Sound = NDArray[np.int16]


class Canceller:
    """The canceller alone, as a chain."""

    def __init__(self) -> None:
        self._canceller = KalmanCanceller(1)
        self.taken = 0

    def process(self, frame: Frame) -> Taps:
        known = np.zeros(FRAME_SAMPLES, np.int16) if frame.reference is None else frame.reference
        block = (frame.samples[:, :1].T / FULL_SCALE).astype(np.float32)
        clean = self._canceller.process(block, (known / FULL_SCALE).astype(np.float32))
        tap = Frame(np.rint(clean[0] * FULL_SCALE).astype(np.int16), frame.start)
        self.taken += 1
        return Taps(wake=tap, speech=tap, recognition=tap)

    def report(self) -> Report:
        return Report(erle_db=float(self.taken))


def syllables(length: float, seed: int = 0) -> Sound:
    rng = np.random.default_rng(seed)
    count = round(length * RATE)
    swell = np.abs(np.sin(np.pi * 3 * np.arange(count) / RATE))
    smooth = np.convolve(rng.standard_normal(count), np.ones(3) / 3, mode="same")
    return np.asarray(np.rint(4000 * swell * smooth), dtype=np.int16)


def echo_of(played: Sound, delay: float = 0.05) -> Sound:
    rng = np.random.default_rng(9)
    way = np.zeros(round(delay * RATE) + 400)
    way[round(delay * RATE)] = 0.5
    way[-400:] += 0.1 * rng.standard_normal(400) * np.exp(-np.arange(400) / 80)
    heard = np.convolve(played.astype(np.float64), way)[: len(played)]
    return np.asarray(np.rint(heard + 3 * rng.standard_normal(len(heard))), dtype=np.int16)


def recording(*channels: Sound, rate: int = RATE) -> Recording:
    return Recording(np.stack(channels, axis=1), SampleRate(rate))


def through(material: Material) -> tuple[list[Second], list[Taps]]:
    taps: list[Taps] = []
    seconds = list(enhance(material, Canceller(), generic(1), taps.append))
    return seconds, taps


def test_an_echo_is_softer_behind_the_canceller_and_the_report_says_by_how_much() -> None:
    played = syllables(6.0)
    material = prepare(recording(echo_of(played)), recording(played), generic(1))
    seconds, taps = through(material)
    assert len(taps) == 600
    assert [second.at for second in seconds] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert all(second.playing for second in seconds)
    last = seconds[-1]
    assert last.erle_db(last.wake_db) > 15.0
    assert seconds[0].erle_db(seconds[0].wake_db) < last.erle_db(last.wake_db)
    assert last.report == Report(erle_db=600.0)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_files_of_any_rate_meet(rate: int) -> None:
    played = syllables(4.0)
    position = np.arange(4 * rate) * RATE / rate
    other = np.interp(position, np.arange(len(played)), played).astype(np.int16)
    material = prepare(recording(echo_of(played)), recording(other, other, rate=rate), generic(1))
    assert material.far is not None
    assert len(material.far) == len(material.microphones)
    assert material.shifted is None
    seconds, _ = through(material)
    assert seconds[-1].erle_db(seconds[-1].wake_db) > (5.0 if rate == 8_000 else 10.0)


@pytest.mark.parametrize("begins", [-2.0, 1.5])
def test_a_far_file_that_begins_elsewhere_is_moved_to_its_echo(begins: float) -> None:
    played = syllables(8.0)
    cut = round(abs(begins) * RATE)
    far = played[cut:] if begins > 0 else np.concatenate((np.zeros(cut, np.int16), played))
    material = prepare(recording(echo_of(played)), recording(far), generic(1))
    assert material.shifted == pytest.approx(begins, abs=0.02)
    assert any("moved" in note for note in material.notes)
    seconds, _ = through(material)
    assert seconds[-1].erle_db(seconds[-1].wake_db) > 15.0


@pytest.mark.parametrize("length", [0.5, 3.0, 9.0])
def test_a_far_file_may_be_shorter_or_longer(length: float) -> None:
    played = syllables(9.0)
    heard = echo_of(played)[: 3 * RATE]
    material = prepare(recording(heard), recording(played[: round(length * RATE)]), generic(1))
    seconds, _ = through(material)
    assert [second.playing for second in seconds] == [True, length > 1.0, length > 1.0]
    assert any("shorter" in note for note in material.notes) == (length < 3.0)


def test_without_a_far_file_nothing_is_cancelled_and_that_is_said() -> None:
    heard = syllables(1.25)
    material = prepare(recording(heard), None, generic(1))
    seconds, taps = through(material)
    assert [second.playing for second in seconds] == [False, False]
    assert any("no echo is cancelled" in note for note in material.notes)
    assert len(taps) == 125
    assert material.far is None


def test_the_boards_own_reference_channel_serves() -> None:
    played = syllables(2.0)
    board = choose("respeaker-usb-6", "", 6)
    quiet = np.zeros_like(played)
    heard = recording(quiet, *(4 * [echo_of(played)]), played)
    material = prepare(heard, None, board)
    assert material.far is not None
    np.testing.assert_array_equal(material.far, played)
    assert "what was played is channel 5 of the recording" in material.notes


def test_an_echo_that_is_not_there_is_not_found() -> None:
    assert lag(syllables(5.0, seed=1), syllables(5.0, seed=2)) is None
    assert lag(np.zeros(16_000, np.int16), syllables(1.0)) is None
    assert lag(syllables(1.0), np.zeros(0, np.int16)) is None


def test_an_echo_is_found_where_it_is_even_among_speech() -> None:
    played = syllables(10.0)
    heard = echo_of(played, delay=0.31) + syllables(10.0, seed=5) // 2
    assert lag(heard, played) == pytest.approx(0.31, abs=0.001)


def test_levels_are_those_of_a_sine() -> None:
    sine = np.rint(0.1 * FULL_SCALE * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE))
    assert level_db(sine.astype(np.int16)) == pytest.approx(-23.0, abs=0.1)
    rumble = np.rint(0.5 * FULL_SCALE * np.sin(2 * np.pi * 20 * np.arange(RATE) / RATE))
    assert level_db(rumble.astype(np.int16)) < -80.0
    assert level_db(np.zeros(7, np.int16)) == SILENCE_DB


def test_the_chain_is_the_one_of_the_box() -> None:
    played = syllables(4.0)
    material = prepare(recording(echo_of(played)), recording(played), generic(1))
    told = list(enhance(material, make_chain(Config()), generic(1), lambda _: None))
    assert told[-1].erle_db(told[-1].speech_db) > 20.0
    assert told[-1].report.delay == pytest.approx(0.05, abs=0.03)


@pytest.mark.parametrize("microphones", [1, 4, 6])
def test_a_file_of_the_debug_recorder_brings_its_reference_with_it(
    tmp_path: Path, microphones: int
) -> None:
    recorder = Recorder(tmp_path, minutes=1.0, spare=0)
    recorder.start()
    for number in range(200):
        raw = np.arange(microphones, dtype=np.int16) + np.full((160, 1), 100, np.int16)
        known = np.full(160, 7, np.int16)
        tap = Frame(np.full(160, 9, np.int16), SampleIndex(160 * number))
        frame = Frame(raw, SampleIndex(160 * number), reference=known)
        recorder.take(frame, Taps(tap, tap, tap))
    recorder.close()
    (sound,) = (path for path in tmp_path.iterdir() if path.suffix != ".json")
    session = read_session(sound)
    assert session.played is not None
    assert session.heard.samples.shape == (32_000, microphones)
    assert session.heard.samples[0].tolist() == [100 + n for n in range(microphones)]
    assert np.unique(session.played.samples).tolist() == [7]


def test_a_page_that_is_no_page_of_the_recorder_is_not_looked_at(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", syllables(1.0), RATE)
    for page in ('{"channels": ["left"], "reference_known": true}', "[]", "no json"):
        (tmp_path / "a.json").write_text(page)
        assert read_session(tmp_path / "a.wav").played is None


def test_an_array_that_is_not_known_names_those_that_are() -> None:
    assert with_array(Config(), "ps3-eye").audio.array == "ps3-eye"
    with pytest.raises(ConfigError, match=r"no microphone array is called 'nix'.*ps3-eye"):
        with_array(Config(), "nix")


def test_the_last_frame_is_filled_with_silence() -> None:
    material = Material(np.ones((200, 2), np.int16), np.ones(200, np.int16))
    first, last = material.frames()
    assert first.reference is not None
    assert last.reference is not None
    assert (last.samples.shape, last.start) == ((160, 2), 160)
    assert (int(last.samples.sum()), int(last.reference.sum())) == (80, 40)
    assert material.length == Seconds(200 / RATE)
