"""Whose word counts for how late a clock's calls are."""

import math

from appliance.audio.lateness import LEAST, Lateness

WINDOW = 25


def windows(lateness: Lateness, calls: list[float], stamps: list[float]) -> list[float]:
    """Give windows of calls; return how late the clock was found to be in each."""
    found = []
    for call, stamp in zip(calls, stamps, strict=True):
        for number in range(WINDOW):
            behind = call + 0.0001 * number
            lateness.add(behind, behind - stamp)
        found.append(lateness.earliest)
        lateness.close()
    return found


def test_calls_count_at_first_and_as_long_as_they_are_no_worse() -> None:
    lateness = Lateness()
    found = windows(lateness, [1.0, 1.0004] * 10, [0.9, 0.9004] * 10)
    assert found == [1.0, 1.0004] * 10
    assert not lateness.stamped


def test_steady_stamps_count_instead_of_calls_that_wander_and_go_on_where_those_were() -> None:
    lateness = Lateness()
    calls = [1.0, 1.003, 1.006, 1.001, 1.004, 1.008, 1.002, 1.007]
    found = windows(lateness, calls, [0.9] * 8)
    assert lateness.stamped
    assert found[: LEAST + 1] == calls[: LEAST + 1]
    assert {round(one, 9) for one in found[LEAST + 1 :]} == {round(calls[LEAST], 9)}


def test_stamps_that_begin_to_wander_are_left_again() -> None:
    lateness = Lateness()
    windows(lateness, [1.0, 1.003] * 5, [0.9] * 10)
    was_stamped = lateness.stamped
    before = windows(lateness, [1.0] * 30, [0.9, 0.94] * 15)[0]
    assert (was_stamped, lateness.stamped) == (True, False)
    after = windows(lateness, [1.0] * 3, [0.9, 0.95, 0.99])
    assert len(set(after)) == 1
    assert abs(after[0] - before) < 0.05


def test_one_loss_moves_both_and_changes_nobodys_standing() -> None:
    lateness = Lateness()
    calls = [1.0] * 8 + [1.008] * 8
    found = windows(lateness, calls, [0.9, 0.901] * 4 + [0.908, 0.909] * 4)
    assert found == calls
    assert not lateness.stamped


def test_window_without_a_call_tells_nothing_and_restarting_forgets_the_place() -> None:
    lateness = Lateness()
    lateness.close()
    assert lateness.earliest == math.inf
    windows(lateness, [1.0, 1.003] * 5, [0.9] * 10)
    lateness.add(5.0, 0.1)
    lateness.restart()
    assert lateness.earliest == math.inf
    again = windows(lateness, [3.0, 3.004, 3.001], [2.9] * 3)  # by the calls, then by the stamps
    assert again == [3.0, 3.0, 3.0]
