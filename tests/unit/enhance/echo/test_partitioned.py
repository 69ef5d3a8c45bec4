import numpy as np

from appliance.enhance.echo.partitioned import (
    SPAN,
    Line,
    constrained,
    latest_of_spectrum,
    partitions_of,
    taps_of,
)
from appliance.frames import FRAME_SAMPLES

RANDOM = np.random.default_rng(3)


def test_filtering_a_line_is_convolution() -> None:
    response = RANDOM.normal(size=3 * SPAN).astype(np.float32)
    sound = RANDOM.normal(size=40 * FRAME_SAMPLES).astype(np.float32)
    line = Line(1, 3)
    filters = partitions_of(response)
    expected = np.convolve(sound, response)
    for end in range(FRAME_SAMPLES, len(sound) + 1, FRAME_SAMPLES):
        line.push(sound[np.newaxis, end - FRAME_SAMPLES : end])
        filtered = latest_of_spectrum((filters * line.spectra[0]).sum(axis=0))
        latest = expected[max(0, end - SPAN) : end]
        assert np.allclose(filtered[-len(latest) :], latest, atol=1e-2)


def test_taps_and_partitions_are_the_same_filter() -> None:
    response = RANDOM.normal(size=(2, 4 * SPAN)).astype(np.float32)
    assert np.allclose(taps_of(partitions_of(response)), response, atol=1e-5)


def test_a_constrained_filter_has_no_taps_in_the_later_half() -> None:
    spectrum = RANDOM.normal(size=(2, SPAN + 1)).astype(np.complex64)
    taps = np.fft.irfft(constrained(spectrum))
    assert abs(taps[:, SPAN:]).max() < 1e-6
    assert np.allclose(taps[:, :SPAN], np.fft.irfft(spectrum)[:, :SPAN], atol=1e-6)


def test_a_line_that_slid_later_is_the_line_of_a_later_sound() -> None:
    sound = RANDOM.normal(size=60 * FRAME_SAMPLES).astype(np.float32)
    step = 100
    line, later = Line(1, 2), Line(1, 2)
    moved = np.concatenate([np.zeros(step, np.float32), sound])
    for start in range(0, 50 * FRAME_SAMPLES, FRAME_SAMPLES):
        line.push(sound[np.newaxis, start : start + FRAME_SAMPLES])
        later.push(moved[np.newaxis, start : start + FRAME_SAMPLES])
    line.slide(step)
    assert np.allclose(line.spectra, later.spectra, atol=1e-3)
    assert np.allclose(line.powers, later.powers, rtol=1e-3, atol=1e-3)


def test_a_line_that_slid_far_is_silence() -> None:
    line = Line(1, 2)
    for _ in range(20):
        line.push(np.ones((1, FRAME_SAMPLES), np.float32))
    line.slide(-100_000)
    assert not line.spectra.any()


def test_a_line_is_silent_only_when_all_of_it_is() -> None:
    line = Line(1, 2)
    silence = np.zeros((1, FRAME_SAMPLES), np.float32)
    were = [line.silent]
    line.push(np.ones((1, FRAME_SAMPLES), np.float32))
    for _ in range(2 * SPAN // FRAME_SAMPLES + 3):
        were.append(line.silent)
        line.push(silence)
    assert were == [True] + [False] * (len(were) - 1)
    assert line.silent
    assert abs(line.spectra).max() < 1e-4
