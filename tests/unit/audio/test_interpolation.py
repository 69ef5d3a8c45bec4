import numpy as np
import pytest

from appliance.audio.interpolation import Interpolator


@pytest.mark.parametrize("ratio", [1.0, 0.333, 44_100 / 48_000, 3.0])
@pytest.mark.parametrize("off_by", [-1.5e-4, 0.0, 1.5e-4])
def test_a_tone_keeps_its_level_its_phase_and_its_purity_at_any_pace(
    ratio: float, off_by: float
) -> None:
    interpolator = Interpolator(ratio)
    step = ratio * (1 + off_by)
    pitch = 0.13 / max(1.0, ratio)  # 2 kHz of 16 kHz
    sound = np.rint(10_000 * np.sin(2 * np.pi * pitch * np.arange(20_000))).astype(np.int16)
    first = interpolator.reach + 0.3

    values = interpolator.read(sound, first, step, 5_000)

    expected = 10_000 * np.sin(2 * np.pi * pitch * (first + step * np.arange(5_000)))
    assert np.abs(values - expected).max() < 5  # -66 dB at the very worst; the samples' own: 0.5
    assert np.std(values - expected) < 1.5


def test_what_cannot_be_told_at_a_lower_rate_is_left_out() -> None:
    interpolator = Interpolator(3.0)
    sound = np.rint(10_000 * np.sin(2 * np.pi * 0.24 * np.arange(20_000))).astype(np.int16)

    values = interpolator.read(sound, 200.0, 3.0, 5_000)  # 11.5 kHz of 48 kHz, read at 16 kHz

    assert np.abs(values).max() < 10


def test_at_whole_samples_only_the_top_of_the_band_changes() -> None:
    interpolator = Interpolator(1.0)
    spectrum = np.fft.rfft(np.random.default_rng(1).normal(0, 3000, 4_000))
    spectrum[1_600:] = 0  # above 6.4 kHz of 16 kHz
    sound = np.rint(np.fft.irfft(spectrum)).astype(np.int16)

    values = interpolator.read(sound, 100.0, 1.0, 3_000)

    assert np.std(values - sound[100:3_100]) < 1.0
