from hypothesis import given
from hypothesis import strategies as st

from appliance.mqtt.dialling import (
    BRIEF,
    LONGEST_WAIT,
    PATIENT_WITH,
    TAKEN_WAIT,
    Dial,
    Version,
    again,
    begin,
    lost,
)
from appliance.mqtt.failure import Cause
from appliance.units import Seconds

NEW = begin("auto")


def test_a_broker_that_refuses_the_new_protocol_is_asked_in_the_old_at_once() -> None:
    for cause in (Cause.OLD, Cause.CLOSED):
        assert again(NEW, cause, jitter=1.0) == (Dial(Version.V311, may_fall_back=True), 0.0)


def test_one_that_hangs_up_on_both_is_asked_in_the_new_again_after_a_wait() -> None:
    old, _ = again(NEW, Cause.CLOSED, jitter=0.0)
    dial, wait = again(old, Cause.CLOSED, jitter=0.0)
    assert (dial.version, wait) == (Version.V5, 0.25)


def test_who_set_a_version_gets_no_other() -> None:
    for setting, version in (("5", Version.V5), ("3.1.1", Version.V311)):
        dial, wait = again(begin(setting), Cause.OLD, jitter=0.0)  # type: ignore[arg-type]
        assert (dial.version, wait > 0) == (version, True)


def test_who_was_thrown_off_by_a_namesake_lets_it_be_for_minutes() -> None:
    for jitter in (0.0, 1.0):
        _, wait = again(NEW, Cause.TAKEN, jitter=jitter)
        assert wait >= 120.0


def test_connections_that_are_lost_at_once_are_made_again_ever_later() -> None:
    dial, waits = NEW, []
    for _ in range(PATIENT_WITH + 4):
        dial = lost(dial, "auto", lasted=Seconds(BRIEF / 2))
        dial, wait = again(dial, Cause.LOST, jitter=1.0)
        waits.append(wait)
    assert waits == [0.5] * (PATIENT_WITH - 1) + [1.0, 2.0, 4.0, 8.0, 16.0]

    dial = lost(dial, "auto", lasted=BRIEF)
    _, wait = again(dial, Cause.LOST, jitter=1.0)
    assert wait == 0.5


@given(st.lists(st.tuples(st.sampled_from(Cause), st.floats(0, 1)), max_size=40))
def test_it_never_gives_up_and_never_rushes(failures: list[tuple[Cause, float]]) -> None:
    dial, free = NEW, 0
    for cause, jitter in failures:
        dial, wait = again(dial, cause, jitter=jitter)
        free = 0 if wait > 0 else free + 1
        assert free <= 1, "two tries without a wait between them"
        assert wait <= (TAKEN_WAIT if cause is Cause.TAKEN else LONGEST_WAIT)
    _, wait = again(dial, Cause.NOT_LISTENING, jitter=0.0)
    assert wait >= min(LONGEST_WAIT, 0.5 * 2**dial.failures) / 2
