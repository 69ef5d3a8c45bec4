"""The turn machine.

Theory of operation
===================

``step`` takes the state, one event and the moment, and returns the next state with the effects to
carry out, in order. It reads no clock: the caller passes ``now`` and promises to bring a
``DeadlineReached`` when ``deadline(state)`` has passed.

               wake, button, house            end of turn            reply starts
        Idle ------------------> Listening ----------------> Waiting --------------> Speaking
         ^ |                     |   ^   ^                     | ^ ^                  |    |
         | |     nobody speaks   |   |   | wake word           | | | it called tools  |    |
         | +----<----------------+   |   +---------------------+ | +------------------+    |
         | |                         |                           |                         |
         | +-- a late reply is told -|---------------------------+                         |
         |                           +---- barge-in; reply played out: follow-up window ---+
         +---- too late, backend lost, stop, closing phrase --- (from every state)

The end of a turn is found by the device (``SpeechEnded``) or, where the backend ``ends_turns``, by
the backend (``EndOfTurnFound``); then the silence that the device hears is only a guard against a
backend that finds nothing. A *late reply* (``ReplyOffered``) waits for a pause: ``Idle``, or a
follow-up window in which nobody speaks yet. What somebody *wrote* (``TextAsked``) leads from
``Idle`` straight to ``Waiting``; no microphone opens for it, neither before nor after.

The mute switch wins from every state. Seven rules hold whatever the order of events (they are
checked in tests/property/test_turn_machine.py):

1. The microphone flows to the backend in ``Listening`` and in no other state.
2. A reply is played only while it is the reply of ``Speaking``, and ``Speaking`` is entered only
   by a reply to the latest turn, which was committed or taken.
3. A tool runs only for the reply of ``Speaking``; every other call is dropped, never ignored.
4. Every state but ``Idle`` and ``Muted`` has a deadline, so the machine always comes home.
5. Each turn is committed at most once, and cleared if it was not.
6. Each late reply is taken at most once, and never while somebody speaks or is spoken to.
7. Unless somebody calls (wake word, button, the house) or writes, only ``Timing.most_turns`` turns
   come about.
"""

from dataclasses import replace
from typing import assert_never

