import numpy as np
import pytest

from appliance.enhance.taps.convergence import CONFIRMED, FIRST_GUARD, Convergence
from appliance.frames import FRAME_SAMPLES, FRAME_SECONDS

LEFT = 0.1
"""Amplitude of what a good canceller leaves: 20 dB."""


class Playback:
    """An echo and what is known of it, block by block."""

    def __init__(self, *, restored: bool = False) -> None:
        self.rng = np.random.default_rng(3)
        self.convergence = Convergence(restored=restored)

    def noise(self, level: float = 0.05) -> np.ndarray:
        return (level * self.rng.standard_normal(FRAME_SAMPLES)).astype(np.float32)

    def play(self, seconds: float, *, estimate: float = 1 - LEFT, person: float = 0.0) -> None:
        for _ in range(round(seconds / FRAME_SECONDS)):
            echo = self.noise()
            heard = echo + self.noise(person)
            estimated = (estimate * echo).astype(np.float32)
            self.convergence.process(heard, heard - estimated, estimated)

    def slipped(self, seconds: float) -> None:
        for _ in range(round(seconds / FRAME_SECONDS)):
            heard, estimated = self.noise(), self.noise()
            self.convergence.process(heard, heard - estimated, estimated)


@pytest.mark.parametrize(("restored", "guard"), [(False, FIRST_GUARD), (True, CONFIRMED)])
def test_it_has_to_prove_itself_for_a_while(restored: bool, guard: float) -> None:  # noqa: FBT001
    playback = Playback(restored=restored)
    playback.play(guard - 0.05)
    assert not playback.convergence.converged
    playback.play(0.1)
    assert playback.convergence.converged


def test_what_was_not_learnt_has_not_converged() -> None:
    playback = Playback()
    playback.play(3.0, estimate=0.5)  # 6 dB
    assert not playback.convergence.converged
    assert playback.convergence.erle_db == pytest.approx(6.0, abs=0.5)


def test_a_person_who_talks_over_it_changes_nothing() -> None:
    playback = Playback()
    playback.play(2.0)
    for _ in range(20):
        playback.play(0.1, person=0.09)  # 5 dB louder than the echo
        assert playback.convergence.converged


def test_a_slip_is_noticed_within_a_fifth_of_a_second() -> None:
    playback = Playback()
    playback.play(2.0)
    playback.slipped(0.2)
    assert not playback.convergence.converged


def test_after_a_slip_it_has_to_prove_itself_again() -> None:
    playback = Playback()
    playback.play(2.0)
    playback.slipped(0.6)
    playback.play(1.0, person=0.05)  # no proof: somebody talks
    assert not playback.convergence.converged
    playback.play(1.5)
    assert playback.convergence.converged


def test_silence_changes_nothing() -> None:
    playback = Playback()
    playback.play(2.0)
    silence = np.zeros(FRAME_SAMPLES, np.float32)
    for _ in range(500):
        playback.convergence.process(silence, silence, silence)
    assert playback.convergence.converged
