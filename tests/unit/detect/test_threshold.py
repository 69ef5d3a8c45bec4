"""Sensitivity and refractory time."""

import pytest

from appliance.detect.threshold import Refractory, cutoff
from appliance.units import SampleIndex, Seconds


@pytest.mark.parametrize("published", [0.5, 0.85, 0.9, 0.95, 0.97])
def test_the_middle_is_what_the_model_was_published_with(published: float) -> None:
    assert cutoff(0.5, published) == published


@pytest.mark.parametrize("published", [0.5, 0.85, 0.97, 0.995])
def test_more_sensitivity_never_raises_the_threshold(published: float) -> None:
    thresholds = [cutoff(step / 100, published) for step in range(101)]
    assert thresholds == sorted(thresholds, reverse=True)
    assert all(0.0 < threshold < 1.0 for threshold in thresholds)


def test_the_strictest_threshold_can_still_be_passed_by_a_quantized_model() -> None:
    assert cutoff(0.0, 0.97) < 255 / 256


def test_nothing_counts_until_the_refractory_time_is_over() -> None:
    refractory = Refractory(Seconds(2.0))
    heard = [refractory.passes(SampleIndex(at)) for at in (0, 16_000, 31_999, 32_000, 40_000)]
    assert heard == [True, False, False, True, False]


def test_a_word_that_does_not_count_does_not_begin_the_time_anew() -> None:
    refractory = Refractory(Seconds(1.0))
    assert [refractory.passes(SampleIndex(at)) for at in (0, 15_000, 16_000)] == [
        True,
        False,
        True,
    ]
