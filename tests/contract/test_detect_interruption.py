"""What does and does not interrupt the box while it plays, by the real Silero."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.detect.endpoint import Tuning
from appliance.detect.speech import SpeechEdges
from appliance.events import SpeechStarted
from appliance.frames import RATE
from tests.models import model_folder
from tests.recordings import Sound, frames, quiet, recording

Noise = NDArray[np.float64]


def burst(rng: np.random.Generator, seconds: float, low: float, high: float) -> Noise:
    """Return noise of a band of frequencies that dies away, at a level of 1 while it lasts."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(rng.standard_normal(count))
    at = np.fft.rfftfreq(count, 1 / RATE)
    spectrum[(at < low) | (at > high)] = 0
    sound = np.fft.irfft(spectrum, count) * np.exp(-4 * np.arange(count) / count)
    return np.asarray(sound / np.sqrt(np.mean(sound**2)))


def clap(rng: np.random.Generator) -> Noise:
    return burst(rng, 0.1, 500, 7_000)


def two_claps(rng: np.random.Generator) -> Noise:
    return np.concatenate([clap(rng), np.zeros(RATE // 5), clap(rng)])


def door(rng: np.random.Generator) -> Noise:
    return burst(rng, 0.2, 40, 250)


def cough(rng: np.random.Generator) -> Noise:
    """Return what is noise in a cough: no voice follows."""
    return burst(rng, 0.15, 300, 4_000)


def interrupted(sound: Sound) -> bool:
    detector = SpeechEdges(model_folder("silero-vad") / "silero_vad.onnx", Tuning())
    edges = [detector.process(frame, playing=True) for frame in frames(sound)]
    return any(isinstance(edge, SpeechStarted) for edge in edges)


@pytest.mark.parametrize("noise", [clap, two_claps, door, cough])
@pytest.mark.parametrize("dbfs", [-20.0, -30.0])
def test_a_short_noise_does_not_interrupt(
    noise: Callable[[np.random.Generator], Noise], dbfs: float
) -> None:
    for seed in range(8):
        sound = noise(np.random.default_rng(seed)) * 32768 * 10 ** (dbfs / 20)
        heard = quiet(2.0, seed).astype(np.float64)
        begin = RATE + 61 * seed  # anywhere within a window of Silero
        heard[begin : begin + len(sound)] += sound
        assert not interrupted(heard.clip(-32768, 32767).astype(np.int16))


@pytest.mark.parametrize("name", ["order_latte", "order_mocha"])
def test_an_order_as_loud_interrupts(name: str) -> None:
    order = recording(name).astype(np.float64)
    order *= 32768 * 10 ** (-30 / 20) / np.sqrt(np.mean(order**2))
    sound = np.concatenate([np.zeros(RATE), order]).clip(-32768, 32767)
    assert interrupted((sound + quiet(len(sound) / RATE)).astype(np.int16))
