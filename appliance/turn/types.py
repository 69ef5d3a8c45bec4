"""States and effects of the turn machine.

A state carries exactly what is true in that state and nothing else, so a nonsensical combination
(a reply being played while idle) cannot be written down. Every state knows the number of the
latest turn, for a late reply must never pass for the answer to a newer turn.
"""

from dataclasses import dataclass, field

from appliance.events import ToolCalled
from appliance.ports import Cue
from appliance.units import ResponseId, SampleIndex, SampleRate, Seconds, TurnNumber


@dataclass(frozen=True, slots=True)
class Idle:
    """Only the wake word and the button are listened for; no sound goes anywhere."""

    turn: TurnNumber


@dataclass(frozen=True, slots=True)
class Muted:
    """The mute switch is on; nothing but the switch gets us out of here."""

    turn: TurnNumber


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


@dataclass(frozen=True, slots=True)
class Waiting:
    """The turn is committed and the (next) reply to it has not begun."""

    turn: TurnNumber
    until: Seconds


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
class CommitTurn:
    """Tell the backend that the user has finished."""

    turn: TurnNumber
    as_expected: bool = False
    """Nothing was said since the backend was told to expect it."""


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
    | CommitTurn
    | ClearTurn
    | RunTool
    | DropTool
    | Play
    | Finish
    | Interrupt
    | Refuse
    | Show
)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the machine waits."""

    first_word: Seconds = Seconds(5.0)
    """Silence after the wake word before we give up."""

    prompt: Seconds = Seconds(0.6)
    """Silence after the wake word before a short sound invites the request. Who speaks on without
    a pause is noticed within 0.3 s (wake word latency and ``speech.shortest_s``) and is never
    talked over by the sound."""

    longest_turn: Seconds = Seconds(31.0)
    """Guards against an endpointer that never ends a turn; it should do so a second earlier."""

    reply: Seconds = Seconds(12.0)
    """From the end of the user's turn, or of the tools, to the first piece of the reply."""

    stall: Seconds = Seconds(6.0)
    """Longest gap inside a reply before it is given up."""

    longest_reply: Seconds = Seconds(120.0)
    """From the last piece sent to the last piece played."""

    follow_up: Seconds = Seconds(4.0)
    """After a reply, how long the user may go on without the wake word; 0 turns it off."""

    pre_roll: Seconds = Seconds(0.2)
    """Sound from before a wake word's detection that belongs to the request. Measured 2026-11-21
    on 20 requests by six synthetic voices that went on without a pause, transcribed by Moonshine
    base: word for word right at a lead of 0.0 s 2, 0.1 s 6, 0.2 s 16, 0.3 s 9, 0.45 s 1, and
    never with the whole wake word in front ("Hey Jarvis, said the thermostat ...")."""

    button_lead: Seconds = Seconds(0.2)
    """People speak while they press."""

    barge_in_lead: Seconds = Seconds(0.3)
    """Sound before the first noticed speech: the onset of the first syllable."""

    speech_interrupts: bool = False
    """Whether speech alone, without the wake word, interrupts a reply."""
