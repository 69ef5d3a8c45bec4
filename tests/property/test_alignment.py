"""Whatever the delay, the clocks and the numbers, the reference finds its echo or does no harm."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.enhance.echo.alignment import Alignment
from appliance.enhance.echo.delay import DelayTracker
from appliance.enhance.echo.line import LEAD, Line
from tests.echoes import BLOCK, RATE, Sound, drifting, scene

FEW = settings(max_examples=6, deadline=None)
SOME = settings(max_examples=15, deadline=None)

delays = st.floats(min_value=0, max_value=RATE / 2 - 8)
seeds = st.integers(min_value=0, max_value=10_000)


@SOME
@given(delay=delays, seed=seeds, noise=st.floats(min_value=0, max_value=0.1))
def test_any_delay_is_found_within_2_ms_under_noise(delay: float, seed: int, noise: float) -> None:
    tracker = DelayTracker()

    for heard, played in scene(2.0, delay, seed=seed, noise=noise).blocks():
        tracker.process(heard, played)

    assert tracker.found is not None
    assert tracker.found.peak == pytest.approx(delay, abs=0.002 * RATE)
    assert tracker.found.start <= tracker.found.peak + 2


@FEW
@given(delay=st.floats(min_value=400, max_value=7000), seed=seeds, ppm=st.floats(-150, 150))
def test_any_drift_is_found_and_none_is_made_up(delay: float, seed: int, ppm: float) -> None:
    alignment = Alignment(1)

    for heard, played in scene(12.0, drifting(12.0, delay, ppm), seed=seed).blocks():
        alignment.process(heard[None, :], played)

    assert alignment.drift_ppm == pytest.approx(ppm, abs=10)


strange = st.sampled_from([0.0, 1.0, -1.0, 1e-40, 1e30, np.inf, -np.inf, np.nan])
kinds = st.sampled_from(["echo", "silence", "noise", "strange", "loud"])


@SOME
@given(
    kinds=st.lists(st.tuples(kinds, kinds, st.integers(1, 40)), min_size=1, max_size=6),
    value=strange,
    microphones=st.integers(1, 3),
    seed=seeds,
)
def test_anything_in_gives_finite_sound_out(
    kinds: list[tuple[str, str, int]], value: float, microphones: int, seed: int
) -> None:
    alignment = Alignment(microphones)
    random = np.random.default_rng(seed)
    sounds = list(scene(2.0, 900, seed=seed).blocks())

    def block(kind: str, sound: Sound) -> Sound:
        match kind:
            case "echo":
                return sound
            case "silence":
                return np.zeros(BLOCK, np.float32)
            case "strange":
                return np.full(BLOCK, value, np.float32)
            case _:
                level = 1.0 if kind == "loud" else 0.01
                hiss: Sound = (level * random.standard_normal(BLOCK)).astype(np.float32)
                return hiss

    at = 0
    for hears, plays, blocks in kinds:
        for _ in range(blocks):
            heard, played = sounds[at % len(sounds)]
            at += 1
            all_heard = np.zeros((microphones, BLOCK), np.float32)
            all_heard[:] = block(hears, heard)
            aligned = alignment.process(all_heard, block(plays, played))
            assert aligned.shape == (BLOCK,)
            assert np.isfinite(aligned).all()
            assert np.isfinite([alignment.drift_ppm, alignment.confidence]).all()
            assert alignment.delay is None or 0 <= alignment.delay <= 0.51
            assert abs(alignment.drift_ppm) <= 400


@given(
    moves=st.lists(st.tuples(st.floats(0, 3000), st.floats(-2e-4, 2e-4)), min_size=1, max_size=6)
)
def test_the_line_jumps_only_where_it_is_told(moves: list[tuple[float, float]]) -> None:
    line = Line()
    at = np.arange(BLOCK)
    time = 0
    for _ in range(24):
        line.write(np.sin(0.2 * (time + at)).astype(np.float32))
        time += BLOCK
    for delay, step in moves:
        position = delay
        for _ in range(3):
            line.write(np.sin(0.2 * (time + at)).astype(np.float32))
            out = line.read(position, 1 + step)
            shown = (round(position), 0.0) if position < LEAD else (position, step)
            place = time - shown[0] + at * (1 + shown[1])
            time += BLOCK
            if position >= LEAD + 1:  # there the step holds throughout
                assert np.abs(out - np.sin(0.2 * place)).max() < 1e-3
            elif position < LEAD:
                assert np.abs(out - np.sin(0.2 * place)).max() < 1e-5
            position -= BLOCK * step
