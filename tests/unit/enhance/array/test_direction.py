import numpy as np
import pytest

from appliance.enhance.array.beam import Beam
from appliance.enhance.array.geometry import Position, choose
from appliance.frames import RATE
from tests.unit.enhance.array import table

EYE = choose("ps3-eye", "", 4).positions


def bearing(
    degrees: float, positions: tuple[Position, ...] = table.CIRCLE, *, talks: bool = True
) -> float | None:
    rng = np.random.default_rng(int(degrees) + 360)
    length = 4 * RATE
    noise = 0.02 * table.noise_all_around(rng, length, positions)
    person = table.from_direction(table.talk(rng, length, RATE), degrees, positions)
    beam = Beam(table.array(positions))
    for block in table.blocks(noise + np.float32(0.05 * talks) * person):
        beam.process(block)
    return beam.bearing


def apart(one: float, other: float) -> float:
    return abs((one - other + 180.0) % 360.0 - 180.0)


@pytest.mark.parametrize("degrees", [0.0, 42.0, 133.0, 180.0, 271.0, 358.0])
def test_a_talker_is_found_all_around_a_circle(degrees: float) -> None:
    found = bearing(degrees)
    assert found is not None
    assert 0.0 <= found < 360.0
    assert apart(found, degrees) < 5.0


@pytest.mark.parametrize(("degrees", "seen"), [(30.0, 30.0), (-60.0, 300.0), (150.0, 30.0)])
def test_a_line_of_microphones_takes_everybody_for_in_front_of_it(
    degrees: float, seen: float
) -> None:
    assert EYE is not None
    found = bearing(degrees, EYE)
    assert found is not None
    assert apart(found, seen) < 6.0


def test_without_talk_there_is_no_bearing() -> None:
    assert bearing(90.0, talks=False) is None


def test_the_bearing_stays_between_talks_and_follows_the_next_talker() -> None:
    rng = np.random.default_rng(2)
    length = 9 * RATE
    noise = 0.02 * table.noise_all_around(rng, length)
    one = table.talk(rng, length, RATE)
    one[3 * RATE :] = 0.0
    other = table.talk(rng, length, 5 * RATE)
    people = table.from_direction(one, 60.0) + table.from_direction(other, 240.0)
    beam = Beam(table.array())
    seen = []
    for block in table.blocks(noise + np.float32(0.05) * people):
        beam.process(block)
        seen.append(beam.bearing)
    pause, end = seen[480], seen[-1]
    assert pause is not None
    assert apart(pause, 60.0) < 5.0
    assert end is not None
    assert apart(end, 240.0) < 8.0
