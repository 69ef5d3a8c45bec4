"""The turn machine, one step at a time: the whole result is compared."""

from dataclasses import replace

import pytest

from appliance import turn
from appliance.events import (
    BackendLost,
    ButtonPressed,
    DeadlineReached,
    ListenAsked,
    MuteSwitched,
    PlaybackDrained,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    SpeechEnded,
    SpeechPaused,
    SpeechStarted,
    StopAsked,
    TextAsked,
    ToolCalled,
    TurnEvent,
    WakeWordHeard,
)
from appliance.ports import Cue
from appliance.units import CallId, ResponseId, SampleIndex, SampleRate, Seconds, TurnNumber

NOW = Seconds(100.0)
FIRST, SECOND = TurnNumber(1), TurnNumber(2)
REPLY = ResponseId("reply")
RATE = SampleRate(24_000)
WAKE = WakeWordHeard("computer", 0.9, SampleIndex(32_000))
TIMING = turn.Timing()
INTERRUPTIBLE = turn.Timing(barge_in="speech")
SPEAKING = turn.Speaking(FIRST, REPLY, Seconds(105.0), sounding=True)


def step(state: turn.State, event: TurnEvent, timing: turn.Timing = TIMING) -> turn.Step:
    return turn.step(state, event, turn.Moment(NOW, timing))


def test_wake_word_opens_the_microphone_from_before_it_was_noticed() -> None:
    assert step(turn.START, WAKE) == turn.Step(
        turn.Listening(
            FIRST,
            until=Seconds(105.0),
            prompt_at=Seconds(100.6),
            doubt_until=Seconds(102.0),
        ),
        (turn.Listen(SampleIndex(32_000), TIMING.pre_roll), turn.Show(Cue.LISTENING)),
    )


def test_talking_over_a_reply_silences_it_and_listens() -> None:
    at = SampleIndex(48_000)
    assert step(SPEAKING, SpeechStarted(at), INTERRUPTIBLE) == turn.Step(
        turn.Listening(
            SECOND, until=Seconds(131.0), speech_heard=True, past=turn.Past(broken_off=1)
        ),
        (
            turn.Interrupt(REPLY),
            turn.Listen(at, TIMING.barge_in_lead),
            turn.Show(Cue.LISTENING),
        ),
    )


def test_speech_interrupts_nothing_where_the_box_cannot_tell_it_from_its_own_voice() -> None:
    assert step(SPEAKING, SpeechStarted(SampleIndex(0))) == turn.Step(SPEAKING)


def test_wake_word_interrupts_always() -> None:
    taken = step(SPEAKING, WAKE)
    assert isinstance(taken.state, turn.Listening)
    assert taken.effects[0] == turn.Interrupt(REPLY)


def test_reply_is_followed_by_a_window_without_the_wake_word() -> None:
    ended = turn.Speaking(FIRST, REPLY, Seconds(105.0), sounding=True, ended=True)
    assert step(ended, PlaybackDrained(REPLY)) == turn.Step(
        turn.Listening(SECOND, until=Seconds(104.3), follow_up=True),
        (turn.Listen(None, Seconds(0.0), guard=Seconds(0.3)), turn.Show(Cue.LISTENING)),
    )


def test_turn_that_ends_where_it_paused_is_committed_as_expected() -> None:
    at = SampleIndex(40_000)
    listening = turn.Listening(FIRST, until=Seconds(130.0), speech_heard=True)
    paused = step(listening, SpeechPaused(at))
    assert paused.effects == (turn.ExpectEnd(),)
    assert turn.CommitTurn(FIRST, as_expected=True) in step(paused.state, SpeechEnded(at)).effects


def test_turn_that_went_on_after_its_pause_is_not() -> None:
    listening = turn.Listening(FIRST, until=Seconds(130.0), speech_heard=True)
    paused = step(listening, SpeechPaused(SampleIndex(40_000))).state
    ended = step(paused, SpeechEnded(SampleIndex(50_000)))
    assert turn.CommitTurn(FIRST, as_expected=False) in ended.effects


def test_closing_phrase_ends_the_conversation() -> None:
    ended = turn.Speaking(FIRST, REPLY, Seconds(105.0), sounding=True, ended=True, stay=False)
    assert step(ended, PlaybackDrained(REPLY)).state == turn.Idle(FIRST)


def test_follow_up_window_closes_without_a_sound() -> None:
    window = turn.Listening(SECOND, until=NOW, follow_up=True)
    assert step(window, DeadlineReached()).effects[-1] == turn.Show(Cue.IDLE)


def test_button_while_listening_means_never_mind() -> None:
    listening = turn.Listening(FIRST, until=Seconds(105.0))
    assert step(listening, ButtonPressed()) == turn.Step(
        turn.Idle(FIRST), (turn.ClearTurn(), turn.Rest(), turn.Show(Cue.IDLE))
    )


def test_what_is_written_is_a_turn_without_the_microphone() -> None:
    written = turn.Past(turns=1, written=True)
    assert step(turn.START, TextAsked("dim the lamp")) == turn.Step(
        turn.Waiting(FIRST, Seconds(112.0), written),
        (turn.Enclose("dim the lamp"), turn.CommitTurn(FIRST), turn.Show(Cue.THINKING)),
    )


