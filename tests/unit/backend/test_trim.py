import numpy as np
from numpy.typing import NDArray

from appliance.backend.local.trim import WINDOW, trim, trim_by
from appliance.frames import RATE, samples
from appliance.units import Seconds


def noise(seconds: float, level: float) -> NDArray[np.int16]:
    made = np.random.default_rng(3).normal(0, level, samples(seconds))
    return made.astype(np.int16)


def test_silence_goes_and_the_padding_stays() -> None:
    sound = np.concatenate([noise(1.0, 20), noise(0.8, 3000), noise(1.5, 20)])
    kept = trim(sound)
    assert abs(len(kept) - samples(0.8 + 2 * 0.2)) < samples(0.05)
    assert kept.base is not None  # a view
    loud = np.flatnonzero(np.abs(kept) > 1000)
    assert abs(loud[0] - samples(0.2)) < samples(0.03)


def test_a_pause_between_words_stays() -> None:
    word, pause = noise(0.4, 3000), noise(0.6, 20)
    kept = trim(np.concatenate([pause, word, pause, word, pause]), padding=Seconds(0.0))
    assert abs(len(kept) - samples(0.4 + 0.6 + 0.4)) < samples(0.05)


class Ears:
    """Takes for speech what is loud, and counts how often it forgot."""

    def __init__(self) -> None:
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1

    def probability(self, window: NDArray[np.int16]) -> float:
        assert len(window) == WINDOW
        return float(np.abs(window).max() > 5000)


def test_a_speech_model_finds_the_ends() -> None:
    ears = Ears()
    cut = trim_by(ears)
    sound = np.concatenate([noise(1.0, 500), noise(0.8, 3000), noise(1.5, 500)])
    for _ in range(2):
        assert abs(len(cut(sound)) - samples(0.8 + 2 * 0.2)) < 3 * WINDOW
    assert ears.resets == 2


def test_where_a_speech_model_hears_nobody_nothing_is_left() -> None:
    assert len(trim_by(Ears())(noise(2.0, 500))) == 0
    assert len(trim_by(Ears())(np.zeros(0, np.int16))) == 0


def test_speech_at_the_very_ends_is_kept() -> None:
    sound = noise(1.0, 9000)
    kept = trim_by(Ears())(sound)
    assert len(sound) - len(kept) <= 0


def test_a_click_is_not_speech() -> None:
    sound = noise(3.0, 20)
    sound[samples(0.3) : samples(0.3) + 40] = 20_000
    sound[samples(2.0) : samples(2.5)] = noise(0.5, 3000)
    kept = trim(sound)
    assert len(kept) < samples(1.0)


def test_what_has_no_speech_in_it_comes_back_whole() -> None:
    for sound in (noise(1.0, 50), np.zeros(RATE, np.int16), np.zeros(7, np.int16)):
        assert len(trim(sound)) == len(sound)


def test_speech_from_end_to_end_comes_back_whole() -> None:
    assert len(trim(noise(2.0, 3000))) == 2 * RATE
