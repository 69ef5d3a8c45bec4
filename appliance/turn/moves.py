"""Moves from one state to another that several states share, and what keeps them from a loop.

A box that hears itself, or a television, must not converse with it for ever. Two counts in
``Past`` bound what can happen between two calls by wake word or button: turns, and replies that
speech broke off. Once either is used up, the box is *restrained*: speech interrupts nothing, no
follow-up window opens and, for the first, no late reply is told until somebody calls.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from appliance.events import ButtonPressed, ListenAsked, TextAsked, WakeWordHeard
from appliance.ports import Cue
from appliance.turn.timing import Moment, Timing
from appliance.turn.types import (
    NO_PAST,
    ClearTurn,
    CommitTurn,
    Effect,
    Enclose,
    Idle,
    Interrupt,
    Listen,
    Listening,
    Muted,
    Past,
    Refuse,
    Rest,
    Show,
    Speaking,
    State,
    TakeReply,
    Waiting,
)
from appliance.units import ResponseId, Seconds, TurnNumber


@dataclass(frozen=True, slots=True)
class Step:
    """Where the machine is now and what is to be done, in this order."""

    state: State
    effects: tuple[Effect, ...] = ()


def restrained(past: Past, timing: Timing) -> bool:
    """Whether only a call may open the microphone."""
    if past.written:
        return True
    return past.turns >= timing.most_turns or past.broken_off >= timing.most_broken_off


def may_take(past: Past, timing: Timing) -> bool:
    """Whether a late reply waits and may be told at a pause."""
    return past.offered and past.turns < timing.most_turns


def with_offer(state: State, *, offered: bool) -> State:
    """Return the state with a late reply remembered, or forgotten."""
    return replace(state, past=replace(state.past, offered=offered))


def refuse(state: State, response: ResponseId) -> Step:
    """Have nothing of a reply that nobody waits for."""
    return Step(state, (Refuse(response),))


def call(state: State, event: WakeWordHeard | ButtonPressed | ListenAsked, at: Moment) -> Step:
    """Listen to somebody who called, whatever we were doing."""
    if isinstance(event, WakeWordHeard):
        listen = Listen(event.at, at.timing.pre_roll)
        doubt_until = at.after(at.timing.wake_word_tail)
    else:
        listen = Listen(None, at.timing.button_lead)
        doubt_until = None
    listening = Listening(
        TurnNumber(state.turn + 1),
        until=at.after(at.timing.first_word),
        prompt_at=at.after(at.timing.prompt),
        doubt_until=doubt_until,
        past=replace(NO_PAST, offered=state.past.offered),
    )
    return Step(listening, (*leave(state), listen, Show(Cue.LISTENING)))


def ask(state: Idle, event: TextAsked, at: Moment) -> Step:
    """Have answered what somebody wrote, as if it had been said; the microphone stays closed."""
    number = TurnNumber(state.turn + 1)
    past = replace(NO_PAST, offered=state.past.offered, turns=1, written=True)
    return Step(
        Waiting(number, at.after(at.timing.reply), past),
        (Enclose(event.text), CommitTurn(number), Show(Cue.THINKING)),
    )


def commit(state: Listening, at: Moment, *, as_expected: bool = False) -> Step:
    """Take what was said as a whole."""
    past = replace(state.past, turns=state.past.turns + 1)
    return Step(
        Waiting(state.turn, at.after(at.timing.reply), past),
        (Rest(), CommitTurn(state.turn, as_expected), Show(Cue.THINKING)),
    )


def pause(state: State, at: Moment, cue: Cue = Cue.IDLE, *, leaving: tuple[Effect, ...]) -> Step:
    """Come to rest, unless a late reply has waited for this moment."""
    past = state.past
    if not may_take(past, at.timing):
        return Step(Idle(state.turn, past), (*leaving, Rest(), Show(cue)))
    number = TurnNumber(state.turn + 1)
    past = replace(past, offered=False, turns=past.turns + 1)
    return Step(
        Waiting(number, at.after(at.timing.reply), past),
        (*leaving, Rest(), TakeReply(number), Show(Cue.THINKING)),
    )


def stop(state: State, cue: Cue = Cue.IDLE) -> Step:
    """Come to rest now, and forget a late reply: nobody wants it, or nobody would tell it."""
    past = replace(state.past, offered=False)
    return Step(Idle(state.turn, past), (*leave(state), Rest(), Show(cue)))


def leave(state: State) -> tuple[Effect, ...]:
    """Return what must be undone before ``state`` can be left."""
    match state:
        case Listening() | Waiting():  # what has not left yet must not leave
            return (ClearTurn(),)
        case Speaking(response=response):
            return (Interrupt(response),)
        case Idle() | Muted():
            return ()
        case _:
            assert_never(state)


def follow_up(state: Speaking, past: Past, at: Moment) -> Step:
    """Let the user go on without the wake word, once the room has stopped ringing."""
    guard = Seconds(0.0) if at.speech_is_a_persons else at.timing.echo_guard
    listening = Listening(
        TurnNumber(state.turn + 1),
        until=at.after(Seconds(guard + at.timing.follow_up)),
        follow_up=True,
        past=past,
    )
    return Step(listening, (Listen(None, Seconds(0.0), guard), Show(Cue.LISTENING)))
