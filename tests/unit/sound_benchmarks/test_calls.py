"""Calls while the box plays: what counts as heard."""

import numpy as np
import pytest

from appliance.frames import FRAME_SAMPLES, RATE
from tests.benchmarks.audio.acoustics import Sound, active_dbfs
from tests.benchmarks.audio.calls import CELLS, LEAD, Cell, Session, judge, session
from tests.benchmarks.audio.corpus import Corpus

CALLS = Session(
    np.zeros((1, 600 * FRAME_SAMPLES), np.int16),
    np.zeros(600 * FRAME_SAMPLES, np.int16),
    begins=(10_000, 50_000),
    ends=(20_000, 60_000),
)


def burst(seed: int, seconds: float) -> Sound:
    return np.random.default_rng(seed).normal(0.0, 0.05, round(seconds * RATE))


def corpus() -> Corpus:
    sounds = {"far": 3.0, "music": 60.0, "noise": 2.0}
    return {
        kind: [(burst(i, seconds) * 32768).astype(np.int16)]
        for i, (kind, seconds) in enumerate(sounds.items())
    }


@pytest.mark.parametrize(
    ("reports", "heard", "false"),
    [
        ([], 0, 0),
        ([15_000], 1, 0),
        ([20_000 + RATE, 50_000], 2, 0),
        ([20_001 + RATE], 0, 1),
        ([9_999, 15_000], 1, 1),
        ([15_000, 16_000], 1, 0),
    ],
)
def test_a_report_counts_from_the_begin_of_a_call_to_a_second_after_it(
    reports: list[int], heard: int, false: int
) -> None:
    tally = judge("ours", "cell", CALLS, reports)

    assert (tally.heard, tally.false_accepts, tally.calls) == (heard, false, 2)


def test_tallies_add_up() -> None:
    one = judge("ours", "cell", CALLS, [15_000, 0])
    both = one + one

    assert (both.heard, both.calls, both.false_accepts) == (2, 4, 2)
    assert both.minutes == pytest.approx(2 * one.minutes)


@pytest.mark.parametrize("cell", [CELLS[0], CELLS[2], CELLS[4]], ids=lambda cell: cell.name)
def test_a_session_holds_the_calls_after_some_playback(cell: Cell) -> None:
    made = session(100, cell, [burst(7, 1.0), burst(8, 1.5)], corpus())

    assert made.begins[0] == LEAD * RATE
    assert [b - a for a, b in zip(made.begins, made.ends, strict=True)] == [RATE, 1.5 * RATE]
    assert made.reference.any() == bool(cell.playback)
    assert len(made.reference) == made.microphones.shape[1]
    assert len(made.reference) % FRAME_SAMPLES == 0


def test_the_echo_of_a_session_is_as_loud_as_asked() -> None:
    calls = [burst(7, 1.0)]
    quiet, loud = (session(100, cell, calls, corpus()).microphones[0] for cell in CELLS[::3])
    echo = active_dbfs((loud.astype(np.float64) - quiet) / 32768.0)
    begin = round(LEAD * RATE)
    call = active_dbfs(quiet[begin : begin + RATE] / 32768.0)

    assert call - echo == pytest.approx(-10.0, abs=1.0)


def test_the_same_seed_is_the_same_session() -> None:
    one, again, other = (session(seed, CELLS[1], [burst(7, 1.0)], corpus()) for seed in (1, 1, 2))

    assert np.array_equal(one.microphones, again.microphones)
    assert not np.array_equal(one.microphones[:, :1000], other.microphones[:, :1000])
