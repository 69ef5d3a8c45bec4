"""What a canceller must never do, whatever it is given."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from appliance.enhance.echo.kalman import KalmanCanceller
from appliance.frames import FRAME_SAMPLES, RATE

Sound = NDArray[np.float32]

seeds = st.integers(0, 2**31)
kinds = st.sampled_from(
    ["silence", "noise", "tone", "full scale", "clicks", "offset", "faint", "syllables"]
)
SECOND = RATE // FRAME_SAMPLES


def sound(kind: str, seed: int, seconds: float) -> Sound:
    random = np.random.default_rng(seed)
    count = int(seconds * SECOND) * FRAME_SAMPLES
    noise = random.normal(0, 0.1, count)
    time = np.arange(count) / RATE
    made = {
        "silence": np.zeros(count),
        "noise": noise,
        "tone": 0.3 * np.sin(2 * np.pi * random.uniform(50, 7900) * time),
        "full scale": np.sign(noise),
        "clicks": (random.random(count) < 1e-3) * 0.9,
        "offset": np.full(count, 0.5),
        "faint": noise * 1e-9,
        "syllables": noise * (np.sin(2 * np.pi * random.uniform(1, 5) * time) > 0),
    }[kind]
    return np.asarray(np.clip(made, -1, 1), np.float32)


def through(canceller: KalmanCanceller, heard: Sound, played: Sound) -> Sound:
    left = np.zeros_like(heard)
    for start in range(0, heard.shape[1], FRAME_SAMPLES):
        at = slice(start, start + FRAME_SAMPLES)
        left[:, at] = canceller.process(heard[:, at], played[at])
    return left


def power(sound: Sound) -> float:
    return float(np.mean(sound.astype(float) ** 2))


@given(heard=kinds, played=kinds, seed=seeds)
@settings(max_examples=12, deadline=None)
def test_someone_elses_reference_makes_nothing_louder(heard: str, played: str, seed: int) -> None:
    both = np.stack([sound(heard, seed, 2.0), sound("noise", seed + 2, 2.0)])
    left = through(KalmanCanceller(2), both, sound(played, seed + 1, 2.0))
    assert np.isfinite(left).all()
    for before, after in zip(both, left, strict=True):
        for start in (0, RATE):
            second = slice(start, start + RATE)
            assert power(after[second]) <= 1.26 * power(before[second]) + 1e-9  # 1 dB


@given(kind=kinds, seed=seeds, broken=st.lists(st.integers(0, 79), max_size=8))
@settings(max_examples=12, deadline=None)
def test_numbers_that_are_none_pass_and_leave_no_trace(
    kind: str, seed: int, broken: list[int]
) -> None:
    canceller = KalmanCanceller(2)
    random = np.random.default_rng(seed)
    played = sound(kind, seed, 0.8)
    heard = np.stack([played * 0.5, sound("noise", seed, 0.8)])
    for frame in broken:
        at = frame * FRAME_SAMPLES + int(random.integers(FRAME_SAMPLES))
        heard[random.integers(2), at] = random.choice([np.nan, np.inf, -np.inf, 1e30])
        played[at] = random.choice([np.nan, np.inf, -np.inf, 1e30])
    assert np.isfinite(through(canceller, heard, played)).all()
    assert all(np.isfinite(value).all() for value in canceller.state().values())


@given(
    seed=seeds,
    delay=st.integers(0, 3200),
    gain=st.floats(0.05, 1.0),
    steps=st.lists(st.integers(-8000, 8000), max_size=4),
)
@settings(max_examples=6, deadline=None)
def test_an_echo_goes_and_slides_do_no_lasting_harm(
    seed: int, delay: int, gain: float, steps: list[int]
) -> None:
    canceller = KalmanCanceller(1)
    played = sound("noise", seed, 3.0)
    echo = np.concatenate([np.zeros(delay, np.float32), gain * played])[: len(played)]
    for step in steps:
        through(canceller, echo[np.newaxis, : RATE // 5], played[: RATE // 5])
        canceller.slide(step)
        canceller.slide(-step)
    left = through(canceller, echo[np.newaxis], played)
    assert power(left[0, -RATE // 2 :]) < 0.1 * power(echo[-RATE // 2 :])
