"""The turn machine.

Theory of operation
===================

``step`` takes the state, one event and the time, and returns the next state with the effects to
carry out, in order. It reads no clock: the caller passes ``now`` and promises to bring a
``DeadlineReached`` when ``deadline(state)`` has passed.

                  wake, button               end of speech            reply starts
        Idle ------------------> Listening ----------------> Waiting --------------> Speaking
         ^                       |   ^   ^                     |   ^                  |    |
         |  nobody speaks        |   |   | wake word           |   | it called tools  |    |
         +-----------------------+   |   +---------------------+   +------------------+    |
         |                           |                                                     |
         |                           +---- barge-in; reply played out: follow-up window ---+
         +---- too late, backend lost, stop, closing phrase --- (from every state)

The mute switch wins from every state. Five rules hold whatever the order of events (they are
checked in tests/property/test_turn_machine.py):

1. The microphone flows to the backend in ``Listening`` and in no other state.
2. A reply is played only while it is the reply of ``Speaking``, and ``Speaking`` is entered only
   by a reply to the latest turn.
3. A tool runs only for the reply of ``Speaking``; every other call is dropped, never ignored.
4. Every state but ``Idle`` and ``Muted`` has a deadline, so the machine always comes home.
5. Each turn is committed at most once, and cleared if it was not.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from appliance.events import (
    BackendLost,
    ButtonPressed,
    DeadlineReached,
    MuteSwitched,
    PlaybackDrained,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    SpeechEnded,
    SpeechPaused,
    SpeechStarted,
    StopAsked,
    ToolCalled,
    TurnEvent,
    WakeWordHeard,
)
from appliance.ports import Cue
from appliance.turn.types import (
    ClearTurn,
    CommitTurn,
    DropTool,
    Effect,
    ExpectEnd,
    Finish,
    Idle,
    Interrupt,
    Listen,
    Listening,
    Muted,
    Play,
    Refuse,
    Rest,
    RunTool,
    Show,
    Speaking,
    State,
    Timing,
    Waiting,
    Watch,
)
from appliance.units import SampleIndex, Seconds, TurnNumber


@dataclass(frozen=True, slots=True)
class Step:
    """Where the machine is now and what is to be done, in this order."""

    state: State
    effects: tuple[Effect, ...] = ()


def deadline(state: State) -> Seconds | None:
    """Return when the machine must be woken if nothing else happens, or ``None`` for never."""
    match state:
        case Listening(until=until, prompt_at=prompt_at):
            return until if prompt_at is None else min(until, prompt_at)
        case Waiting(until=until) | Speaking(until=until):
            return until
        case Idle() | Muted():
            return None
        case _:
            assert_never(state)


def step(state: State, event: TurnEvent, *, now: Seconds, timing: Timing) -> Step:
    """Take one event.

    Total: every event is accepted in every state, and one that has no meaning there changes
    nothing. Late news of a cancelled reply is normal, not an error.

    Args:
        state: Where the machine is.
        event: What happened.
        now: When, on the same clock as ``deadline``.
        timing: The patience of the machine.

    Returns:
        The next state and the effects to carry out, in order.
    """
    match event:
        case MuteSwitched(muted=muted):
            return _mute(state, muted=muted)
        case StopAsked() if not isinstance(state, Idle | Muted):
            return _home(state)
        case ToolCalled() if not _is_current(state, event):
            return Step(state, (DropTool(event),))
        case _:
            return _step_by_state(state, event, now, timing)


def _step_by_state(state: State, event: TurnEvent, now: Seconds, timing: Timing) -> Step:
    match state:
        case Idle():
            return _idle(state, event, now, timing)
        case Muted():
            return _refuse_replies(state, event)
        case Listening():
            return _listening(state, event, now, timing)
        case Waiting():
            return _waiting(state, event, now, timing)
        case Speaking():
            return _speaking(state, event, now, timing)
        case _:
            assert_never(state)


def _is_current(state: State, call: ToolCalled) -> bool:
    return isinstance(state, Speaking) and state.response == call.response


def _refuse_replies(state: State, event: TurnEvent) -> Step:
    """Take an event that can only be news of a reply that nobody waits for."""
    if isinstance(event, ReplyStarted):
        return Step(state, (Refuse(event.response),))
    return Step(state)


def _idle(state: Idle, event: TurnEvent, now: Seconds, timing: Timing) -> Step:
    match event:
        case WakeWordHeard() | ButtonPressed():
            return _called(state, event, now, timing)
        case _:
            return _refuse_replies(state, event)


def _listening(state: Listening, event: TurnEvent, now: Seconds, timing: Timing) -> Step:
    match event:
        case SpeechStarted() if not state.speech_heard:
            until = Seconds(now + timing.longest_turn)
            return Step(replace(state, until=until, prompt_at=None, speech_heard=True))
        case SpeechPaused(at=at) if state.speech_heard:
            return Step(replace(state, paused_at=at), (ExpectEnd(),))
        case SpeechEnded(at=at) if state.speech_heard:
            return _commit(state, now, timing, as_expected=at == state.paused_at)
        case DeadlineReached() if now >= state.until:
            return _commit(state, now, timing) if state.speech_heard else _unheard(state)
        case DeadlineReached() if state.prompt_at is not None and now >= state.prompt_at:
            return Step(replace(state, prompt_at=None), (Show(Cue.PROMPT),))
        case WakeWordHeard():  # called again: what was said before was not for us
            return _called(state, event, now, timing)
        case ButtonPressed():  # the other use of the button: never mind
            return _home(state)
        case BackendLost():
            return _home(state, Cue.FAILED)
        case _:
            return _refuse_replies(state, event)


def _waiting(state: Waiting, event: TurnEvent, now: Seconds, timing: Timing) -> Step:
    match event:
        case ReplyStarted(response=response, turn=turn) if turn == state.turn:
            return Step(Speaking(turn, response, until=Seconds(now + timing.stall)))
        case WakeWordHeard() | ButtonPressed():
            return _called(state, event, now, timing)
        case DeadlineReached() if now >= state.until:
            return _home(state, Cue.FAILED)
        case BackendLost():
            return _home(state, Cue.FAILED)
        case _:
            return _refuse_replies(state, event)


def _speaking(state: Speaking, event: TurnEvent, now: Seconds, timing: Timing) -> Step:
    match event:
        case ReplyAudio() | ReplyEnded() | PlaybackDrained() | ToolCalled():
            if event.response != state.response:
                return Step(state)
            return _own_reply(state, event, now, timing)
        case SpeechStarted(at=at) if timing.speech_interrupts:
            return _talked_over(state, at, now, timing)
        case WakeWordHeard() | ButtonPressed():
            return _called(state, event, now, timing)
        case ReplyStarted(response=response, turn=turn) if turn == state.turn and state.ended:
            return Step(  # the tools have answered; what was said before plays out first
                Speaking(turn, response, Seconds(now + timing.stall), sounding=state.sounding)
            )
        case DeadlineReached() if now >= state.until:
            return _home(state, Cue.FAILED)
        case BackendLost() if not state.ended:
            return _home(state, Cue.FAILED)
        case _:
            return _refuse_replies(state, event)


def _own_reply(
    state: Speaking,
    event: ReplyAudio | ReplyEnded | PlaybackDrained | ToolCalled,
    now: Seconds,
    timing: Timing,
) -> Step:
    match event:
        case ToolCalled():
            return Step(replace(state, calls_tool=True), (RunTool(event),))
        case ReplyAudio() if state.ended:
            return Step(state)
        case ReplyAudio(response=response, pcm=pcm, rate=rate):
            first = () if state.sounding else _speak_up(timing)
            until = Seconds(now + timing.stall)
            return Step(
                replace(state, until=until, sounding=True), (*first, Play(response, pcm, rate))
            )
        case ReplyEnded(response=response, calls_tool=calls_tool, stay=stay):
            ended = replace(
                state,
                until=Seconds(now + timing.longest_reply),
                ended=True,
                calls_tool=state.calls_tool or calls_tool,
                stay=stay,
            )
            return Step(ended, () if state.ended else (Finish(response),))
        case PlaybackDrained():
            return _after_reply(state, now, timing) if state.ended else Step(state)
        case _:
            assert_never(event)


def _speak_up(timing: Timing) -> tuple[Effect, ...]:
    watch = (Watch(),) if timing.speech_interrupts else ()
    return (Show(Cue.SPEAKING), *watch)


def _after_reply(state: Speaking, now: Seconds, timing: Timing) -> Step:
    if state.calls_tool:
        waiting = Waiting(state.turn, until=Seconds(now + timing.reply))
        return Step(waiting, (Rest(), Show(Cue.THINKING)))
    if state.stay and timing.follow_up > 0 and state.sounding:
        turn = TurnNumber(state.turn + 1)
        until = Seconds(now + timing.follow_up)
        return Step(
            Listening(turn, until, follow_up=True),
            (Listen(None, Seconds(0.0)), Show(Cue.LISTENING)),
        )
    return Step(Idle(state.turn), (Rest(), Show(Cue.IDLE)))


def _called(
    state: State, event: WakeWordHeard | ButtonPressed, now: Seconds, timing: Timing
) -> Step:
    """Listen to somebody who called, whatever we were doing."""
    if isinstance(event, WakeWordHeard):
        listen = Listen(event.at, timing.pre_roll)
    else:
        listen = Listen(None, timing.button_lead)
    listening = Listening(
        TurnNumber(state.turn + 1),
        until=Seconds(now + timing.first_word),
        prompt_at=Seconds(now + timing.prompt),
    )
    return Step(listening, (*_leave(state), listen, Show(Cue.LISTENING)))


def _talked_over(state: Speaking, at: SampleIndex, now: Seconds, timing: Timing) -> Step:
    turn = TurnNumber(state.turn + 1)
    listening = Listening(turn, Seconds(now + timing.longest_turn), speech_heard=True)
    listen = Listen(at, timing.barge_in_lead)
    return Step(listening, (*_leave(state), listen, Show(Cue.LISTENING)))


def _commit(state: Listening, now: Seconds, timing: Timing, *, as_expected: bool = False) -> Step:
    return Step(
        Waiting(state.turn, until=Seconds(now + timing.reply)),
        (Rest(), CommitTurn(state.turn, as_expected), Show(Cue.THINKING)),
    )


def _unheard(state: Listening) -> Step:
    return _home(state, Cue.IDLE if state.follow_up else Cue.UNHEARD)


def _mute(state: State, *, muted: bool) -> Step:
    if muted and not isinstance(state, Muted):
        return Step(Muted(state.turn), (*_leave(state), Rest(), Show(Cue.MUTED)))
    if not muted and isinstance(state, Muted):
        return Step(Idle(state.turn), (Show(Cue.IDLE),))
    return Step(state)


def _home(state: State, cue: Cue = Cue.IDLE) -> Step:
    return Step(Idle(state.turn), (*_leave(state), Rest(), Show(cue)))


def _leave(state: State) -> tuple[Effect, ...]:
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
