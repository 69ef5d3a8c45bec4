"""The turn machine while a reply is spoken: its pieces, its end, and who talks over it."""

from dataclasses import replace
from typing import assert_never

from appliance.events import (
    BackendLost,
    ButtonPressed,
    DeadlineReached,
    ListenAsked,
    PlaybackDrained,
    ReplyAudio,
    ReplyCut,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    SpeechStarted,
    ToolCalled,
    TurnEvent,
    WakeWordHeard,
)
from appliance.ports import Cue
from appliance.turn.moves import (
    Step,
    call,
    follow_up,
    leave,
    may_take,
    pause,
    refuse,
    restrained,
    stop,
)
from appliance.turn.timing import Moment
from appliance.turn.types import (
    Effect,
    Finish,
    Interrupt,
    Listen,
    Listening,
    Past,
    Play,
    Rest,
    RunTool,
    Show,
    Speaking,
    Waiting,
    Watch,
)
from appliance.units import SampleIndex, TurnNumber


def speaking(state: Speaking, event: TurnEvent, at: Moment) -> Step:
    """Take one event in ``Speaking``."""
    match event:
        case ReplyAudio() | ReplyText() | ReplyEnded() | PlaybackDrained() | ToolCalled():
            return (
                _own_reply(state, event, at) if event.response == state.response else Step(state)
            )
        case ReplyStarted(response=response, turn=turn):
            if turn != state.turn or not state.ended:
                return refuse(state, response)
            return Step(  # the tools have answered; what was said before plays out first
                Speaking(
                    turn,
                    response,
                    at.after(at.timing.stall),
                    sounding=state.sounding,
                    past=state.past,
                    spoken=state.spoken,
                )
            )
        case ReplyCut(response=response) if response == state.response:
            waiting = Waiting(state.turn, at.after(at.timing.reply), state.past, spoken=True)
            return Step(waiting, (Interrupt(response), Rest(), Show(Cue.THINKING)))
        case SpeechStarted(at=where) if _attentive(state, at) and at.speech_is_a_persons:
            return _talked_over(state, where, at)
        case WakeWordHeard() | ButtonPressed() | ListenAsked():
            return call(state, event, at)
        case DeadlineReached() if at.now >= state.until:
            return stop(state, Cue.FAILED)
        case BackendLost() if not state.ended or state.calls_tool:  # the rest will not come
            return stop(state, Cue.FAILED)
        case _:
            return Step(state)


def _own_reply(
    state: Speaking,
    event: ReplyAudio | ReplyText | ReplyEnded | PlaybackDrained | ToolCalled,
    at: Moment,
) -> Step:
    match event:
        case ReplyText():  # a sign of life
            return Step(state if state.ended else replace(state, until=at.after(at.timing.stall)))
        case ToolCalled():
            until = state.until if state.ended else at.after(at.timing.stall)
            return Step(replace(state, until=until, calls_tool=True), (RunTool(event),))
        case ReplyAudio() if state.ended:
            return Step(state)
        case ReplyAudio(response=response, pcm=pcm, rate=rate):
            first = () if state.sounding else _speak_up(state, at)
            until = at.after(at.timing.stall)
            return Step(
                replace(state, until=until, sounding=True), (*first, Play(response, pcm, rate))
            )
        case ReplyEnded(response=response, calls_tool=calls_tool, stay=stay):
            ended = replace(
                state,
                until=at.after(at.timing.longest_reply),
                ended=True,
                calls_tool=state.calls_tool or calls_tool,
                stay=stay,
            )
            return Step(ended, () if state.ended else (Finish(response),))
        case PlaybackDrained():
            return _after_reply(state, at) if state.ended else Step(state)
        case _:
            assert_never(event)


def _speak_up(state: Speaking, at: Moment) -> tuple[Effect, ...]:
    watch = (Watch(),) if _attentive(state, at) else ()
    return (Show(Cue.SPEAKING), *watch)


def _attentive(state: Speaking, at: Moment) -> bool:
    """Whether speech may interrupt this reply, if it can be told from the reply."""
    return at.timing.barge_in != "wake_word" and not restrained(state.past, at.timing)


def _talked_over(state: Speaking, where: SampleIndex, at: Moment) -> Step:
    listening = Listening(
        TurnNumber(state.turn + 1),
        at.after(at.timing.longest_turn),
        speech_heard=True,
        past=replace(state.past, broken_off=state.past.broken_off + 1),
    )
    listen = Listen(where, at.timing.barge_in_lead)
    return Step(listening, (*leave(state), listen, Show(Cue.LISTENING)))


def _after_reply(state: Speaking, at: Moment) -> Step:
    if state.calls_tool:
        spoken = state.spoken or state.sounding
        waiting = Waiting(state.turn, at.after(at.timing.after_tools), state.past, spoken)
        return Step(waiting, (Rest(), Show(Cue.THINKING)))
    past = _heard_out(state, at)
    welcome = state.stay and state.sounding and at.timing.follow_up > 0
    if welcome and not restrained(past, at.timing) and not may_take(past, at.timing):
        return follow_up(state, past, at)
    silent = state.stay and not (state.sounding or state.spoken)
    cue = Cue.FAILED if silent else Cue.IDLE  # nobody is left in silence without a sign
    return pause(replace(state, past=past), at, cue, leaving=())


def _heard_out(state: Speaking, at: Moment) -> Past:
    if state.sounding and not restrained(state.past, at.timing):
        return replace(state.past, broken_off=0)
    return state.past
