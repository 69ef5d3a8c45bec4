"""The aligned reference leads its echo by 10 ms, and keeps to it whatever the clocks do."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.enhance.echo.alignment import Alignment
from tests.echoes import BLOCK, RATE, Scene, Sound, drifting, later, room, scene, through, voice


@dataclass
class Run:
    """What an alignment did with a scene."""

    aligned: Sound
    slides: list[tuple[float, int]] = field(default_factory=list)

    def lead(self, heard: Sound, second: float, length: float = 1.0) -> float:
        """Tell by how many samples the reference leads the echo at a time, between samples."""
        window = slice(int(second * RATE), int((second + length) * RATE))
        size = 2 * (window.stop - window.start)
        one, other = np.fft.rfft(self.aligned[window], size), np.fft.rfft(heard[window], size)
        cross = other * one.conj()
        cross /= np.abs(cross) + 1e-3 * np.abs(cross).max()
        fine = np.fft.irfft(cross, 8 * size)  # eight lags a sample
        lags = np.concatenate([fine[-8 * 800 :], fine[: 8 * 4800]])
        return float(np.abs(lags).argmax()) / 8 - 800


def run(alignment: Alignment, sounds: Scene, *, microphones: int = 1, use: int = 0) -> Run:
    """Let it hear a scene with one of its microphones; the others hear nothing."""
    done = Run(np.zeros_like(sounds.played))
    for at, (heard, played) in enumerate(sounds.blocks()):
        block = np.zeros((microphones, BLOCK), np.float32)
        block[use] = heard
        done.aligned[at * BLOCK : (at + 1) * BLOCK] = alignment.process(block, played)
        if alignment.slid:
            done.slides.append((at / 100, alignment.slid))
    return done


@pytest.mark.parametrize("delay", [400, 1600, 4800, 7900])
def test_the_reference_comes_10_ms_before_its_echo(delay: int) -> None:
    alignment, sounds = Alignment(1), scene(4.0, delay)

    done = run(alignment, sounds)

    # the first arrival may lie before the strongest one
    assert 140 < done.lead(sounds.heard, 2.5) < 340
    assert alignment.delay == pytest.approx((delay + 1) / RATE, abs=3 / RATE)
    assert alignment.confidence > 0.15
    ((at, slid),) = done.slides
    assert at < 0.7 + delay / RATE
    assert delay + 1 - slid == pytest.approx(done.lead(sounds.heard, 2.5), abs=1)


def test_an_echo_that_comes_soon_needs_no_move() -> None:
    alignment, sounds = Alignment(1), scene(3.0, 150)

    done = run(alignment, sounds)

    assert done.slides == []
    assert np.array_equal(done.aligned, sounds.played)
    assert alignment.delay is not None


@pytest.mark.parametrize("slip", [-240, 320, 960, 5000])
def test_a_slip_is_followed_and_the_canceller_is_not_told(slip: int) -> None:
    delay = np.full(10 * RATE, 1600.0)
    delay[5 * RATE :] += slip
    alignment, sounds = Alignment(1), scene(10.0, delay)

    done = run(alignment, sounds)

    assert len(done.slides) == 1  # the first lock
    before, after = done.lead(sounds.heard, 3.5), done.lead(sounds.heard, 7.0, 2.0)
    assert after == pytest.approx(before, abs=0.2)


def test_a_slip_with_two_clocks_is_followed_too() -> None:
    delay = drifting(16.0, 2000, 100)
    delay[10 * RATE :] += 480
    alignment, sounds = Alignment(1), scene(16.0, delay, seed=2)

    done = run(alignment, sounds)

    assert len(done.slides) == 1
    before, after = done.lead(sounds.heard, 8.5), done.lead(sounds.heard, 13.0)
    assert after == pytest.approx(before, abs=1.0)


@pytest.mark.parametrize("ppm", [-150, -20, 20, 150])
def test_with_two_clocks_the_echo_stands_still(ppm: float) -> None:
    alignment, sounds = Alignment(1), scene(24.0, drifting(24.0, 3000, ppm), seed=3)

    done = run(alignment, sounds)

    assert alignment.drift_ppm == pytest.approx(ppm, abs=5)
    assert len(done.slides) == 1
    early, late = done.lead(sounds.heard, 9.0), done.lead(sounds.heard, 22.5)
    assert late == pytest.approx(early, abs=0.5)  # 13.5 s at 150 ppm are 32 samples


def test_with_one_clock_the_reference_is_passed_on_unchanged() -> None:
    alignment, sounds = Alignment(1), scene(12.0, 1600, talker=0.05)

    done = run(alignment, sounds)

    ((at, slid),) = done.slides
    begin = int(at * RATE)
    assert np.array_equal(done.aligned[begin:], sounds.played[begin - slid : -slid])
    assert abs(alignment.drift_ppm) < 2


def test_the_echo_still_stands_after_a_pause_with_two_clocks() -> None:
    delay = drifting(50.0, 3000, 100)
    played = voice(50.0, seed=2)
    played[10 * RATE : 45 * RATE] = 0
    heard = through(later(played, delay), room(1))
    heard += 0.003 * np.random.default_rng(0).standard_normal(len(heard)).astype(np.float32)
    sounds = Scene(played, heard.astype(np.float32))
    alignment = Alignment(1)

    done = run(alignment, sounds)

    assert len(done.slides) == 1
    before, after = done.lead(heard, 8.0, 1.8), done.lead(heard, 46.0, 3.0)
    assert after == pytest.approx(before, abs=3)  # of 58


def test_a_slip_in_a_pause_with_two_clocks_is_followed() -> None:
    delay = drifting(36.0, 3000, 100)
    delay[20 * RATE :] += 480
    played = voice(36.0, seed=2)
    played[10 * RATE : 31 * RATE] = 0
    heard = through(later(played, delay), room(1))
    heard += 0.003 * np.random.default_rng(0).standard_normal(len(heard)).astype(np.float32)
    alignment = Alignment(1)

    done = run(alignment, Scene(played, heard.astype(np.float32)))

    assert len(done.slides) == 1
    before, after = done.lead(heard, 8.0, 1.8), done.lead(heard, 33.0, 2.5)
    assert after == pytest.approx(before, abs=3)  # the clocks alone have made 34


def test_another_path_of_the_echo_is_left_to_the_canceller() -> None:
    played = voice(12.0, seed=4)
    near, far = through(later(played, 1600.0), room(5)), through(later(played, 1611.0), room(6))
    heard = np.where(np.arange(len(played)) < 6 * RATE, near, far).astype(np.float32)
    alignment = Alignment(1)

    done = run(alignment, Scene(played, heard))

    assert len(done.slides) == 1
    assert done.lead(heard, 10.0) == pytest.approx(done.lead(heard, 4.0) + 11, abs=0.5)


def test_a_dead_microphone_is_not_listened_to() -> None:
    alignment = Alignment(4)

    run(alignment, scene(2.0, 1600), microphones=4, use=2)

    assert alignment.delay == pytest.approx(1601 / RATE, abs=3 / RATE)


def test_a_microphone_that_is_not_usable_or_has_no_echo_is_not_listened_to() -> None:
    sounds = scene(6.0, 1600)
    hiss = 0.1 * np.random.default_rng(2).standard_normal((3, len(sounds.heard)))
    block_of: NDArray[np.float32] = hiss.astype(np.float32)
    block_of[2] = sounds.heard
    told, untold = Alignment(3), Alignment(3)
    usable = np.array([False, False, True])

    for at, (_, played) in enumerate(sounds.blocks()):
        block = block_of[:, at * BLOCK : (at + 1) * BLOCK]
        if at < 100:
            told.process(block, played, usable)
        untold.process(block, played)

    assert told.delay == pytest.approx(1601 / RATE, abs=3 / RATE)
    assert untold.delay == pytest.approx(1601 / RATE, abs=3 / RATE)


def test_a_restart_begins_where_the_last_run_ended() -> None:
    first, second = Alignment(1), Alignment(1)
    run(first, scene(12.0, drifting(12.0, 2000, 90), seed=2))
    known = first.state()

    assert second.restore(known)
    assert second.delay == first.delay or second.delay == pytest.approx(first.delay, abs=1e-6)
    assert second.drift_ppm == pytest.approx(first.drift_ppm, abs=0.01)

    # the servers' buffers are filled otherwise this time
    sounds = scene(6.0, drifting(6.0, 2000 + 777, 90), seed=5)
    done = run(second, sounds)
    assert done.slides == []
    place = done.lead(sounds.heard, 4.0)
    assert 140 < place < 340
    assert second.drift_ppm == pytest.approx(90, abs=8)


def test_nothing_learnt_is_nothing_kept() -> None:
    assert Alignment(1).state() == {}


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"delay": np.zeros(3, np.float32)},
        {"delay": np.zeros(2, np.float32), "drift": np.zeros(1, np.float32)},
        {"delay": np.full(3, 9e6, np.float32), "drift": np.zeros(1, np.float32)},
        {"delay": np.full(3, -1.0, np.float32), "drift": np.zeros(1, np.float32)},
        {"delay": np.full(3, np.nan, np.float32), "drift": np.zeros(1, np.float32)},
        {"delay": np.zeros(3, np.float32), "drift": np.full(1, np.inf, np.float32)},
    ],
)
def test_what_is_no_state_is_refused(broken: dict[str, NDArray[np.float32]]) -> None:
    alignment = Alignment(1)

    assert not alignment.restore(broken)
    assert alignment.delay is None


def test_a_state_that_makes_no_sense_does_no_harm() -> None:
    alignment = Alignment(1)
    state = {
        "delay": np.array([8000, 0, 3000], np.float32),
        "drift": np.array([5000.0], np.float32),
        "path": np.full(1025, np.nan, np.float32),
    }

    assert alignment.restore(state)
    done = run(alignment, scene(4.0, 1600))

    assert np.isfinite(done.aligned).all()
    assert alignment.delay == pytest.approx(1601 / RATE, abs=3 / RATE)
