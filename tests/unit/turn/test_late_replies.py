"""Replies that the backend offers when the conversation has gone on: told at the next pause."""

from dataclasses import replace

import pytest

from appliance import turn
from appliance.events import (
    BackendChanged,
    BackendLost,
    ButtonPressed,
    DeadlineReached,
    MuteSwitched,
    PlaybackDrained,
    ReplyOffered,
    StopAsked,
    TurnEvent,
    WakeWordHeard,
)
from appliance.ports import Cue
from appliance.units import ResponseId, SampleIndex, Seconds, TurnNumber

NOW = Seconds(100.0)
FIRST, SECOND = TurnNumber(1), TurnNumber(2)
REPLY = ResponseId("reply")
UNTIL = Seconds(105.0)
OFFERED = turn.Past(offered=True)
TAKEN = turn.Waiting(SECOND, Seconds(112.0), turn.Past(turns=1))
TELL = (turn.Rest(), turn.TakeReply(SECOND), turn.Show(Cue.THINKING))


def step(state: turn.State, event: TurnEvent) -> turn.Step:
    return turn.step(state, event, turn.Moment(NOW))


def test_late_reply_is_told_at_once_at_rest() -> None:
    assert step(turn.Idle(FIRST), ReplyOffered()) == turn.Step(TAKEN, TELL)


def test_late_reply_is_told_in_a_window_in_which_nobody_speaks() -> None:
    window = turn.Listening(FIRST, UNTIL, follow_up=True)
    assert step(window, ReplyOffered()) == turn.Step(TAKEN, (turn.ClearTurn(), *TELL))


@pytest.mark.parametrize(
    "state",
    [
        turn.Listening(FIRST, UNTIL),  # called, and about to speak
        turn.Listening(FIRST, UNTIL, follow_up=True, speech_heard=True),
        turn.Waiting(FIRST, UNTIL),
        turn.Speaking(FIRST, REPLY, UNTIL),
        turn.Muted(FIRST),
    ],
)
def test_late_reply_waits_while_somebody_speaks_or_must_not_be_spoken_to(
    state: turn.State,
) -> None:
    assert step(state, ReplyOffered()) == turn.Step(replace(state, past=OFFERED))


def test_late_reply_is_told_when_the_present_one_has_been_heard() -> None:
    speaking = turn.Speaking(FIRST, REPLY, UNTIL, sounding=True, ended=True, past=OFFERED)
    assert step(speaking, PlaybackDrained(REPLY)) == turn.Step(TAKEN, TELL)


@pytest.mark.parametrize("event", [DeadlineReached(), ButtonPressed()])
def test_late_reply_is_told_to_somebody_who_says_nothing_after_all(event: TurnEvent) -> None:
    listening = turn.Listening(FIRST, NOW, past=OFFERED)
    assert step(listening, event) == turn.Step(TAKEN, (turn.ClearTurn(), *TELL))


def test_late_reply_is_told_when_the_box_may_hear_and_speak_again() -> None:
    muted = turn.Muted(FIRST, OFFERED)
    assert step(muted, MuteSwitched(muted=False)) == turn.Step(TAKEN, TELL)


def test_mute_keeps_a_late_reply() -> None:
    waiting = turn.Waiting(FIRST, UNTIL, OFFERED)
    assert step(waiting, MuteSwitched(muted=True)).state == turn.Muted(FIRST, OFFERED)


@pytest.mark.parametrize("event", [StopAsked(), BackendLost("gone")])
@pytest.mark.parametrize(
    "state",
    [
        turn.Idle(FIRST, OFFERED),
        turn.Muted(FIRST, OFFERED),
        turn.Listening(FIRST, UNTIL, past=OFFERED),
        turn.Waiting(FIRST, UNTIL, OFFERED),
        turn.Speaking(FIRST, REPLY, UNTIL, past=OFFERED),
    ],
)
def test_late_reply_is_forgotten_with_a_stop_or_when_nobody_is_left_to_tell_it(
    state: turn.State, event: TurnEvent
) -> None:
    assert not step(state, event).state.past.offered


def test_late_reply_is_told_by_whoever_serves_then() -> None:
    waiting = turn.Waiting(FIRST, UNTIL, OFFERED)
    assert step(waiting, BackendChanged("local", "backend.stalled")).state.past.offered


def test_backend_that_brings_no_reply_is_not_asked_for_a_late_one() -> None:
    waiting = turn.Waiting(FIRST, NOW, OFFERED)
    assert step(waiting, DeadlineReached()).state == turn.Idle(FIRST)


def test_somebody_who_calls_is_heard_first() -> None:
    called = step(TAKEN, WakeWordHeard("computer", 0.9, SampleIndex(0)))
    assert isinstance(called.state, turn.Listening)
    assert called.effects[0] == turn.ClearTurn()
