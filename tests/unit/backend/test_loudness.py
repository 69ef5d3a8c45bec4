import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.backend.local.loudness import PEAK, TARGET_DBFS, level

RATE = 22_050


def tone(seconds: float, height: float) -> NDArray[np.float32]:
    time = np.arange(round(seconds * RATE)) / RATE
    return (height * np.sin(2 * np.pi * 220 * time)).astype(np.float32)


def dbfs(pcm: NDArray[np.int16]) -> float:
    return float(10 * np.log10(np.mean((pcm / 32_768.0) ** 2)))


@pytest.mark.parametrize("height", [0.01, 0.3, 1.0, 40.0])
def test_every_sentence_is_equally_loud(height: float) -> None:
    assert dbfs(level(tone(1.0, height), RATE)) == pytest.approx(TARGET_DBFS, abs=0.3)


def test_pauses_do_not_make_it_louder() -> None:
    halting = np.concatenate([tone(0.5, 0.3), np.zeros(RATE, np.float32), tone(0.5, 0.3)])
    loud = level(halting, RATE)
    assert dbfs(loud[: RATE // 4]) == pytest.approx(TARGET_DBFS, abs=0.5)


def test_a_single_peak_is_not_clipped() -> None:
    sound = tone(1.0, 0.05)
    sound[5_000] = 1.0
    assert np.abs(level(sound, RATE)).max() <= PEAK * 32_768


def test_it_begins_at_once_and_without_a_click() -> None:
    silence = np.zeros(RATE // 2, np.float32)
    pcm = level(np.concatenate([silence, tone(0.5, 0.3), silence]), RATE)
    first = np.flatnonzero(np.abs(pcm) > 300)[0]
    assert first < 0.035 * RATE
    assert len(pcm) < 0.65 * RATE
    assert abs(int(pcm[0])) < 20
    assert abs(int(pcm[-1])) < 20


@pytest.mark.parametrize("count", [0, 10, RATE])
def test_silence_is_nothing(count: int) -> None:
    assert len(level(np.zeros(count, np.float32), RATE)) == 0
