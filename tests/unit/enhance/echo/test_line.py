"""The delay line gives what a band-limited signal has between its samples."""

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.enhance.echo.line import LEAD, Line

BLOCK = 160


def run(sound: NDArray[np.float32], delay: float, step: float = 1.0) -> NDArray[np.float32]:
    """Give what is read while a sound is written."""
    line = Line()
    out = []
    for at in range(0, len(sound), BLOCK):
        line.write(sound[at : at + BLOCK])
        out.append(line.read(delay, step))
        delay -= BLOCK * (step - 1)
    return np.concatenate(out)


def tone(frequency: float, places: NDArray[np.float64]) -> NDArray[np.float32]:
    """Give a sine at places counted in samples."""
    return np.sin(2 * np.pi * frequency / 16_000 * places).astype(np.float32)


def below(out: NDArray[np.float32], ideal: NDArray[np.float32]) -> float:
    """Tell by how many dB the error is below the sound, once the line is full."""
    error = (out - ideal)[3200:]
    return float(10 * np.log10(np.mean(ideal[3200:] ** 2) / np.mean(error**2)))


@pytest.mark.parametrize("delay", [0, 1, LEAD, 159, 160, 161, 8000, 12_000])
def test_a_whole_delay_is_exact(delay: int) -> None:
    sound = np.random.default_rng(1).standard_normal(16_000).astype(np.float32)

    out = run(sound, float(delay))

    assert np.array_equal(out, np.concatenate([np.zeros(delay, np.float32), sound])[:16_000])


@pytest.mark.parametrize(("frequency", "clean"), [(200, 80), (3000, 75), (6000, 60)])
@pytest.mark.parametrize("delay", [16.5, 100.25, 2000.9])
def test_between_samples_a_tone_keeps_place_and_level(
    frequency: float, clean: float, delay: float
) -> None:
    at = np.arange(16_000, dtype=np.float64)

    out = run(tone(frequency, at), delay)

    assert below(out, tone(frequency, at - delay)) > clean


@pytest.mark.parametrize("ppm", [-500, -150, -3, 40, 150, 500])
def test_a_moving_position_changes_the_pitch_by_its_step(ppm: float) -> None:
    at = np.arange(48_000, dtype=np.float64)
    step = 1 + ppm * 1e-6

    out = run(tone(1000, at), 300.5, step)

    assert below(out, tone(1000, at * step - 300.5)) > 60


def test_nothing_is_read_before_it_was_written() -> None:
    line = Line()
    line.write(np.ones(BLOCK, np.float32))

    for delay in (0.0, 0.4, 3.7, LEAD - 0.6):
        out = line.read(delay, 1 + 150e-6)
        whole = round(delay)
        assert (out[:whole] == 0).all()
        assert (out[whole:] == 1).all()


def test_what_cannot_be_read_is_the_nearest_that_can() -> None:
    line = Line()
    for value in range(100):
        line.write(np.full(BLOCK, value, np.float32))

    assert np.array_equal(line.read(-50.0), line.read(0.0))
    assert np.array_equal(line.read(1e9), line.read(line.longest))
    assert np.allclose(line.read(LEAD, 1.5), line.read(LEAD, 1 + 500e-6))


def test_what_was_read_is_not_changed_by_what_is_written_later() -> None:
    line = Line()
    line.write(np.ones(BLOCK, np.float32))
    out = line.read(0.0)

    line.write(np.zeros(BLOCK, np.float32))

    assert (out == 1).all()
