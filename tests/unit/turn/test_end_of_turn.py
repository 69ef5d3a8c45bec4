"""Ends of turn that the backend finds, and the device's silence as the guard behind it."""

from dataclasses import replace

from appliance import turn
from appliance.events import (
    BackendChanged,
    DeadlineReached,
    EndOfTurnFound,
    SpeechEnded,
    SpeechPaused,
    SpeechStarted,
    TurnEvent,
)
from appliance.units import SampleIndex, Seconds, TurnNumber

NOW = Seconds(100.0)
FIRST = TurnNumber(1)
HERE = SampleIndex(40_000)
LISTENING = turn.Listening(FIRST, until=Seconds(130.0), speech_heard=True)
SILENT = replace(LISTENING, end_by=Seconds(109.0))
FALLBACK = BackendChanged("local", "backend.stalled", "realtime")


def step(
    state: turn.State, event: TurnEvent, *, now: float = NOW, backend_ends: bool = True
) -> turn.Step:
    return turn.step(state, event, turn.Moment(Seconds(now), backend_ends_turns=backend_ends))


def commits(taken: turn.Step) -> list[turn.CommitTurn]:
    return [effect for effect in taken.effects if isinstance(effect, turn.CommitTurn)]


def test_silence_only_starts_the_guard_where_the_backend_finds_the_end() -> None:
    assert step(LISTENING, SpeechEnded(HERE)) == turn.Step(SILENT)
    assert turn.deadline(SILENT) == Seconds(109.0)


def test_end_that_the_backend_finds_commits_the_turn() -> None:
    assert commits(step(SILENT, EndOfTurnFound())) == [turn.CommitTurn(FIRST)]


def test_end_that_the_backend_finds_before_the_silence_commits_the_turn() -> None:
    assert commits(step(LISTENING, EndOfTurnFound())) == [turn.CommitTurn(FIRST)]


def test_quiet_talker_whom_only_the_backend_heard_is_answered() -> None:
    unheard = turn.Listening(FIRST, until=Seconds(105.0))
    assert commits(step(unheard, EndOfTurnFound())) == [turn.CommitTurn(FIRST)]


def test_silence_after_the_wake_word_is_not_the_end_of_a_turn() -> None:
    called = turn.Listening(FIRST, until=Seconds(105.0), doubt_until=Seconds(102.0))
    assert step(called, EndOfTurnFound(), now=101.9).state == replace(called, doubted=True)
    assert commits(step(called, EndOfTurnFound(), now=102.0)) == [turn.CommitTurn(FIRST)]


def test_short_request_after_the_wake_word_is_ended_where_both_heard_it_end() -> None:
    called = replace(LISTENING, doubt_until=Seconds(102.0))
    paused = step(called, SpeechPaused(HERE)).state
    assert commits(step(called, EndOfTurnFound())) == []
    assert commits(step(paused, EndOfTurnFound())) == [turn.CommitTurn(FIRST)]


def test_device_ends_the_turn_too_after_the_backend_has_found_an_end_that_was_none() -> None:
    doubted = replace(LISTENING, doubted=True)
    assert commits(step(doubted, SpeechEnded(HERE))) == [turn.CommitTurn(FIRST)]
    assert commits(step(doubted, EndOfTurnFound())) == [turn.CommitTurn(FIRST)]


def test_backend_alone_hears_nobody_in_a_window_in_which_nobody_need_speak() -> None:
    window = turn.Listening(FIRST, until=Seconds(104.0), follow_up=True)
    assert commits(step(window, EndOfTurnFound())) == []
    spoken = replace(window, speech_heard=True)
    assert commits(step(spoken, EndOfTurnFound())) == [turn.CommitTurn(FIRST)]


def test_backend_that_finds_no_end_keeps_nobody_waiting_for_ever() -> None:
    assert commits(step(SILENT, DeadlineReached(), now=108.9)) == []
    assert commits(step(SILENT, DeadlineReached(), now=109.0)) == [turn.CommitTurn(FIRST)]


def test_speech_that_goes_on_ends_the_guard() -> None:
    assert step(SILENT, SpeechStarted(SampleIndex(50_000))) == turn.Step(LISTENING)


def test_turn_that_had_ended_is_committed_to_a_backend_that_finds_no_ends() -> None:
    assert commits(step(SILENT, FALLBACK, backend_ends=False)) == [turn.CommitTurn(FIRST)]


def test_turn_that_had_ended_still_waits_for_another_backend_that_finds_ends() -> None:
    assert step(SILENT, FALLBACK).state == SILENT


def test_device_ends_the_turn_of_a_backend_that_took_over_in_the_middle_of_it() -> None:
    taken_over = step(LISTENING, FALLBACK, backend_ends=False)
    assert taken_over == turn.Step(LISTENING)
    ended = step(taken_over.state, SpeechEnded(HERE), backend_ends=False)
    assert commits(ended) == [turn.CommitTurn(FIRST)]


def test_pause_that_the_last_backend_was_told_of_does_not_count_for_the_next() -> None:
    paused = step(LISTENING, SpeechPaused(HERE), backend_ends=False).state
    taken_over = step(paused, FALLBACK, backend_ends=False).state
    ended = step(taken_over, SpeechEnded(HERE), backend_ends=False)
    assert commits(ended) == [turn.CommitTurn(FIRST, as_expected=False)]


def test_end_found_by_a_backend_that_serves_no_more_means_nothing() -> None:
    assert step(LISTENING, EndOfTurnFound(), backend_ends=False) == turn.Step(LISTENING)


def test_backend_that_takes_over_has_its_own_time_to_begin() -> None:
    waiting = turn.Waiting(FIRST, Seconds(101.0))
    assert step(waiting, FALLBACK).state == turn.Waiting(FIRST, Seconds(112.0))
