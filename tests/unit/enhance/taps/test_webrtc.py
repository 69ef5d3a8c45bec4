import numpy as np
import pytest

from appliance.enhance.taps.webrtc import AutomaticGain, NoiseSuppression, WebRtcSuppressor
from appliance.frames import FRAME_SAMPLES

RNG = np.random.default_rng(7)


def noise(level: float) -> np.ndarray:
    return (level * RNG.standard_normal(FRAME_SAMPLES)).astype(np.float32)


def level_db(blocks: list[np.ndarray]) -> float:
    return 10 * float(np.log10(np.mean(np.square(blocks)) + 1e-12))


def test_the_rest_of_an_echo_is_suppressed_and_a_person_is_heard() -> None:
    suppressor = WebRtcSuppressor()
    residuals, out = [], []
    for _ in range(400):
        reference = noise(0.1)
        residual = (0.05 * reference).astype(np.float32)
        residuals.append(residual)
        out.append(suppressor.process(residual, reference))
    assert level_db(residuals[200:]) - level_db(out[200:]) > 12
    silence = np.zeros(FRAME_SAMPLES, np.float32)
    said = [noise(0.05) for _ in range(100)]
    heard = [suppressor.process(block, silence) for block in said]
    assert level_db(heard[50:]) - level_db(said[50:]) > -3


@pytest.mark.parametrize(("strength", "at_least"), [("low", 3.0), ("high", 9.0)])
def test_steady_noise_is_suppressed(strength: str, at_least: float) -> None:
    stage = NoiseSuppression(strength)  # type: ignore[arg-type]
    given = [noise(0.01) for _ in range(600)]
    out = [stage.process(block) for block in given]
    assert level_db(given[400:]) - level_db(out[400:]) > at_least


def test_gain_leaves_silence_silent() -> None:
    stage = AutomaticGain()
    silence = np.zeros(FRAME_SAMPLES, np.float32)
    assert not np.any([stage.process(silence) for _ in range(200)])
