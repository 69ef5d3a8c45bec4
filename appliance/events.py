"""What can happen to the appliance.

Plain facts in the past tense, frozen, with no methods. What decides (``appliance.turn``) takes
them in; what senses (``detect``, ``board``, ``backend``, ``audio``) gives them out. Whatever a
person said or was told stands in a field that ``repr`` leaves out, so that no log can carry it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from appliance.units import CallId, ResponseId, SampleIndex, SampleRate, Seconds, TurnNumber


@dataclass(frozen=True, slots=True)
class WakeWordHeard:
    """The wake word model's score passed its threshold."""

    word: str
    score: float
    """0 to 1, as the model reports it; kept for tuning, never compared again."""

    at: SampleIndex
    """End of the frame that completed it."""

    bearing: float | None = None
    """Where it came from, in degrees from the array's front; ``None``: not known."""


@dataclass(frozen=True, slots=True)
class ButtonPressed:
    """Somebody pressed the talk button."""


@dataclass(frozen=True, slots=True)
class MuteSwitched:
    """The mute switch moved, or mute was set from outside; it is the truth, we only follow it."""

    muted: bool


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody speaks."""

    at: SampleIndex
    """Where the speech began, which is before it was noticed."""


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """The speaker has fallen silent, perhaps for good; told once for each silence."""

    at: SampleIndex
    """Where the last speech ended. If it really was the last, ``SpeechEnded.at`` is the same."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The endpointer says the speaker has finished."""

    at: SampleIndex
    """Where the last speech ended: the trailing silence lies between this and now."""


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The backend wrote down what the user said."""

    turn: TurnNumber
    text: str = field(repr=False)
    took: Seconds = Seconds(0.0)
    """Wall-clock cost of the transcription."""


@dataclass(frozen=True, slots=True)
class Understood:
    """The backend decided what the user wants; only of backends that can be looked into."""

    turn: TurnNumber
    stage: str
    """Which stage found it: ``sentences``, ``nearest``, ``none`` …"""

    summary: str = field(repr=False)
    """The calls in one line, or why there are none."""

    took: Seconds = Seconds(0.0)


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The backend wants an action carried out; an answer is owed whatever happens."""

    call: CallId
    response: ResponseId
    tool: str
    arguments: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """A tool call came to its end."""

    call: CallId
    tool: str
    status: str
    """``done``, ``unchanged``, ``unconfirmed``, ``rejected`` or ``failed``."""

    took: Seconds
    detail: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """The backend began a reply."""

    response: ResponseId
    turn: TurnNumber
    """The turn it answers; not always the latest, for the user may have spoken again."""


@dataclass(frozen=True, slots=True)
class ReplyText:
    """A piece of what is being said, as text."""

    response: ResponseId
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """A piece of the reply, in order."""

    response: ResponseId
    pcm: bytes = field(repr=False)
    """Signed 16-bit little-endian mono."""

    rate: SampleRate
    """The same for every piece of one reply."""


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The backend has sent the whole reply; it may not all have been played."""

    response: ResponseId
    calls_tool: bool = False
    """Another reply to the same turn follows: when the tools that it asked for have answered, or
    because another backend takes over. ``False`` also when tools still work and the backend has
    said so: their answers are then offered (``ReplyOffered``)."""

    stay: bool = True
    """Whether the user may go on without the wake word; ``False`` after a closing phrase."""


@dataclass(frozen=True, slots=True)
class ReplyCut:
    """The rest of a reply must not be heard, nor what waits for the loudspeaker.

    Another reply to the same turn follows. The reply is cancelled by the conversation.
    """

    response: ResponseId
    rule: str = ""
    """The name of the rule that it broke."""


@dataclass(frozen=True, slots=True)
class ReplyOffered:
    """A tool answered late, when the conversation had gone on; the backend can tell it now.

    Taken by ``Backend.take_reply`` at the next pause. Offered once; newer offers replace older.
    """


@dataclass(frozen=True, slots=True)
class EndOfTurnFound:
    """A backend that listens for it itself (``Backend.ends_turns``) says: the user has finished.

    The turn is still committed by the conversation, which tells the backend its number.
    """


@dataclass(frozen=True, slots=True)
class BackendChanged:
    """Another backend serves from now on."""

    name: str
    """As in ``backend.order``: ``realtime``, ``local``."""

    reason: str
    """The code of the error, or ``recovered``, ``chosen``, ``privacy``, ``budget``,
    ``configured``."""

    previous: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What one reply or transcription was billed for, in tokens unless said otherwise.

    The cached tokens are part of the others, as vendors report them.
    """

    model: str
    text_in: int = 0
    text_cached: int = 0
    audio_in: int = 0
    audio_cached: int = 0
    image_in: int = 0
    image_cached: int = 0
    text_out: int = 0
    audio_out: int = 0
    audio_s: Seconds = Seconds(0.0)
    """Length of the sound, for what is billed by time."""
    characters: int = 0
    """Of the text that was spoken, for what is billed by them."""
    free: bool = False
    """Nobody asks for money: the server is our own. It is counted all the same."""


@dataclass(frozen=True, slots=True)
class Used:
    """A backend reported what something cost."""

    usage: Usage
    turn: TurnNumber | None = None


@dataclass(frozen=True, slots=True)
class StageTook:
    """One part of a backend that is made of parts has done its work for a reply."""

    turn: TurnNumber
    stage: str
    """``stt``, ``llm`` or ``tts``."""

    title: str
    """What did it: ``deepgram nova-3``."""

    first: Seconds
    """From when it was asked to what came of it first."""

    took: Seconds
    """From when it was asked to the last of it."""


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    """The first sample of a reply left for the loudspeaker."""

    response: ResponseId


@dataclass(frozen=True, slots=True)
class PlaybackDrained:
    """The loudspeaker has played the whole reply."""

    response: ResponseId


@dataclass(frozen=True, slots=True)
class BackendLost:
    """The backend went away in the middle of a turn."""

    code: str
    """The ``code`` of the error (see ``appliance.errors``); or what speaks against everybody who
    could answer: ``privacy``, ``budget``."""


@dataclass(frozen=True, slots=True)
class StopAsked:
    """Fall silent and go to rest: a stop word, a button held, or MQTT."""


@dataclass(frozen=True, slots=True)
class ListenAsked:
    """The house asked the box to listen, as after the wake word.

    Unlike the button it confirms nothing and never means "never mind": whoever sends it need not
    be in the room.
    """


@dataclass(frozen=True, slots=True)
class TextAsked:
    """Somebody wrote what others say."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """The time that ``turn.deadline`` asked for has come."""


BackendEvent = (
    Transcribed
    | Understood
    | ToolCalled
    | ReplyStarted
    | ReplyText
    | ReplyAudio
    | ReplyEnded
    | ReplyCut
    | ReplyOffered
    | EndOfTurnFound
    | BackendChanged
    | Used
    | StageTook
    | BackendLost
)

HeardEvent = WakeWordHeard | SpeechStarted | SpeechPaused | SpeechEnded

TurnEvent = (
    HeardEvent
    | ButtonPressed
    | MuteSwitched
    | StopAsked
    | ListenAsked
    | TextAsked
    | BackendEvent
    | PlaybackStarted
    | PlaybackDrained
    | DeadlineReached
)

Happening = TurnEvent | CallAnswered
"""Everything that an observer (the timeline) is told of."""
