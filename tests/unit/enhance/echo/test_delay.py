"""The delay tracker finds an echo soon, and nothing where there is none."""

import numpy as np
import pytest

from appliance.enhance.echo.delay import DelayTracker, Found
from tests.echoes import RATE, Scene, room, scene, through, voice


def run(tracker: DelayTracker, sounds: Scene) -> float | None:
    """Let it hear a scene; tell at which second it has last found something new."""
    news = None
    before = tracker.found
    for at, (heard, played) in enumerate(sounds.blocks()):
        tracker.process(heard, played)
        if tracker.found is not before:
            if before is None or tracker.found is None or far(before, tracker.found):
                news = (at + 1) / 100
            before = tracker.found
    return news


def far(one: Found, other: Found) -> bool:
    """Tell whether two places are more than 2 ms apart."""
    return abs(one.peak - other.peak) > 32


def joined(*scenes: Scene) -> Scene:
    """Give scenes one after the other."""
    return Scene(
        np.concatenate([part.played for part in scenes]),
        np.concatenate([part.heard for part in scenes]),
    )


@pytest.mark.parametrize("delay", [0, 7, 320, 1599, 4000, 7999])
def test_an_echo_is_found_within_half_a_second(delay: int) -> None:
    tracker = DelayTracker()

    run(tracker, scene((delay / RATE) + 0.5, delay))

    assert tracker.found is not None
    assert tracker.found.peak == pytest.approx(delay + 1, abs=3)  # the room adds one sample


@pytest.mark.parametrize("delay", [500, 6000])
def test_a_person_as_loud_as_the_echo_does_not_hide_it(delay: int) -> None:
    tracker = DelayTracker()

    run(tracker, scene(3.0, delay, talker=0.1))

    assert tracker.found is not None
    assert tracker.found.peak == pytest.approx(delay + 1, abs=3)


@pytest.mark.parametrize("slip", [-240, 320, 960, 6000])
def test_a_slip_is_found_within_a_second(slip: int) -> None:
    tracker = DelayTracker()
    delay = np.full(int(6.5 * RATE), 1300.0)
    delay[int(5.0 * RATE) :] += slip

    at = run(tracker, scene(6.5, delay))

    assert at is not None
    assert 5.0 < at < 6.0 + max(slip, 0) / RATE
    assert tracker.found is not None
    assert tracker.found.peak == pytest.approx(1301 + slip, abs=3)


def test_what_was_found_stays_over_a_pause() -> None:
    tracker = DelayTracker()
    silence = np.zeros(5 * RATE, np.float32)
    run(tracker, scene(2.0, 700))
    found = tracker.found

    run(tracker, Scene(silence, 0.5 * voice(5.0, seed=9)))  # only a person speaks

    assert found is not None
    assert tracker.found is not None
    assert tracker.found.peak == pytest.approx(found.peak, abs=1)
    assert not tracker.playing


def test_a_silent_reference_finds_nothing() -> None:
    tracker = DelayTracker()

    run(tracker, Scene(np.zeros(5 * RATE, np.float32), voice(5.0, seed=3)))

    assert tracker.found is None


@pytest.mark.parametrize("seed", range(4))
def test_a_reference_of_someone_else_finds_nothing(seed: int) -> None:
    tracker = DelayTracker()
    heard = through(voice(20.0, seed=100 + seed), room(seed))

    run(tracker, Scene(voice(20.0, seed=200 + seed), heard))

    assert tracker.found is None


def test_an_echo_a_second_late_or_early_is_not_found() -> None:
    for late, early in ((RATE, 0), (0, RATE)):
        tracker = DelayTracker()
        sounds = scene(12.0, 0)
        played, heard = np.roll(sounds.played, early), np.roll(sounds.heard, late)

        run(tracker, Scene(played, heard))

        assert tracker.found is None


@pytest.mark.parametrize("period", [40, 400, 1600])
def test_periodic_sound_is_found_in_no_wrong_place(period: int) -> None:
    tracker = DelayTracker()
    cycle = np.random.default_rng(period).standard_normal(period)
    played = (0.1 * np.tile(cycle, 6 * RATE // period)).astype(np.float32)

    run(tracker, Scene(played, through(np.roll(played, 900), room(1))))

    # its beginning has a place if the period is long
    assert tracker.found is None or tracker.found.peak == pytest.approx(901, abs=3)


def test_height_tells_an_echo_from_none() -> None:
    tracker = DelayTracker()
    run(tracker, scene(4.0, 700))
    with_echo = tracker.height

    run(tracker, Scene(voice(4.0, seed=5), voice(4.0, seed=6)))

    assert with_echo > 2.0
    assert tracker.height < 1.5


def test_the_path_is_the_echo_at_its_lags() -> None:
    tracker = DelayTracker()
    run(tracker, scene(3.0, 1270))  # the reflections lie across two partitions

    whole = tracker.path(0, 2000)
    part = tracker.path(1200, 200)

    assert int(np.abs(whole).argmax()) == 1271
    assert np.allclose(part, whole[1200:1400], atol=1e-6)
    assert np.abs(whole[:1200]).max() < 0.3 * np.abs(whole).max()
    assert not tracker.path(-500, 100).any()
    assert np.allclose(tracker.path(-50, 100)[50:], whole[:50], atol=1e-6)


def test_the_moment_of_a_path_is_a_moment_ago() -> None:
    tracker = DelayTracker()
    run(tracker, joined(scene(2.0, 700), scene(2.0, 700, seed=2)))

    assert 3.2 < tracker.moment * 0.04 < 4.0
    assert tracker.hops > 80
