from itertools import takewhile

import pytest

from appliance.detect.endpoint import Endpointer, Tuning
from appliance.detect.interruption import Evidence
from appliance.events import SpeechStarted
from appliance.units import SampleIndex

WINDOW = 512


def windows(probabilities: list[float], sensitivity: float = 0.5) -> int | None:
    """Return how many windows it took until there was enough evidence."""
    evidence = Evidence(sensitivity)
    for number, probability in enumerate(probabilities):
        if evidence.weigh(probability, SampleIndex(number * WINDOW)):
            return number + 1
    return None


def test_clear_speech_takes_two_windows_and_unclear_speech_more() -> None:
    assert windows([0.99] * 9) == 2
    assert windows([0.9] * 9) == 5
    assert windows([0.7] * 99) is None


def test_a_syllable_of_noise_is_not_enough() -> None:
    assert windows([0.1, 0.7, 0.9, 0.6, 0.2, 0.1, 0.1] * 5) is None


def test_a_soft_sound_within_a_word_is_forgiven() -> None:
    assert windows([0.97, 0.97, 0.5, 0.98, 0.98]) == 4


@pytest.mark.parametrize("nonsense", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_no_speech(nonsense: float) -> None:
    assert windows([nonsense] * 50, sensitivity=1.0) is None


def test_sensitivity_goes_from_nearly_any_to_long_and_clear() -> None:
    word = [0.4, 0.6, 0.7, 0.9, 0.97, 0.99, 0.99, 0.99, 0.99, 0.99]
    took = [windows(word, sensitivity) or 99 for sensitivity in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert took == sorted(took, reverse=True)
    assert took[-1] <= 3
    assert took[0] >= 8
    assert windows([0.9] * 99, 0.0) is None


def test_it_knows_where_the_speech_began() -> None:
    evidence = Evidence(0.5)
    sound = [0.01, 0.01, 0.8, 0.95, 0.99, 0.99]
    begins = (SampleIndex(i * WINDOW) for i in range(len(sound)))
    list(takewhile(lambda pair: not evidence.weigh(*pair), zip(sound, begins, strict=True)))
    assert evidence.since == 2 * WINDOW


def started(probabilities: list[float], *, playing: bool) -> list[int]:
    endpointer = Endpointer(Tuning(), SampleIndex(0))
    told = (
        (number, endpointer.feed(p, SampleIndex((number + 1) * WINDOW), playing=playing))
        for number, p in enumerate(probabilities)
    )
    return [number for number, edge in told if isinstance(edge, SpeechStarted)]


def test_during_playback_it_takes_more_to_be_speech() -> None:
    doubtful = [0.6, 0.65, 0.6, 0.55, 0.6, 0.1, 0.1]
    assert started(doubtful, playing=False) == [2]
    assert started(doubtful, playing=True) == []
    assert started([0.99] * 5, playing=True) == [2]  # never less than ``shortest``
