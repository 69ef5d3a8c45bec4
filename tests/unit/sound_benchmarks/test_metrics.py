"""The metrics on sound of which the answer is known."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, lfilter

from appliance.frames import RATE
from tests.benchmarks.audio.acoustics import pcm
from tests.benchmarks.audio.metrics import (
    aligned,
    erle,
    erle_curve,
    figures,
    latency,
    person_gain,
    sdr,
)
from tests.benchmarks.audio.scenes import LENGTH, PARTS, Rendered, Scene

Sound = NDArray[np.float64]


def hiss(seconds: float, seed: int = 0) -> Sound:
    return np.random.default_rng(seed).normal(0.0, 0.1, round(seconds * RATE))


def speechlike(seconds: float, seed: int = 0) -> Sound:
    """Coloured noise in syllables: not stationary, not white."""
    times = np.arange(round(seconds * RATE)) / RATE
    syllables = np.clip(np.sin(2 * np.pi * 3.0 * times), 0.0, 1.0)
    return np.asarray(lfilter([1.0], [1.0, -0.8], hiss(seconds, seed)) * syllables)


@pytest.mark.parametrize("attenuation", [0.0, 6.0, 25.0, 60.0])
def test_erle_is_the_attenuation(attenuation: float) -> None:
    microphone = hiss(3.0)
    output = microphone * 10 ** (-attenuation / 20)

    assert erle(microphone, output) == pytest.approx(attenuation, abs=1e-6)
    assert erle_curve(microphone, output).median(0.0, 3.0) == pytest.approx(attenuation, abs=1e-6)


def test_pauses_of_playback_have_no_erle() -> None:
    microphone = hiss(6.0)
    microphone[2 * RATE : 4 * RATE] *= 1e-3
    curve = erle_curve(microphone, microphone * 0.1)

    assert not np.any((curve.times > 2.6) & (curve.times < 4.0))
    assert np.any(curve.times < 2.0)
    assert np.any(curve.times > 4.5)


def test_silence_that_an_engine_makes_is_finite() -> None:
    microphone = hiss(1.0)

    assert math.isfinite(erle(microphone, np.zeros_like(microphone)))


def test_time_to_10_db_is_when_cancelling_begins_to_last() -> None:
    microphone = hiss(10.0)
    output = microphone.copy()
    output[2 * RATE : 2 * RATE + RATE // 2] *= 0.1  # a moment of luck
    output[5 * RATE :] *= 0.1

    assert erle_curve(microphone, output).time_to(10.0) == pytest.approx(5.5, abs=0.11)


def test_a_level_that_is_never_reached_has_no_time() -> None:
    microphone = hiss(3.0)

    assert math.isnan(erle_curve(microphone, microphone * 0.5).time_to(10.0))


@pytest.mark.parametrize("late", [0, 1, 37, 160, 1700])
def test_latency_is_found_behind_a_high_pass(late: int) -> None:
    clean = speechlike(4.0)
    heard = lfilter(*butter(2, 150, "high", fs=RATE), np.concatenate([np.zeros(late), clean]))
    output = heard[: len(clean)] + 0.02 * hiss(4.0, seed=1)

    assert latency(output, clean) == pytest.approx(late, abs=1)


def test_a_dark_voice_has_its_latency_too() -> None:
    clean = np.asarray(lfilter([1.0], [1.0, -0.995], hiss(4.0)))
    heard = lfilter(*butter(4, 400, "high", fs=RATE), np.concatenate([np.zeros(120), clean]))

    assert latency(heard[: len(clean)], clean) == pytest.approx(120, abs=1)


def test_aligned_takes_the_lateness_out() -> None:
    clean = speechlike(1.0)
    output = np.concatenate([np.zeros(80), clean])[: len(clean)]

    assert np.array_equal(aligned(output, 80)[:-80], clean[:-80])
    assert len(aligned(output, 80)) == len(clean)


def test_a_filter_is_no_distortion() -> None:
    clean = speechlike(4.0)
    filtered = 0.3 * lfilter([0.2, 1.0, -0.5, 0.3, 0.1], [1.0], clean)

    assert sdr(filtered, clean) > 40.0


@pytest.mark.parametrize("ratio", [-5.0, 0.0, 12.0, 20.0])
def test_sdr_is_the_ratio_of_speech_to_what_was_added(ratio: float) -> None:
    clean, added = speechlike(8.0), speechlike(8.0, seed=5)
    added *= np.sqrt(np.mean(clean**2) / np.mean(added**2)) * 10 ** (-ratio / 20)

    assert sdr(clean + added, clean) == pytest.approx(ratio, abs=0.3)


@pytest.mark.parametrize("samples", [-20, 0, 60])
def test_a_little_early_or_late_is_no_distortion(samples: int) -> None:
    clean = speechlike(4.0)

    assert sdr(np.roll(clean, samples), clean) > 30.0


def test_gating_is_distortion() -> None:
    clean = speechlike(4.0)
    gated = clean * (np.arange(len(clean)) // 800 % 2)

    assert sdr(gated, clean) < 3.0


@pytest.mark.parametrize("gain", [1.0, 0.5, 0.1])
def test_the_persons_level_is_what_is_left_of_them_whatever_else_sounds(gain: float) -> None:
    clean = speechlike(10.0)
    output = gain * clean + 0.5 * gain * speechlike(10.0, seed=7)

    assert person_gain(output, clean) == pytest.approx(20 * np.log10(gain), abs=0.5)


def story() -> tuple[Rendered, Sound]:
    """Return a box that plays hiss and a person who talks over it and alone, and the echo."""
    times = np.arange(round(LENGTH * RATE)) / RATE
    plays = (times >= PARTS["echo"][0]) & (times < PARTS["moved"][1])
    talks = (times >= PARTS["both"][0]) & (times < PARTS["both"][1])
    talks |= times >= PARTS["person"][0]
    person, echo = speechlike(LENGTH) * talks, hiss(LENGTH, seed=3) * plays
    heard = pcm(person + echo)[np.newaxis]
    images = person[np.newaxis].astype(np.float32), echo[np.newaxis].astype(np.float32)
    return Rendered(Scene(0), heard, pcm(echo), *images, 0.0), echo


def test_the_figures_of_an_engine_that_takes_20_db_after_three_seconds() -> None:
    rendered, echo = story()
    left = np.where(np.arange(len(echo)) < 5 * RATE, 1.0, 0.1)
    person = rendered.person[0].astype(np.float64)
    output = np.concatenate([np.zeros(64), pcm(0.5 * person + left * echo)])[: len(echo)]

    got = figures(rendered, output.astype(np.int16))

    assert got.latency_ms == pytest.approx(4.0)
    assert got.erle_first == pytest.approx(0.0, abs=0.1)
    assert got.time_to_10_db == pytest.approx(3.5, abs=0.11)
    assert got.erle == pytest.approx(20.0, abs=0.1)
    assert got.erle_moved == pytest.approx(20.0, abs=0.1)
    assert got.person_gain == pytest.approx(-6.0, abs=0.5)
    assert got.sdr - got.sdr_in == pytest.approx(14.0, abs=0.5)


def test_an_engine_may_be_later_while_the_box_plays() -> None:
    rendered, echo = story()
    steady = pcm(rendered.person[0].astype(np.float64) + 0.1 * echo)
    late = np.concatenate([np.zeros(200, np.int16), steady])[: len(steady)]
    alone = round(PARTS["moved"][1] * RATE)
    jumping = np.concatenate([late[:alone], steady[alone:]])

    got = figures(rendered, jumping)

    assert got.sdr == pytest.approx(figures(rendered, steady).sdr, abs=0.3)
    assert got.latency_ms == pytest.approx(12.5)
