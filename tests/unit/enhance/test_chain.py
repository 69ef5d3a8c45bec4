"""The chain as a whole: which tap hears what, with an echo made of noise and a short room."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from appliance.config.sound import Echo
from appliance.enhance.array.geometry import Array, generic
from appliance.enhance.chain import Chain
from appliance.errors import ModelError
from appliance.frames import FRAME_SAMPLES, RATE, Frame, Taps
from appliance.units import SampleIndex

RAW = Frame(np.arange(8, dtype=np.int16).reshape(4, 2), SampleIndex(320))

BOARD = Array("board", "a board", (1, 2), reference_channel=3, channels=4)
CLEVER = Array("clever", "cancels itself", (0, 1), cancels=True, processed_channel=2, channels=3)


@pytest.mark.parametrize(("channel", "expected"), [(0, [0, 2, 4, 6]), (1, [1, 3, 5, 7])])
def test_chosen_microphone_is_heard(channel: int, expected: list[int]) -> None:
    taps = Chain(channel=channel).process(RAW)

    assert taps.wake.samples.tolist() == expected
    assert taps.speech.samples.tolist() == expected
    assert taps.wake.samples.flags.c_contiguous
    assert taps.wake.start == taps.speech.start == 320


def test_card_with_fewer_microphones_is_heard_by_its_last() -> None:
    assert Chain(channel=5).process(RAW).wake.samples.tolist() == [1, 3, 5, 7]


def test_one_microphone_is_heard_without_copying() -> None:
    raw = Frame(np.arange(4, dtype=np.int16)[:, np.newaxis], SampleIndex(0))

    taps = Chain().process(raw)

    assert np.shares_memory(taps.wake.samples, raw.samples)
    assert taps.wake.samples.shape == (4,)
    assert taps.wake is taps.speech is taps.recognition
    assert not taps.playing


@dataclass
class Room:
    """A loudspeaker 40 ms away from a microphone."""

    chain: Chain = field(default_factory=Chain)
    at: int = 0

    def __post_init__(self) -> None:
        rng = np.random.default_rng(11)
        length = 8 * RATE
        loudness = np.repeat(rng.uniform(0.1, 1.0, length // 800), 800)  # 50 ms, as syllables
        self.played = (3_000 * loudness * rng.standard_normal(length)).clip(-32768, 32767)
        decay = np.exp(-np.arange(1_600) / 300) * rng.standard_normal(1_600)
        path = np.concatenate([np.zeros(640), [0.5], 0.05 * decay])
        self.heard = np.convolve(self.played, path)[:length]
        self.heard += 5 * rng.standard_normal(length)

    def run(self, seconds: float, *, known: bool = True, person: float = 0.0) -> list[Taps]:
        made, rng = [], np.random.default_rng(12)
        for _ in range(round(seconds * RATE / FRAME_SAMPLES)):
            block = slice(self.at, self.at + FRAME_SAMPLES)
            heard = self.heard[block] + person * rng.standard_normal(FRAME_SAMPLES)
            reference = self.played[block].astype(np.int16) if known else None
            samples = heard.clip(-32768, 32767).astype(np.int16)[:, None]
            made.append(self.chain.process(Frame(samples, SampleIndex(self.at), reference)))
            self.at += FRAME_SAMPLES
        return made

    def silence(self, seconds: float, level: float = 5.0) -> list[Taps]:
        made, rng = [], np.random.default_rng(13)
        nothing = np.zeros(FRAME_SAMPLES, np.int16)
        for _ in range(round(seconds * RATE / FRAME_SAMPLES)):
            samples = (level * rng.standard_normal((FRAME_SAMPLES, 1))).astype(np.int16)
            made.append(self.chain.process(Frame(samples, SampleIndex(self.at), nothing)))
            self.at += FRAME_SAMPLES
        return made

    def erle_db(self, taps: list[Taps], name: str) -> float:
        first, last = taps[0].wake.start, taps[-1].wake.end
        out = np.concatenate([getattr(tap, name).samples for tap in taps]).astype(float)
        return float(10 * np.log10(np.mean(self.heard[first:last] ** 2) / np.mean(out**2)))


def test_the_echo_goes_from_every_tap_and_most_of_all_from_that_of_speech() -> None:
    room = Room()
    room.run(3.0)
    taps = room.run(1.0)
    assert all(tap.playing for tap in taps)
    assert room.erle_db(taps, "recognition") > 18
    assert room.erle_db(taps, "wake") > room.erle_db(taps, "recognition")
    assert room.erle_db(taps, "speech") > room.erle_db(taps, "recognition") + 3
    assert room.chain.converged
    report = room.chain.report()
    assert report.converged
    assert report.playing
    assert report.delay == pytest.approx(0.04, abs=0.003)
    assert report.erle_db is not None
    assert report.erle_db > 15


def test_in_the_first_moments_it_has_not_converged() -> None:
    room = Room()
    room.run(0.5)
    assert not room.chain.converged


def test_a_person_stays_on_the_recognition_tap_while_the_box_speaks() -> None:
    room = Room()
    room.run(3.0)
    taps = room.run(1.0, person=1_000.0)
    out = np.concatenate([tap.recognition.samples for tap in taps]).astype(float)
    assert 10 * np.log10(np.mean(out**2) / 1_000.0**2) == pytest.approx(0.0, abs=1.5)
    assert room.chain.converged


def test_every_tap_says_when_its_sound_was_heard() -> None:
    room = Room()
    for number, taps in enumerate(room.run(0.1)):
        for tap in (taps.wake, taps.speech, taps.recognition):
            assert tap.start == number * FRAME_SAMPLES
            assert tap.samples.shape == (FRAME_SAMPLES,)
            assert tap.samples.dtype == np.int16


def test_playing_goes_on_while_the_room_rings_and_no_longer() -> None:
    room = Room()
    room.run(2.0)
    taps = room.silence(1.0)
    rings = [tap.playing for tap in taps]
    assert rings[:33] == [True] * 33
    assert not any(rings[40:])


def test_what_was_learnt_is_kept_in_pauses() -> None:
    room = Room()
    room.run(3.0)
    room.silence(4.0)
    assert room.chain.converged
    room.at = 4 * RATE
    room.run(0.2)  # the echo of what was not played
    assert room.erle_db(room.run(0.5), "recognition") > 15


def test_a_box_at_rest_runs_neither_canceller_nor_suppressor() -> None:
    room = Room()
    room.run(0.5)
    *_, busy = room.silence(1.5)
    *_, resting = room.silence(1.0)
    assert busy.speech is not busy.recognition
    assert resting.speech is resting.recognition


def test_silence_teaches_nothing() -> None:
    room = Room()
    room.run(3.0)
    room.silence(2.1)
    before = room.chain.state()
    room.silence(1.0, level=500.0)
    assert room.chain.state() == before


def test_without_a_reference_it_never_converges_and_changes_nothing() -> None:
    room = Room()
    taps = room.run(1.0, known=False)
    assert not room.chain.converged
    assert not any(tap.playing for tap in taps)
    assert room.erle_db(taps, "recognition") == pytest.approx(0.0, abs=0.01)


def test_cancelling_can_be_switched_off() -> None:
    room = Room(Chain(echo=Echo(cancel="off")))
    assert room.erle_db(room.run(1.0), "speech") == pytest.approx(0.0, abs=0.01)


def test_what_was_learnt_outlives_a_restart() -> None:
    before = Room()
    before.run(3.0)
    after = Room()
    after.chain.restore(before.chain.state())
    taps = after.run(0.45)
    assert after.chain.converged
    assert after.erle_db(taps, "recognition") > 15


def test_a_damaged_memory_is_ignored_with_a_line(caplog: pytest.LogCaptureFixture) -> None:
    room = Room()
    with caplog.at_level(logging.WARNING):
        room.chain.restore(b"what is this")
    room.run(0.1)
    assert "learnt anew" in caplog.text


def test_the_boards_own_channel_is_the_reference_where_the_frame_has_none() -> None:
    room = Room()
    chain = Chain(lambda _: BOARD)
    for at in range(0, 3 * RATE, FRAME_SAMPLES):
        heard, played = room.heard[at : at + 160], room.played[at : at + 160]
        samples = np.stack([np.zeros(160), heard, heard, played], 1).astype(np.int16)
        chain.process(Frame(samples, SampleIndex(at)))
    assert chain.converged
    assert chain.report().playing


def test_a_board_that_cancels_itself_is_used_as_such() -> None:
    told = [False]
    chain = Chain(lambda _: CLEVER, board=lambda: told[0])
    samples = np.tile(np.array([[1, 2, 3]], np.int16), (160, 1))
    played = np.full(160, 1_000, np.int16)
    taps = chain.process(Frame(samples, SampleIndex(0), played))
    assert set(taps.wake.samples) == set(taps.speech.samples) == {3}
    assert taps.playing
    assert not chain.converged
    told[0] = True
    chain.process(Frame(samples, SampleIndex(160), played))
    assert chain.converged


def test_gain_and_noise_suppression_are_of_the_recognition_tap_alone() -> None:
    chain = Chain(echo=Echo(noise_suppression="high", automatic_gain=True))
    rng = np.random.default_rng(1)
    sound = (300 * rng.standard_normal((6 * RATE, 1))).astype(np.int16)
    *_, taps = (
        chain.process(Frame(sound[at : at + FRAME_SAMPLES], SampleIndex(at)))
        for at in range(0, len(sound), FRAME_SAMPLES)
    )
    assert np.std(taps.wake.samples) == pytest.approx(300, rel=0.2)
    assert np.std(taps.recognition.samples) < 160


def test_a_missing_model_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"dtln_aec_1\.onnx: missing"):
        Chain(echo=Echo(residual_model=tmp_path))


def test_the_card_may_change_its_channels() -> None:
    chain = Chain(generic)
    for channels in (1, 2, 6, 1):
        samples = np.full((160, channels), 7, np.int16)
        assert set(chain.process(Frame(samples, SampleIndex(0))).wake.samples) == {7}
