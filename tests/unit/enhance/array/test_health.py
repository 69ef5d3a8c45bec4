import numpy as np
import pytest

from appliance.enhance.array.health import CLIPPED, DEAD, FINE, FLIPPED, Health, Verdict
from appliance.frames import RATE
from tests.unit.enhance.array import table
from tests.unit.enhance.array.table import Sounds


def sound(seconds: float = 4.0, level: float = 0.05) -> Sounds:
    rng = np.random.default_rng(4)
    length = round(seconds * RATE)
    person = table.from_direction(table.talk(rng, length, 0), 20.0)
    return np.float32(level) * (person + np.float32(0.3) * table.noise_all_around(rng, length))


def watch(heard: Sounds) -> tuple[Health, Sounds]:
    health = Health(len(heard))
    return health, np.concatenate([health.process(block) for block in table.blocks(heard)], axis=1)


def test_microphones_that_work_are_fine() -> None:
    health, out = watch(sound())
    assert health.verdict.states == (FINE,) * 4
    assert health.verdict.usable == (0, 1, 2, 3)
    assert np.array_equal(out, sound()[:, : out.shape[1]])


@pytest.mark.parametrize("row", range(4))
def test_a_silent_microphone_among_others_is_dead(row: int) -> None:
    heard = sound()
    heard[row] = 0.0
    health, _ = watch(heard)
    assert health.verdict.states[row] == DEAD
    assert row not in health.verdict.usable
    assert len(health.verdict.usable) == 3


def test_a_microphone_that_only_hisses_is_dead() -> None:
    heard = sound()
    heard[1] = 1e-3 * np.random.default_rng(0).standard_normal(heard.shape[1])
    assert watch(heard)[0].verdict.states == (FINE, DEAD, FINE, FINE)


@pytest.mark.parametrize("row", range(4))
def test_a_turned_microphone_is_found_and_turned_back(row: int) -> None:
    heard = sound()
    right = heard.copy()
    heard[row] = -heard[row]
    health, out = watch(heard)
    assert health.verdict.states[row] == FLIPPED
    assert sum(state == FLIPPED for state in health.verdict.states) == 1
    assert row in health.verdict.usable
    assert np.array_equal(out[:, -RATE:], right[:, out.shape[1] - RATE : out.shape[1]])


def test_of_two_microphones_against_each_other_the_second_is_turned() -> None:
    heard = sound()[:2]
    heard[0] = -heard[0]
    assert watch(heard)[0].verdict.states == (FINE, FLIPPED)


def test_a_microphone_beyond_its_limit_is_clipped_and_heals() -> None:
    heard = sound(12.0)
    loud = slice(0, 4 * RATE)
    heard[2, loud] = np.clip(40.0 * heard[2, loud], -1.0, 32767 / 32768)
    health = Health(4)
    for block in table.blocks(heard[:, loud]):
        health.process(block)
    assert health.verdict.states == (FINE, FINE, CLIPPED, FINE)
    assert health.verdict.usable == (0, 1, 3)
    for block in table.blocks(heard[:, 4 * RATE :]):
        health.process(block)
    assert health.verdict.states == (FINE,) * 4


def test_a_talker_close_to_one_side_makes_no_microphone_dead() -> None:
    heard = sound()
    gains = np.array([[4.0], [1.0], [0.5], [1.0]], np.float32)  # 18 dB from side to side
    assert watch(heard * gains)[0].verdict.states == (FINE,) * 4


def test_a_quiet_room_makes_no_microphone_dead() -> None:
    assert watch(sound(level=1e-6))[0].verdict.states == (FINE,) * 4


def test_a_dead_microphone_that_comes_back_is_fine() -> None:
    heard = sound(10.0)
    heard[3, : 3 * RATE] = 0.0
    health, _ = watch(heard[:, : 3 * RATE])
    assert health.verdict.states[3] == DEAD
    for block in table.blocks(heard[:, 3 * RATE :]):
        health.process(block)
    assert health.verdict.states[3] == FINE


def test_a_card_that_gives_nothing_for_long_is_dead() -> None:
    health, _ = watch(np.zeros((1, 6 * RATE), np.float32))
    assert health.verdict.states == (DEAD,)
    assert health.verdict.usable == (0,)


def test_one_microphone_is_always_usable() -> None:
    assert Verdict.of((DEAD, DEAD)).usable == (0,)
    assert Verdict.of((DEAD, CLIPPED)).usable == (1,)
