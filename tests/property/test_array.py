"""Whatever microphones give, what comes out is sound: as long as what went in, and finite."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from appliance.enhance.array.beam import Beam
from appliance.enhance.array.geometry import Array, choose, read_arrays
from appliance.enhance.array.health import Health

KINDS = ("talk", "silence", "full scale", "square", "one click", "the same", "against", "absurd")
METRES = st.floats(-0.2, 0.2)
POSITION = st.tuples(METRES, METRES, METRES)


def heard(kind: str, blocks: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return one microphone's sound."""
    length = 160 * blocks
    times = np.arange(length) / 16_000
    noise = rng.standard_normal(length)
    sounds = {
        "talk": 0.05 * noise * (np.sin(2 * np.pi * 1.5 * times) > 0.3),
        "silence": np.zeros(length),
        "full scale": np.clip(5.0 * noise, -1.0, 1.0),
        "square": np.sign(np.sin(2 * np.pi * 250 * times)),
        "one click": np.eye(1, length, length // 2)[0],
        "the same": 0.1 * np.sin(2 * np.pi * 440 * times),
        "against": -0.1 * np.sin(2 * np.pi * 440 * times),
        "absurd": 1e-30 * noise,
    }
    return np.asarray(sounds[kind], np.float32)


@settings(max_examples=20, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=8),
    places=st.lists(POSITION, min_size=8, max_size=8),
    held=st.booleans(),
    seed=st.integers(0, 99),
)
def test_any_microphones_anywhere_give_finite_sound(
    kinds: list[str],
    places: list[tuple[float, float, float]],
    held: bool,  # noqa: FBT001 - drawn
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    count = len(kinds)
    sounds = np.stack([heard(kind, 90, rng) for kind in kinds])
    array = Array("any", "any", tuple(range(count)), tuple(places[:count]), beam=True)
    beam, health = Beam(array), Health(count)
    for at in range(0, sounds.shape[1], 160):
        block = health.process(sounds[:, at : at + 160])
        out = beam.process(block, usable=health.verdict.usable, hold=held and at > 160 * 60)
        assert out.shape == (160,)
        assert out.dtype == np.float32
        assert np.isfinite(out).all()
        assert np.abs(out).max() < 100.0
        assert beam.bearing is None or 0.0 <= beam.bearing < 360.0


@given(
    name=st.sampled_from(["auto", "nonsense", *(array.name for array in read_arrays())]),
    card=st.text(max_size=40),
    channels=st.integers(1, 32),
)
def test_choosing_an_array_never_fails_and_never_names_a_channel_that_is_not_there(
    name: str, card: str, channels: int
) -> None:
    array = choose(name, card, channels)
    used = (*array.microphones, array.reference_channel or 0, array.processed_channel or 0)
    assert array.microphones
    assert max(used) < channels
    assert array.why