def test_reply_to_what_was_written_is_neither_talked_over_nor_followed_by_a_window() -> None:
    speaking = replace(SPEAKING, past=turn.Past(turns=1, written=True))
    assert step(speaking, SpeechStarted(SampleIndex(0)), INTERRUPTIBLE) == turn.Step(speaking)
    ended = replace(speaking, ended=True)
    assert isinstance(step(ended, PlaybackDrained(REPLY)).state, turn.Idle)
    assert not step(speaking, WAKE).state.past.written


@pytest.mark.parametrize("state", [turn.Muted(FIRST), turn.Listening(FIRST, Seconds(105.0))])
def test_nothing_is_written_into_a_muted_box_or_between_somebodys_words(state: turn.State) -> None:
    assert step(state, TextAsked("dim the lamp")) == turn.Step(state)
    assert step(state, ListenAsked()) == turn.Step(state)


def test_house_may_ask_the_box_to_listen() -> None:
    assert isinstance(step(turn.START, ListenAsked()).state, turn.Listening)
    assert isinstance(step(SPEAKING, ListenAsked()).state, turn.Listening)


def test_mute_wins_over_a_reply_that_is_being_spoken() -> None:
    assert step(SPEAKING, MuteSwitched(muted=True)) == turn.Step(
        turn.Muted(FIRST), (turn.Interrupt(REPLY), turn.Rest(), turn.Show(Cue.MUTED))
    )


def test_muted_box_hears_no_wake_word() -> None:
    assert step(turn.Muted(FIRST), WAKE) == turn.Step(turn.Muted(FIRST))


def test_stop_ends_everything_but_mute() -> None:
    assert step(SPEAKING, StopAsked()).state == turn.Idle(FIRST)
    assert step(turn.Muted(FIRST), StopAsked()).state == turn.Muted(FIRST)


def test_reply_that_called_tools_is_followed_by_waiting_for_the_next() -> None:
    ended = turn.Speaking(FIRST, REPLY, Seconds(105.0), ended=True, calls_tool=True)
    assert step(ended, PlaybackDrained(REPLY)).state == turn.Waiting(FIRST, Seconds(114.5))


@pytest.mark.parametrize(
    "speaking", [SPEAKING, replace(SPEAKING, ended=True, calls_tool=True)], ids=["half", "owed"]
)
def test_reply_whose_rest_will_not_come_is_given_up(speaking: turn.Speaking) -> None:
    lost = step(speaking, BackendLost("gone"))
    assert lost.state == turn.Idle(FIRST)
    assert lost.effects == (turn.Interrupt(REPLY), turn.Rest(), turn.Show(Cue.FAILED))


def test_reply_that_is_whole_plays_out_although_the_backend_is_gone() -> None:
    whole = replace(SPEAKING, ended=True)
    assert step(whole, BackendLost("gone")) == turn.Step(whole)


def played_out(speaking: turn.Speaking) -> turn.Step:
    return step(replace(speaking, ended=True), PlaybackDrained(REPLY))


def test_reply_without_a_sound_ends_with_a_sign() -> None:
    silent = replace(SPEAKING, sounding=False)
    sign = (turn.Rest(), turn.Show(Cue.FAILED))
    assert played_out(silent) == turn.Step(turn.Idle(FIRST), sign)
    calling = played_out(replace(silent, calls_tool=True)).state
    again = step(calling, ReplyStarted(REPLY, FIRST)).state
    assert isinstance(again, turn.Speaking)
    assert played_out(again).effects == sign


def test_silence_after_something_was_said_or_after_a_closing_phrase_is_no_failure() -> None:
    silent = replace(SPEAKING, sounding=False)
    calling = played_out(replace(SPEAKING, calls_tool=True)).state
    again = step(calling, ReplyStarted(REPLY, FIRST)).state
    assert isinstance(again, turn.Speaking)
    for quiet in (again, replace(silent, stay=False)):
        assert played_out(quiet).effects == (turn.Rest(), turn.Show(Cue.IDLE))


def test_reply_to_an_earlier_turn_is_refused() -> None:
    waiting = turn.Waiting(SECOND, Seconds(105.0))
    late = ResponseId("late")
    assert step(waiting, ReplyStarted(late, FIRST)) == turn.Step(waiting, (turn.Refuse(late),))


def test_text_and_calls_of_a_reply_are_signs_of_life() -> None:
    call = ToolCalled(CallId("call"), REPLY, "tool", {})
    for event in (ReplyText(REPLY, "well"), call):
        assert turn.deadline(step(SPEAKING, event).state) == NOW + TIMING.stall
        ended = turn.Speaking(FIRST, REPLY, Seconds(220.0), sounding=True, ended=True)
        assert turn.deadline(step(ended, event).state) == Seconds(220.0)


def test_reply_is_finished_once() -> None:
    ended = step(SPEAKING, ReplyEnded(REPLY))
    assert ended.effects == (turn.Finish(REPLY),)
    assert step(ended.state, ReplyEnded(REPLY)).effects == ()


def test_sound_after_the_end_of_a_reply_is_not_played() -> None:
    ended = step(SPEAKING, ReplyEnded(REPLY)).state
    assert step(ended, ReplyAudio(REPLY, b"..", RATE)) == turn.Step(ended)
