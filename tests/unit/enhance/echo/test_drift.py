"""The drift of two clocks is heard from the sound, and nothing else is taken for it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.enhance.echo.delay import DelayTracker
from appliance.enhance.echo.drift import LENGTH, DriftTracker, Path, hear, shift
from tests.echoes import RATE, Scene, drifting, later, room, scene, through, voice


def run(drift: DriftTracker, tracker: DelayTracker, sounds: Scene) -> list[float]:
    """Let them hear a scene; give the estimate at the end of each second."""
    estimates = []
    for at, (heard, played) in enumerate(sounds.blocks()):
        if tracker.process(heard, played) and tracker.found is not None:
            drift.process(tracker)
        if at % 100 == 99:
            estimates.append(drift.ppm)
    return estimates


@pytest.mark.parametrize("ppm", [-150, -60, -12, 12, 60, 150])
def test_drift_is_known_to_10_ppm_after_ten_seconds(ppm: float) -> None:
    drift = DriftTracker()

    estimates = run(drift, DelayTracker(), scene(14.0, drifting(14.0, 2000, ppm), seed=2))

    assert np.abs(np.array(estimates[10:]) - ppm).max() < 10
    assert drift.sigma < 5


@pytest.mark.parametrize("talker", [0.0, 0.1])
def test_one_clock_has_no_drift(talker: float) -> None:
    drift = DriftTracker()

    estimates = run(drift, DelayTracker(), scene(12.0, 2000, seed=3, talker=talker))

    assert np.abs(estimates).max() < 5


def test_a_box_that_is_moved_does_not_drift() -> None:
    drift = DriftTracker()
    played = voice(24.0, seed=4)
    near, far = through(played, room(5)), through(later(played, 11.0), room(6))
    moved = np.where(np.arange(len(played)) < 12 * RATE, near, far)  # 23 cm, other reflections

    estimates = run(drift, DelayTracker(), Scene(played, moved.astype(np.float32)))

    assert np.abs(estimates).max() < 5


def test_drift_is_followed_through_a_person_who_speaks() -> None:
    drift = DriftTracker()

    run(drift, DelayTracker(), scene(14.0, drifting(14.0, 2000, 80), seed=7, talker=0.1))

    assert drift.ppm == pytest.approx(80, abs=10)


def test_a_pause_changes_nothing() -> None:
    drift, tracker = DriftTracker(), DelayTracker()
    run(drift, tracker, scene(8.0, drifting(8.0, 2000, 50), seed=2))
    before = drift.ppm

    silence = np.zeros(20 * RATE, np.float32)
    run(drift, tracker, Scene(silence, voice(20.0, seed=8)))

    assert drift.ppm == pytest.approx(before, abs=2)


def test_a_slip_that_is_told_is_no_drift() -> None:
    drift, tracker = DriftTracker(), DelayTracker()
    delay = np.full(14 * RATE, 2000.0)
    delay[7 * RATE :] += 20.25  # too small to look like anything but two clocks
    for at, (heard, played) in enumerate(scene(14.0, delay, seed=2).blocks()):
        if tracker.process(heard, played) and tracker.found is not None:
            drift.process(tracker)
        if at == 770:
            drift.settle(20.25, tracker.moment * 0.04)

    assert abs(drift.ppm) < 3
    assert drift.sigma < 2


def test_paths_from_before_a_slip_are_moved_with_it() -> None:
    drift, tracker = DriftTracker(), DelayTracker()
    run(drift, tracker, scene(3.0, 2000, seed=2))
    latest = drift.latest
    assert latest is not None

    drift.settle(320.5, moment=latest.moment + 1.0)

    assert drift.latest is not None
    assert drift.latest.begin == latest.begin + 320.5

    drift.settle(0.0, moment=latest.moment + 0.5)
    assert drift.latest.moment < latest.moment - 0.2  # the latest may be of both places


def test_a_clock_that_changes_is_learnt_anew() -> None:
    drift, tracker = DriftTracker(), DelayTracker()
    run(drift, tracker, scene(10.0, 2000, seed=2))

    run(drift, tracker, scene(24.0, drifting(24.0, 2000, 120), seed=3))

    assert drift.ppm == pytest.approx(120, abs=10)


def test_what_was_learnt_is_the_start_of_the_next_run() -> None:
    drift = DriftTracker()

    drift.restore(90.0)
    estimates = run(drift, DelayTracker(), scene(6.0, drifting(6.0, 2000, 85), seed=2))

    assert np.abs(np.array(estimates) - 85).max() < 12


@pytest.mark.parametrize("later_by", [-30.0, -0.4, 0.0, 0.25, 3.7, 60.1])
def test_the_shift_between_two_paths_is_found_between_samples(later_by: float) -> None:
    response = np.zeros(LENGTH, np.float32)
    response[100:900] = room(3)[:800]
    response = np.fft.irfft(np.fft.rfft(response) * (np.arange(513) < 400)).astype(np.float32)
    old = Path.of(response, 500.0, 0.0)
    new = Path.of(later(response, later_by), 500.0, 1.0)

    found = shift(old, new, round(later_by), 5)

    assert found.samples == pytest.approx(later_by, abs=0.02)
    assert found.likeness > 0.95


def test_a_path_elsewhere_is_shifted_by_its_place() -> None:
    response = room(3, seconds=LENGTH / RATE)
    old, new = Path.of(response, 500.0, 0.0), Path.of(response, 1460.0, 1.0)

    assert shift(old, new, 955.0, 20).samples == pytest.approx(960, abs=0.02)


def test_paths_of_two_rooms_and_of_silence_are_not_alike() -> None:
    noise: list[NDArray[np.float32]] = [
        np.random.default_rng(seed).standard_normal(LENGTH).astype(np.float32) for seed in (1, 2)
    ]
    one, other = (Path.of(lags, 0.0, 0.0) for lags in noise)
    nothing = Path.of(np.zeros(LENGTH, np.float32), 0.0, 0.0)

    assert shift(one, other, 0.0, 20).likeness < 0.2
    assert shift(nothing, one, 0.0, 20).likeness == 0


def test_nothing_is_heard_before_a_delay_is_found() -> None:
    assert hear(DelayTracker()) is None
