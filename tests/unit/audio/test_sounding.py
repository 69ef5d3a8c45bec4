"""What is put into a simulated room is what is measured in it."""

from dataclasses import replace

import numpy as np
import pytest

from appliance.audio.sounding import Channel, Sounding, measure
from appliance.frames import RATE
from tests.measuring import PLAYED, Scene, Way, reference, sounded


def states(found: Sounding) -> list[str]:
    return [channel.state for channel in found.channels]


@pytest.mark.parametrize("delay", [0.0, 640.0, 4000.25, 12_345.6])
def test_the_delay_is_what_it_is(delay: float) -> None:
    found = sounded(Scene(delay=delay))
    assert found.delay == pytest.approx(delay / RATE, abs=0.1 / RATE)
    assert found.reference == "carries"
    assert found.wobble < 0.1 / RATE


@pytest.mark.parametrize("drift", [-150.0, -20.0, 0.0, 87.0, 150.0])
def test_two_clocks_are_told_from_one_to_a_few_ppm(drift: float) -> None:
    found = sounded(Scene(drift_ppm=drift))
    assert found.drift_ppm == pytest.approx(drift, abs=2.0)


def test_sound_that_was_lost_shows_as_a_wobble() -> None:
    assert sounded(Scene(slip=(50_000, 160))).wobble > 0.001


def test_levels_are_relative_to_full_scale() -> None:
    (channel,) = sounded(Scene((Way(gain=1.0, reverberant=False, noise_db=-60.0),))).channels
    assert channel.noise_db == pytest.approx(-60.0, abs=0.5)
    assert channel.peak_db == pytest.approx(-20.0, abs=0.5)
    assert channel.echo_db == pytest.approx(-23.0, abs=0.5)


@pytest.mark.parametrize("bends", [0.02, 0.1, 0.4])
def test_a_driver_that_bends_is_as_bad_as_its_third_harmonic(bends: float) -> None:
    # x + b x^3 of a sine: fundamental 1 + 3b/4, third harmonic b/4
    expected = 20 * np.log10((bends / 4) / (1 + 3 * bends / 4))
    (channel,) = sounded(Scene(bends=bends)).channels
    assert channel.distortion_db == pytest.approx(expected, abs=2.0)


def test_a_loudspeaker_without_bass_is_heard_from_where_it_begins() -> None:
    recorded = Scene().recorded()
    spectrum = np.fft.rfft(recorded[:, 0])
    pitch = np.fft.rfftfreq(len(recorded), 1 / RATE)
    spectrum[(pitch < 400) | (pitch > 5000)] *= 0.03
    thin = np.rint(np.fft.irfft(spectrum, len(recorded))).astype(np.int16)
    (channel,) = measure(thin[:, np.newaxis], PLAYED).channels
    assert 315 <= channel.low_hz <= 500
    assert 4000 <= channel.high_hz <= 5100


def test_a_flipped_microphone_is_found_among_three() -> None:
    ways = (Way(seed=1), Way(1.5, gain=-0.5, seed=2), Way(3.0, seed=3))
    assert states(sounded(Scene(ways))) == ["fine", "flipped", "fine"]


def test_a_dead_microphone_is_found() -> None:
    found = sounded(Scene((Way(), Way(gain=0.0, noise_db=-150.0), Way(2.0))))
    assert states(found) == ["fine", "dead", "fine"]


def test_a_clipped_microphone_is_found() -> None:
    found = sounded(Scene((Way(), Way(gain=12.0))))
    assert states(found) == ["fine", "clipped"]


def test_the_loopback_channel_is_found_and_is_no_microphone() -> None:
    copy = Way(-200.0, gain=1.0, reverberant=False, noise_db=-120.0)
    found = sounded(Scene((Way(), Way(2.0), copy)))
    assert states(found) == ["fine", "fine", "loopback"]
    assert found.best in (0, 1)


def test_microphones_hear_one_after_another() -> None:
    found = sounded(Scene((Way(), Way(3.25, seed=1), Way(-1.5, seed=2))))
    first, second, third = (channel.late for channel in found.channels)
    assert (second - first, third - first) == pytest.approx((3.25, -1.5), abs=0.15)


@pytest.mark.parametrize("noise_db", [-60.0, -30.0, -150.0])
def test_a_loudspeaker_that_is_off_is_not_heard(noise_db: float) -> None:
    found = sounded(Scene((Way(gain=0.0, noise_db=noise_db),)))
    assert found.best is None
    assert found.delay is None
    assert states(found) == ["dead"]


def test_someone_elses_reference_is_not_taken_for_ours() -> None:
    recorded = Scene().recorded()
    noise = np.random.default_rng(3).integers(-3000, 3000, len(recorded)).astype(np.int16)
    found = measure(recorded, PLAYED, noise)
    assert (found.reference, found.delay) == ("silent", None)


def test_a_recording_that_broke_off_is_not_an_error() -> None:
    recorded = Scene().recorded()
    for length in (0, 1, 160, 20_000, 100_000):
        found = measure(recorded[:length], PLAYED, reference()[:length])
        assert found.best is None


def test_a_channel_says_how_far_its_echo_is_above_its_noise() -> None:
    channel = Channel(0, noise_db=-70.0)
    assert replace(channel, echo_db=-30.0).over_noise_db == 40.0
