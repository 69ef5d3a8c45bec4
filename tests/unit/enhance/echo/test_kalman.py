from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.enhance.echo.kalman import KalmanCanceller
from appliance.frames import FRAME_SAMPLES, RATE, samples
from appliance.units import Seconds

Sound = NDArray[np.float32]


def noise(seconds: float, *, level: float = 0.1, seed: int = 1) -> Sound:
    sound = np.random.default_rng(seed).normal(0, level, round(seconds * RATE))
    return sound.astype(np.float32)


def echo_of(sound: Sound, delay: float, gain: float = 0.5) -> Sound:
    room = np.zeros(samples(delay) + 40, np.float32)
    room[samples(delay) :] = gain * np.exp(-np.arange(40) / 8) * np.cos(np.arange(40))
    return np.convolve(sound, room)[: len(sound)].astype(np.float32)


def blocks(sound: Sound) -> Iterator[Sound]:
    for start in range(0, sound.shape[-1] - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        yield sound[..., start : start + FRAME_SAMPLES]


def through(canceller: KalmanCanceller, heard: Sound, played: Sound) -> Sound:
    pairs = zip(blocks(heard), blocks(played), strict=True)
    return np.concatenate([canceller.process(*pair) for pair in pairs], axis=-1)


def loss(heard: Sound, left: Sound, *, after: float) -> float:
    """In dB, of what came later than so many seconds."""
    begin = samples(after)
    return float(10 * np.log10((heard[begin:] ** 2).sum() / (left[begin:] ** 2).sum()))


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.1, 0.2])
def test_an_echo_is_found_wherever_in_the_tail_it_is(delay: float) -> None:
    played = noise(2.0)
    heard = echo_of(played, delay)
    left = through(KalmanCanceller(1), heard[np.newaxis], played)[0]
    assert loss(heard, left, after=1.0) > 18


def test_half_a_second_of_playback_is_enough_for_10_db() -> None:
    played = noise(0.6)
    heard = echo_of(played, 0.08)
    left = through(KalmanCanceller(1), heard[np.newaxis], played)[0]
    assert loss(heard, left, after=0.5) > 10


def test_a_person_comes_through_unharmed_while_the_echo_goes() -> None:
    played = noise(4.0)
    echo = echo_of(played, 0.05)
    person = noise(4.0, level=0.05, seed=2)
    person[: 2 * RATE] = 0
    left = through(KalmanCanceller(1), (echo + person)[np.newaxis], played)[0]
    late = slice(2 * RATE, None)
    error = left[late] - person[late]
    assert 10 * np.log10((person[late] ** 2).sum() / (error**2).sum()) > 12


def test_without_playback_a_block_passes_as_it_is() -> None:
    heard = noise(0.5)
    left = through(KalmanCanceller(1), heard[np.newaxis], np.zeros_like(heard))[0]
    assert np.array_equal(left, heard[: len(left)])


def test_what_a_loudspeaker_bends_is_taken_out_too() -> None:
    played = noise(5.0, level=0.15)
    bent = (0.25 * np.tanh(played / 0.25)).astype(np.float32)
    heard = echo_of(bent, 0.05)
    straight = float(np.dot(played, bent) / np.dot(played, played)) * played
    best_of_linear = 10 * np.log10((bent**2).sum() / ((bent - straight) ** 2).sum())
    left = through(KalmanCanceller(1), heard[np.newaxis], played)[0]
    assert loss(heard, left, after=3.0) > best_of_linear + 4


def test_every_microphone_has_its_own_filter() -> None:
    played = noise(2.0)
    heard = np.stack([echo_of(played, 0.05), echo_of(played, 0.06, 0.3), 0 * played])
    left = through(KalmanCanceller(3), heard, played)
    assert loss(heard[0], left[0], after=1.0) > 18
    assert loss(heard[1], left[1], after=1.0) > 18
    assert not left[2].any()


def test_a_clipped_microphone_does_not_spoil_the_others() -> None:
    played = noise(2.0)
    clean = echo_of(played, 0.05)
    heard = np.stack([clean, np.clip(200 * clean, -1, 1)])
    left = through(KalmanCanceller(2), heard, played)
    assert loss(clean, left[0], after=1.0) > 12
    assert loss(heard[1], left[1], after=0.0) > -1


def test_the_echo_is_what_was_taken_out() -> None:
    canceller = KalmanCanceller(1)
    played = noise(0.5)
    heard = echo_of(played, 0.02)[np.newaxis]
    through(canceller, heard, played)
    left = canceller.process(heard[:, :FRAME_SAMPLES], played[:FRAME_SAMPLES])
    assert np.allclose(left + canceller.echo, heard[:, :FRAME_SAMPLES], atol=1e-6)
    assert canceller.echo.any()


@pytest.mark.parametrize("step", [-96, 96, 800])
def test_a_reference_that_slides_costs_little_of_what_was_learnt(step: int) -> None:
    played = noise(4.0)
    heard = echo_of(played, 0.1)
    half = 2 * RATE
    canceller = KalmanCanceller(1)
    through(canceller, heard[np.newaxis, :half], played[:half])
    canceller.slide(step)
    moved = np.roll(played, step)
    left = through(canceller, heard[np.newaxis, half:], moved[half:])[0]
    begin, end = samples(0.05), samples(0.35)
    assert loss(heard[half:][:end], left[:end], after=begin / RATE) > 12


def test_a_path_that_has_changed_is_learnt_anew_within_a_second() -> None:
    played = noise(4.0)
    heard = np.concatenate(
        [echo_of(played, 0.08)[: 2 * RATE], echo_of(played, 0.14, -0.4)[2 * RATE :]]
    )
    left = through(KalmanCanceller(1), heard[np.newaxis], played)[0]
    assert loss(heard, left, after=3.0) > 12
    changed = slice(2 * RATE, 3 * RATE)
    assert loss(heard[changed], left[changed], after=0.0) > -1


def test_what_was_learnt_helps_from_the_first_block_on() -> None:
    played = noise(2.5)
    heard = echo_of(played, 0.05)
    learnt = KalmanCanceller(1)
    through(learnt, heard[np.newaxis], played)
    canceller = KalmanCanceller(1)
    assert canceller.restore(learnt.state())
    for name, value in learnt.state().items():
        assert np.allclose(canceller.state()[name], value, atol=1e-6), name
    left = through(canceller, heard[np.newaxis, : RATE // 4], played[: RATE // 4])[0]
    assert loss(heard[: RATE // 4], left, after=0.0) > 15


def test_what_another_kind_of_canceller_learnt_is_refused() -> None:
    state = KalmanCanceller(2).state()
    assert not KalmanCanceller(1).restore(state)
    assert not KalmanCanceller(2).restore({})
    assert not KalmanCanceller(2, Seconds(0.1)).restore(state)
    state["responses"][0, 0] = np.nan
    assert not KalmanCanceller(2).restore(state)
