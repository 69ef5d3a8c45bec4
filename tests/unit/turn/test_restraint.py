"""What keeps the box from conversing with itself: the guard, and how often without a call."""

from dataclasses import replace
from typing import Literal

import pytest

from appliance import turn
from appliance.events import (
    ButtonPressed,
    PlaybackDrained,
    ReplyAudio,
    ReplyEnded,
    ReplyOffered,
    ReplyStarted,
    SpeechEnded,
    SpeechStarted,
    TurnEvent,
    WakeWordHeard,
)
from appliance.units import ResponseId, SampleIndex, SampleRate, Seconds, TurnNumber

NOW = Seconds(100.0)
FIRST = TurnNumber(1)
REPLY = ResponseId("reply")
HERE = SampleIndex(48_000)
WAKE = WakeWordHeard("computer", 0.9, HERE)
TIMING = turn.Timing()
SPEAKING = turn.Speaking(FIRST, REPLY, Seconds(105.0), sounding=True)
HEARD_OUT = replace(SPEAKING, ended=True)
SPENT = turn.Past(turns=TIMING.most_turns)
BROKEN_OFF = turn.Past(broken_off=TIMING.most_broken_off)


def step(
    state: turn.State, event: TurnEvent, timing: turn.Timing = TIMING, *, through: bool = False
) -> turn.Step:
    return turn.step(state, event, turn.Moment(NOW, timing, hears_through=through))


def test_speech_interrupts_by_itself_only_while_the_box_hears_through_its_own_voice() -> None:
    assert step(SPEAKING, SpeechStarted(HERE)) == turn.Step(SPEAKING)
    assert isinstance(step(SPEAKING, SpeechStarted(HERE), through=True).state, turn.Listening)


def test_speech_never_interrupts_where_only_the_wake_word_should() -> None:
    timing = turn.Timing(barge_in="wake_word")
    assert step(SPEAKING, SpeechStarted(HERE), timing, through=True) == turn.Step(SPEAKING)


@pytest.mark.parametrize(
    ("barge_in", "watches"), [("auto", True), ("speech", True), ("wake_word", False)]
)
def test_ear_watches_a_reply_only_where_speech_may_interrupt_it(
    barge_in: Literal["auto", "speech", "wake_word"], *, watches: bool
) -> None:
    timing = turn.Timing(barge_in=barge_in)
    begun = replace(SPEAKING, sounding=False)
    sound = ReplyAudio(REPLY, b"..", SampleRate(24_000))
    assert (turn.Watch() in step(begun, sound, timing).effects) is watches


def test_window_after_a_reply_opens_at_once_where_the_room_cannot_be_taken_for_a_person() -> None:
    opened = step(HEARD_OUT, PlaybackDrained(REPLY), through=True)
    assert opened.effects[0] == turn.Listen(None, Seconds(0.0), guard=Seconds(0.0))
    assert turn.deadline(opened.state) == Seconds(104.0)


@pytest.mark.parametrize("past", [SPENT, BROKEN_OFF])
def test_without_a_call_for_too_long_speech_interrupts_nothing_and_no_window_opens(
    past: turn.Past,
) -> None:
    speaking = replace(SPEAKING, past=past)
    assert step(speaking, SpeechStarted(HERE), through=True) == turn.Step(speaking)
    rest = step(replace(speaking, ended=True), PlaybackDrained(REPLY), through=True)
    assert rest.state == turn.Idle(FIRST, past)


@pytest.mark.parametrize("past", [SPENT, BROKEN_OFF])
@pytest.mark.parametrize("event", [WAKE, ButtonPressed()])
def test_call_makes_everything_as_it_was(past: turn.Past, event: TurnEvent) -> None:
    called = step(turn.Idle(FIRST, past), event).state
    assert isinstance(called, turn.Listening)
    assert called.past == turn.NO_PAST


def test_reply_that_is_heard_to_its_end_ends_the_row_of_those_that_were_not() -> None:
    past = turn.Past(turns=3, broken_off=TIMING.most_broken_off - 1)
    opened = step(replace(HEARD_OUT, past=past), PlaybackDrained(REPLY)).state
    assert isinstance(opened, turn.Listening)
    assert opened.past == turn.Past(turns=3)


def test_late_reply_is_not_told_when_nobody_has_called_for_too_long() -> None:
    idle = turn.Idle(FIRST, SPENT)
    assert step(idle, ReplyOffered()).state == turn.Idle(FIRST, replace(SPENT, offered=True))


def story(state: turn.State, *events: TurnEvent) -> turn.State:
    for event in events:
        state = step(state, event, through=True).state
    return state


def test_box_that_always_hears_itself_falls_silent_after_a_few_replies() -> None:
    state = story(turn.START, WAKE, SpeechStarted(HERE), SpeechEnded(HERE))
    replies: list[ResponseId] = []
    while isinstance(state, turn.Waiting):
        replies.append(ResponseId(f"reply-{len(replies)}"))
        state = story(
            state,
            ReplyStarted(replies[-1], state.turn),
            ReplyAudio(replies[-1], b"..", SampleRate(24_000)),
            SpeechStarted(HERE),  # its own voice
            SpeechEnded(HERE),
        )
    state = story(state, ReplyEnded(replies[-1]), PlaybackDrained(replies[-1]))
    assert len(replies) == TIMING.most_broken_off + 1
    assert isinstance(state, turn.Idle)
