import numpy as np
import pytest

from appliance.audio.chimes import FOR_CUE, PEAK_DB, Chime, make_chimes
from appliance.units import SampleRate

RATE = SampleRate(16_000)


@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("chime", Chime)
def test_chime_is_short_and_soft_and_does_not_click(chime: Chime, rate: int) -> None:
    sound = make_chimes(SampleRate(rate))[chime].astype(float)

    assert 0.1 * rate <= len(sound) <= 0.5 * rate
    assert 20 * np.log10(np.abs(sound).max() / 32_767) == pytest.approx(PEAK_DB, abs=0.01)
    edge = round(0.001 * rate)
    assert np.abs(sound[:edge]).max() < 0.05 * np.abs(sound).max()
    assert np.abs(sound[-edge:]).max() < 0.01 * np.abs(sound).max()
    fastest = 0.5 * np.abs(sound).max()  # a step within one sample is a click
    assert np.abs(np.diff(sound)).max() < fastest * (16_000 / rate) + 1


def test_no_two_chimes_are_the_same() -> None:
    sounds = {sound.tobytes() for sound in make_chimes(RATE).values()}

    assert len(sounds) == len(Chime)


def test_loudness_is_the_peak_and_never_beyond_full_scale() -> None:
    assert np.abs(make_chimes(RATE, peak_db=12.0)[Chime.FAILED]).max() == 32_767
    assert np.abs(make_chimes(RATE, peak_db=-60.0)[Chime.FAILED]).max() == 33


def test_every_cue_with_a_sound_has_one_that_is_made() -> None:
    assert set(FOR_CUE.values()) <= set(make_chimes(RATE))
