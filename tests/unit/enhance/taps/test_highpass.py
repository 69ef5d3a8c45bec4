import numpy as np
import pytest

from appliance.enhance.taps.highpass import CORNER, HighPass
from appliance.frames import FRAME_SAMPLES, RATE


def filtered(sound: np.ndarray) -> np.ndarray:
    stage = HighPass(len(sound))
    blocks = np.split(sound.astype(np.float32), sound.shape[1] // FRAME_SAMPLES, axis=1)
    return np.concatenate([stage.process(block) for block in blocks], axis=1)


def tone(hertz: float) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)[None]


@pytest.mark.parametrize(
    ("hertz", "expected_db"), [(15.0, -24.0), (CORNER, -3.0), (200.0, 0.0), (3_000.0, 0.0)]
)
def test_it_attenuates_as_a_butterworth_filter_does(hertz: float, expected_db: float) -> None:
    out = filtered(tone(hertz))[0, RATE // 2 :]
    level_db = 10 * np.log10(2 * np.mean(out**2))
    assert level_db == pytest.approx(expected_db, abs=0.6)


def test_blocks_follow_one_another_without_a_seam() -> None:
    rng = np.random.default_rng(1)
    sound = rng.standard_normal((1, 4 * FRAME_SAMPLES)).astype(np.float32)
    b0, b1, b2, a1, a2 = _reference()
    x, y = sound[0].astype(float), np.zeros(sound.shape[1])
    for n in range(len(y)):
        before = [x[n - k] if n >= k else 0.0 for k in (1, 2)]
        after = [y[n - k] if n >= k else 0.0 for k in (1, 2)]
        y[n] = b0 * x[n] + b1 * before[0] + b2 * before[1] - a1 * after[0] - a2 * after[1]
    assert np.allclose(filtered(sound)[0], y, atol=1e-4)


def _reference() -> tuple[float, ...]:
    """Bilinear transform of the analogue prototype, worked out another way."""
    k = np.tan(np.pi * CORNER / RATE)
    norm = 1 / (1 + k * np.sqrt(2) + k * k)
    return norm, -2 * norm, norm, 2 * (k * k - 1) * norm, (1 - k * np.sqrt(2) + k * k) * norm


def test_channels_do_not_leak_into_each_other_and_an_offset_goes() -> None:
    offset = np.stack([np.full(RATE, 0.5), np.zeros(RATE)])
    out = filtered(offset)
    assert abs(out[0, -1]) < 1e-4
    assert not out[1].any()