from appliance.events import (
    BackendChanged,
    BackendLost,
    ButtonPressed,
    DeadlineReached,
    EndOfTurnFound,
    ListenAsked,
    MuteSwitched,
    ReplyOffered,
    ReplyStarted,
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
from appliance.turn.moves import Step, ask, call, commit, leave, pause, refuse, stop, with_offer
from appliance.turn.speaking import speaking
from appliance.turn.timing import Moment
from appliance.turn.types import (
    DropTool,
    ExpectEnd,
    Idle,
    Listening,
    Muted,
    Rest,
    Show,
    Speaking,
    State,
    Waiting,
)
from appliance.units import Seconds


def deadline(state: State) -> Seconds | None:
    """Return when the machine must be woken if nothing else happens, or ``None`` for never."""
    match state:
        case Listening(until=until, prompt_at=prompt_at, end_by=end_by):
            return min(when for when in (until, prompt_at, end_by) if when is not None)
        case Waiting(until=until) | Speaking(until=until):
            return until
        case Idle() | Muted():
            return None
        case _:
            assert_never(state)


def step(state: State, event: TurnEvent, at: Moment) -> Step:
    """Take one event.

    Total: every event is accepted in every state, and one that has no meaning there changes
    nothing. Late news of a cancelled reply is normal, not an error.

    Args:
        state: Where the machine is.
        event: What happened.
        at: When, on the same clock as ``deadline``, and what is true just then.

    Returns:
        The next state and the effects to carry out, in order.
    """
    match event:
        case MuteSwitched(muted=muted):
            return _mute(state, at, muted=muted)
        case StopAsked() if not isinstance(state, Idle | Muted):
            return stop(state)
        case StopAsked() | BackendLost():
            # Nobody wants to hear what was offered, or nobody is left to tell it.
            return _step_by_state(with_offer(state, offered=False), event, at)
        case ReplyOffered():
            return _offer(with_offer(state, offered=True), at)
        case ToolCalled() if not _is_current(state, event):
            return Step(state, (DropTool(event),))
        case _:
            return _step_by_state(state, event, at)


def _step_by_state(state: State, event: TurnEvent, at: Moment) -> Step:
    match state:
        case Idle():
            return _idle(state, event, at)
        case Muted():
            return _refuse_replies(state, event)
        case Listening():
            return _listening(state, event, at)
        case Waiting():
            return _waiting(state, event, at)
        case Speaking():
            return speaking(state, event, at)
        case _:
            assert_never(state)


def _is_current(state: State, event: ToolCalled) -> bool:
    return isinstance(state, Speaking) and state.response == event.response


def _refuse_replies(state: State, event: TurnEvent) -> Step:
    """Take an event that can only be news of a reply that nobody waits for."""
    return refuse(state, event.response) if isinstance(event, ReplyStarted) else Step(state)


def _offer(state: State, at: Moment) -> Step:
    match state:
        case Idle():
            taken = pause(state, at, leaving=())
            return taken if isinstance(taken.state, Waiting) else Step(state)
        case Listening(follow_up=True, speech_heard=False):
            taken = pause(state, at, leaving=leave(state))
            return taken if isinstance(taken.state, Waiting) else Step(state)
        case _:
            return Step(state)


def _idle(state: Idle, event: TurnEvent, at: Moment) -> Step:
    match event:
        case WakeWordHeard() | ButtonPressed() | ListenAsked():
            return call(state, event, at)
        case TextAsked():
            return ask(state, event, at)
        case _:
            return _refuse_replies(state, event)


def _listening(state: Listening, event: TurnEvent, at: Moment) -> Step:
    match event:
        case SpeechStarted() | SpeechPaused() | SpeechEnded():
            return _speech(state, event, at)
        case EndOfTurnFound() if at.backend_ends_turns:
            return Step(replace(state, doubted=True)) if _doubts(state, at) else commit(state, at)
        case BackendChanged():
            return _another_backend(state, at)
        case DeadlineReached():
            return _too_long(state, at)
        case WakeWordHeard():  # called again: what was said before was not for us
            return call(state, event, at)
        case ButtonPressed():  # the other use of the button: never mind
            return pause(state, at, leaving=leave(state))
        case BackendLost():
            return stop(state, Cue.FAILED)
        case _:
            return _refuse_replies(state, event)


def _speech(
    state: Listening, event: SpeechStarted | SpeechPaused | SpeechEnded, at: Moment
) -> Step:
    match event:
        case SpeechStarted() if state.speech_heard:  # it goes on
            return Step(replace(state, end_by=None))
        case SpeechStarted():
            until = at.after(at.timing.longest_turn)
            return Step(replace(state, until=until, prompt_at=None, speech_heard=True))
        case SpeechPaused(at=where) if state.speech_heard:
            return Step(replace(state, paused_at=where), (ExpectEnd(),))
        case SpeechEnded() if state.speech_heard and at.backend_ends_turns and not state.doubted:
            return Step(replace(state, end_by=at.after(at.timing.backend_end)))
        case SpeechEnded(at=where) if state.speech_heard:
            return commit(state, at, as_expected=where == state.paused_at)
        case _:
            return Step(state)


def _doubts(state: Listening, at: Moment) -> bool:
    """Whether nobody can have finished, whatever the backend says.

    Who called may speak too quietly for the device; in a follow-up window it is rather the room.
    """
    if state.follow_up and not state.speech_heard:
        return True
    early = state.doubt_until is not None and at.now < state.doubt_until
    return early and state.paused_at is None


def _another_backend(state: Listening, at: Moment) -> Step:
    """Go on with a backend that was told of no pause, and may leave the end of the turn to us."""
    if state.end_by is not None and not at.backend_ends_turns:
        return commit(state, at)
    return Step(replace(state, paused_at=None))


def _too_long(state: Listening, at: Moment) -> Step:
    if at.now >= state.until:
        if state.speech_heard:
            return commit(state, at)
        cue = Cue.IDLE if state.follow_up else Cue.UNHEARD
        return pause(state, at, cue, leaving=leave(state))
    if state.end_by is not None and at.now >= state.end_by:
        return commit(state, at)
    if state.prompt_at is not None and at.now >= state.prompt_at:
        return Step(replace(state, prompt_at=None), (Show(Cue.PROMPT),))
    return Step(state)


def _waiting(state: Waiting, event: TurnEvent, at: Moment) -> Step:
    match event:
        case ReplyStarted(response=response, turn=turn) if turn == state.turn:
            until = at.after(at.timing.stall)
            return Step(Speaking(turn, response, until, past=state.past, spoken=state.spoken))
        case WakeWordHeard() | ButtonPressed() | ListenAsked():
            return call(state, event, at)
        case BackendChanged():  # it has its own time to begin
            until = Seconds(max(state.until, at.after(at.timing.reply)))
            return Step(replace(state, until=until))
        case DeadlineReached() if at.now >= state.until:
            return stop(state, Cue.FAILED)
        case BackendLost():
            return stop(state, Cue.FAILED)
        case _:
            return _refuse_replies(state, event)


def _mute(state: State, at: Moment, *, muted: bool) -> Step:
    if muted and not isinstance(state, Muted):
        silent = Muted(state.turn, state.past)
        return Step(silent, (*leave(state), Rest(), Show(Cue.MUTED)))
    if not muted and isinstance(state, Muted):
        return pause(state, at, leaving=())
    return Step(state)
