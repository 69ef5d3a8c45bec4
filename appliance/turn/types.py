"""States and effects of the turn machine.

A state carries exactly what is true in that state and nothing else, so a nonsensical combination
(a reply being played while idle) cannot be written down. Every state knows the number of the
latest turn, for a late reply must never pass for the answer to a newer turn, and the little of the
past that outlives a state.
"""

from dataclasses import dataclass, field

from appliance.events import ToolCalled
from appliance.ports import Cue
from appliance.units import ResponseId, SampleIndex, SampleRate, Seconds, TurnNumber


@dataclass(frozen=True, slots=True)
class Past:
    """What is still true of what came before this state."""

    offered: bool = False
    """The backend has a late reply to tell; it waits for a pause."""

    turns: int = 0
    """Turns committed and late replies taken since somebody called, by wake word or button."""

    broken_off: int = 0
    """Replies in a row that speech broke off. One that is heard to its end ends the row, unless it
    has become so long that speech interrupts nothing any more; a call always does."""

    written: bool = False
    """What is answered was written, not said: nobody need be in the room, so speech interrupts
    nothing and no follow-up window opens."""


NO_PAST = Past()


@dataclass(frozen=True, slots=True)
class Idle:
    """Only the wake word and the button are listened for; no sound goes anywhere."""

    turn: TurnNumber
    past: Past = NO_PAST


@dataclass(frozen=True, slots=True)
class Muted:
    """The mute switch is on; nothing but the switch gets us out of here."""

    turn: TurnNumber
    past: Past = NO_PAST


@dataclass(frozen=True, slots=True)
class Listening:
    """The user's turn: the microphone flows to the backend."""

    turn: TurnNumber
    until: Seconds
    prompt_at: Seconds | None = None
    """When to invite somebody who called and then fell silent; ``None``: not, or done."""

    speech_heard: bool = False
    paused_at: SampleIndex | None = None
    """Where the latest pause began; if the speech ends there, the backend expected it."""

    follow_up: bool = False
    """Opened after a reply, without the wake word: nobody may want anything."""

    doubt_until: Seconds | None = None
    """Until then an end that the backend finds, and before which the device has heard no pause, is
    that of the wake word, whose last sound is sent along."""

    doubted: bool = False
    """The backend has found an end that was none, so the device's counts, too."""

    end_by: Seconds | None = None
    """The speech has ended, but the backend finds the end of the turn itself; if it has not by
    then, it will not."""

    past: Past = NO_PAST


@dataclass(frozen=True, slots=True)
class Waiting:
    """The turn is committed and the (next) reply to it has not begun."""

    turn: TurnNumber
    until: Seconds
    past: Past = NO_PAST
    spoken: bool = False
    """Something was said to this turn already, so that it does not end in silence."""


@dataclass(frozen=True, slots=True)
class Speaking:
    """One reply, and only that one, may reach the loudspeaker and the house."""

    turn: TurnNumber
    response: ResponseId
    until: Seconds
    """By when the next piece, or the end of playback, must have come."""

    sounding: bool = False
    """Something of it has been sent to the loudspeaker."""

    ended: bool = False
    """The backend has sent all of it."""

    calls_tool: bool = False
    """Another reply to the same turn follows, when the tools have answered."""

    stay: bool = True
    """Afterwards the user may go on without the wake word."""

    past: Past = NO_PAST
    spoken: bool = False
    """Something was said to this turn before this reply."""


State = Idle | Muted | Listening | Waiting | Speaking

START = Idle(TurnNumber(0))
"""The state of a machine that has just been switched on."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Let the microphone flow to the backend and look for speech."""

    since: SampleIndex | None
    """Where the request may begin; ``None``: now."""

    lead: Seconds
    """Sound before ``since`` that belongs to it."""

    guard: Seconds = Seconds(0.0)
    """Sound after ``since`` that does not: the room still rings with our own voice."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Let no sound leave, but look for speech: somebody may talk over the reply."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Let no sound leave and look for the wake word only."""


@dataclass(frozen=True, slots=True)
class ExpectEnd:
    """Tell the backend that the user may have finished."""


@dataclass(frozen=True, slots=True)
class Enclose:
    """Give the backend what was written; it belongs to the turn that is committed next."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CommitTurn:
    """Tell the backend that the user has finished."""

    turn: TurnNumber
    as_expected: bool = False
    """Nothing was said since the backend was told to expect it."""


@dataclass(frozen=True, slots=True)
class TakeReply:
    """Have the backend tell what it offered, as the reply to this turn of nobody's."""

    turn: TurnNumber


@dataclass(frozen=True, slots=True)
class ClearTurn:
    """Have the backend forget the sound of a turn that came to nothing."""


@dataclass(frozen=True, slots=True)
class RunTool:
    """Carry out a call of the current reply."""

    call: ToolCalled


@dataclass(frozen=True, slots=True)
class DropTool:
    """Answer a call of a reply that the user has talked over: it was not carried out."""

    call: ToolCalled


@dataclass(frozen=True, slots=True)
class Play:
    """Send sound to the loudspeaker."""

    response: ResponseId
    pcm: bytes = field(repr=False)
    rate: SampleRate


@dataclass(frozen=True, slots=True)
class Finish:
    """Tell the loudspeaker that this reply is complete."""

    response: ResponseId


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Fall silent and tell the backend how much of this reply was heard."""

    response: ResponseId


@dataclass(frozen=True, slots=True)
class Refuse:
    """Tell the backend that this reply will not be played at all."""

    response: ResponseId


@dataclass(frozen=True, slots=True)
class Show:
    """Change what the person in the room sees."""

    cue: Cue


Effect = (
    Listen
    | Watch
    | Rest
    | ExpectEnd
    | Enclose
    | CommitTurn
    | TakeReply
    | ClearTurn
    | RunTool
    | DropTool
    | Play
    | Finish
    | Interrupt
    | Refuse
    | Show
)
