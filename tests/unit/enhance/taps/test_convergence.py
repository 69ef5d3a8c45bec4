import numpy as np
import pytest

from appliance.enhance.taps.convergence import CONFIRMED, FIRST_GUARD, MOST_OWN, Convergence
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
            elsewhere = self.noise()  # what is left is not the reference: see Room below
            self.convergence.process(heard, heard - estimated, estimated, elsewhere)

    def slipped(self, seconds: float) -> None:
        for _ in range(round(seconds / FRAME_SECONDS)):
            heard, estimated = self.noise(), self.noise()
            elsewhere = self.noise()  # what is left is not the reference: see Room below
            self.convergence.process(heard, heard - estimated, estimated, elsewhere)


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
        playback.convergence.process(silence, silence, silence, silence)
    assert playback.convergence.converged


class Room:
    """Like ``Playback``, but what is played is known, and a little of its echo is left."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(5)
        self.convergence = Convergence()
        self.played = np.zeros(30 * FRAME_SAMPLES, np.float32)

    def noise(self, level: float) -> np.ndarray:
        return (level * self.rng.standard_normal(FRAME_SAMPLES)).astype(np.float32)

    def play(self, seconds: float, *, new_path: float = 0.0, person: float = 0.0) -> None:
        """Let an echo of 0.05 be cancelled, but for what comes another way or from a person."""
        for _ in range(round(seconds / FRAME_SECONDS)):
            self.played = np.append(self.played[FRAME_SAMPLES:], self.noise(0.05))
            echo = self.played[-FRAME_SAMPLES - 40 : -40]
            other = new_path * self.played[-FRAME_SAMPLES - 333 : -333]
            left = other + self.noise(person) + self.noise(0.001)
            reference = self.played[-FRAME_SAMPLES:]
            self.convergence.process(echo + left, left, echo, reference)


def test_the_box_itself_on_a_new_path_is_no_person() -> None:
    room = Room()
    believed = []
    for seconds, new_path in ((2.0, 0.0), (0.15, 0.3), (0.4, 0.0)):  # 10 dB below the echo
        room.play(seconds, new_path=new_path)
        assert room.convergence.likeness == pytest.approx(1.0, abs=0.1)
        believed.append(room.convergence.converged)
    assert believed == [True, False, True]


def test_a_person_as_loud_as_that_is_one() -> None:
    room = Room()
    room.play(2.0)
    for _ in range(10):
        room.play(0.1, person=0.015)
        assert room.convergence.own_voice < MOST_OWN
        assert room.convergence.converged


def test_who_speaks_in_a_pause_of_the_box_is_a_person() -> None:
    room = Room()
    room.play(2.0)
    silence = np.zeros(FRAME_SAMPLES, np.float32)
    for _ in range(50):
        person = room.noise(0.02)
        room.convergence.process(person, person, silence, silence)
    assert room.convergence.own_voice == 0.0
    assert room.convergence.converged
