"""The seams of the appliance: what hearing and the conversation need from the world.

One page. Each protocol is implemented by one package and by one fake in ``tests/fakes.py``.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from appliance.catalogue import ToolSpec
from appliance.events import BackendEvent, Happening, HeardEvent, ToolCalled
from appliance.frames import Frame, Taps
from appliance.units import CallId, ResponseId, SampleIndex, SampleRate, Seconds, TurnNumber


class Cue(StrEnum):
    """What the person in the room should see and, where it helps, hear."""

    IDLE = "idle"
    LISTENING = "listening"
    PROMPT = "prompt"
    """Still listening, and nobody has spoken yet: the moment for a short sound."""

    THINKING = "thinking"
    SPEAKING = "speaking"
    UNHEARD = "unheard"
    """Back to rest without a request."""

    MUTED = "muted"
    FAILED = "failed"


class Clock(Protocol):
    """The time of a session: the event loop's, or the sound's own when a recording is played."""

    def now(self) -> Seconds:
        """Return the time; never goes back."""
        ...

    def call_at(self, when: Seconds, callback: Callable[[], None]) -> Callable[[], None]:
        """Have ``callback`` called on the event loop once ``now() >= when``; return its undo."""
        ...


class FrameSource(Protocol):
    """Where raw frames come from: the sound card's capture ring."""

    def frames(self) -> Iterator[Frame]:
        """Yield frames of shape ``(FRAME_SAMPLES, channels)`` without a gap, waiting for each.

        Ends when the source is closed. Called from the hearing thread only.

        Raises:
            DeviceError: The device failed or was unplugged.
        """
        ...


class Enhancer(Protocol):
    """Makes clean taps of raw frames. Called from the hearing thread only."""

    @property
    def converged(self) -> bool:
        """Whether the box's own voice is as good as gone from the speech tap; any thread."""
        ...

    @property
    def bearing(self) -> float | None:
        """Where the latest talker stands, in degrees from the array's front, 0 to 360.

        As the array's entry in ``hardware/microphones.toml`` draws them; ``None``: not known. Any
        thread.
        """
        ...

    def process(self, frame: Frame) -> Taps:
        """Take shape ``(n, channels)``; give frames of shape ``(n,)`` with the same start."""
        ...


class WakeDetector(Protocol):
    """Finds wake words. Called from the hearing thread only."""

    def process(self, frame: Frame) -> HeardEvent | None:
        """Take the next 10 ms of the wake tap; return the word it completes, if any."""
        ...


class SpeechDetector(Protocol):
    """Finds the edges of speech. Called from the hearing thread only."""

    def process(self, frame: Frame, *, playing: bool = False) -> HeardEvent | None:
        """Take the next 10 ms of the speech tap; return the edge it completes, if any.

        ``playing``: the box itself was to be heard meanwhile, so it takes more to be speech.
        """
        ...

    def reset(self) -> None:
        """Forget what was heard: the next frame need not follow the last one."""
        ...


class Ear(Protocol):
    """What the conversation asks of the hearing thread. No method blocks; event loop only."""

    def listen(self, *, audio_from: SampleIndex, speech_from: SampleIndex) -> None:
        """Deliver frames from ``audio_from`` on and look for speech from ``speech_from`` on.

        Both may lie in the past, as far back as the pre-roll reaches, or in the future.
        """
        ...

    def watch(self) -> None:
        """Look for speech from now on, but deliver no frames (for barge-in)."""
        ...

    def rest(self) -> None:
        """Only the wake word."""
        ...

    def position(self) -> SampleIndex:
        """Return the end of the latest frame, on the capture clock."""
        ...

    def hears_through(self) -> bool:
        """Whether the box's own voice is cancelled so well now that speech is a person's."""
        ...


@dataclass(frozen=True, slots=True)
class Image:
    """A picture for a backend that can see."""

    data: bytes = field(repr=False)
    """A JPEG or PNG file."""

    mime: str
    """``image/jpeg`` or ``image/png``."""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """What belongs to the user's turn beside its sound, or instead of it."""

    text: str = field(default="", repr=False)
    image: Image | None = None
    note: str = field(default="", repr=False)
    """What a model should know with this turn; nobody said it, and nobody is answered for it."""


class Backend(Protocol):
    """Turns the user's speech into a spoken reply and tool calls.

    One object is one session. It never reconnects: it ends, and a new one is made. Every method
    may raise ``BackendUnavailable``. ``events`` ends by raising it, too, never by simply stopping.

    For every committed turn there is at least one reply: ``ReplyStarted``, pieces, ``ReplyEnded``.
    A reply may call tools, before or after its sound; when the last of its calls is answered,
    another reply to the same turn follows. If that takes long, the backend says so in a reply of
    its own that ends with ``calls_tool=False``, and offers the answers when they come.
    """

    @property
    def ends_turns(self) -> bool:
        """Whether it finds the end of the user's turn itself (``EndOfTurnFound``)."""
        ...

    def events(self) -> AsyncIterator[BackendEvent]:
        """Yield what happens, in order; iterate it once, from one task."""
        ...

    async def send_audio(self, frame: Frame) -> None:
        """Add one frame, 16 kHz mono, to the user's turn; returns once it is buffered."""
        ...

    async def enclose(self, enclosure: Enclosure) -> None:
        """Add text or a picture to the user's turn; ``commit_turn`` sends it.

        Raises:
            BackendError: It cannot see.
        """
        ...

    async def expect_end(self) -> None:
        """Say that the user may have finished: what can be done ahead may begin."""
        ...

    async def commit_turn(self, turn: TurnNumber, *, as_expected: bool = False) -> None:
        """Say that the user has finished; a ``ReplyStarted`` with this number follows.

        Args:
            turn: Its number.
            as_expected: Nothing was said after the latest ``expect_end``.
        """
        ...

    async def clear_turn(self) -> None:
        """Forget the audio of a turn that came to nothing."""
        ...

    async def cancel_reply(self, response: ResponseId, *, heard: Seconds) -> None:
        """Stop a reply of which the user heard the first ``heard`` seconds; idempotent."""
        ...

    async def answer_call(self, call: CallId, result: "ToolResult") -> None:
        """Give a tool's result back; once per call."""
        ...

    async def take_reply(self, turn: TurnNumber) -> None:
        """Take what ``ReplyOffered`` offered, as the reply to this turn of nobody's."""
        ...

    async def close(self) -> None:
        """End the session; idempotent."""
        ...


class Speaker(Protocol):
    """Plays replies. No method blocks; event loop only."""

    def play(self, response: ResponseId, pcm: bytes, rate: SampleRate) -> None:
        """Queue sound behind what is already queued for the same reply."""
        ...

    def finish(self, response: ResponseId) -> None:
        """Report ``PlaybackDrained`` once all that is queued for this reply has been played."""
        ...

    def heard(self, response: ResponseId) -> Seconds:
        """Return how much of a reply has been heard; 0 if it has not begun, or is over."""
        ...

    def stop(self) -> Seconds:
        """Fall silent now; return how much of the current reply has been heard."""
        ...


class Indicator(Protocol):
    """Shows a cue, by light and by sound."""

    def show(self, cue: Cue) -> None:
        """Replace the cue shown now; returns at once."""
        ...


@dataclass(frozen=True, slots=True)
class Challenge:
    """Something is done only when a person confirms it; the box itself asks, never a model."""

    id: str
    """Random; names it on the broker, too."""

    question: str = field(repr=False)
    """What to ask, in fixed words of the language of the house."""

    pin: bool
    """Whether the PIN is wanted rather than a yes."""

    until: Seconds
    """On the event loop's clock; after that nothing is done."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a person said to a challenge."""

    yes: bool
    pin: str | None = field(default=None, repr=False)
    """The digits that were heard; never logged, sent or kept."""

    by: str = "voice"
    """How: ``voice``, ``button``, ``phone`` or ``terminal``."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """How a call ended; the one answer that it is owed."""

    status: str
    """``done``; ``unchanged`` (it was so already); ``unconfirmed`` (sent, but the house did not
    say so); ``rejected`` (nothing was sent); ``failed`` (not sent, or refused); ``asked`` (nothing
    was sent; ``challenge`` says what must be confirmed first)."""

    say: str = field(default="", repr=False)
    """A sentence for the user, in the configured language; may be empty."""

    data: Mapping[str, object] = field(default_factory=dict, repr=False)
    """For a model: plain JSON data."""

    image: Image | None = None
    """For a model that can see: what the tool saw."""

    challenge: Challenge | None = None
    """Set with ``asked``."""


@dataclass(frozen=True, slots=True)
class Confirming:
    """What has become of a challenge."""

    challenge: Challenge
    state: str
    """``opened``; ``answered`` (nobody else's word is taken any more); then, once, ``settled``; or
    ``expired``."""

    result: ToolResult | None = None
    """Set with ``settled`` and ``expired``: how it ended, as ``settle`` returns it."""


class Confirmations(Protocol):
    """Where challenges are settled. Event loop only."""

    def on_challenge(self, tell: Callable[[Confirming], None]) -> Callable[[], None]:
        """Have ``tell`` called at once for everything that becomes of any challenge; its undo."""
        ...

    def open(self) -> Challenge | None:
        """Return the challenge that waits for a person now; there is at most one."""
        ...

    async def settle(self, challenge: str, word: Word) -> ToolResult:
        """Carry out what was asked about, or not, and return how it ended; never raises.

        ``asked`` again with a new challenge after a wrong PIN, with the same one where none was
        said; ``rejected`` for one that is unknown, over, or answered already.
        """
        ...


class ToolRunner(Protocol):
    """Carries out tool calls."""

    def catalogue(self) -> Sequence[ToolSpec]:
        """Return the tools that can be called now."""
        ...

    async def run(self, call: ToolCalled) -> ToolResult:
        """Carry out one call. Never raises for what the house or the model did wrong."""
        ...


class ActionBus(Protocol):
    """The house's messages. Event loop only."""

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, reply: "ReplyTo | None" = None
    ) -> None:
        """Queue one message, never retained, sent once or not at all.

        Raises:
            BrokerError: Not connected, or the queue is full; nothing will be sent.
        """
        ...

    def subscribe(
        self, topic: str, handler: Callable[["Message"], None], *, qos: int = 1
    ) -> Callable[[], None]:
        """Have ``handler`` called for every message of a topic filter; return its undo.

        A retained message arrives too, marked as such. Subscriptions survive reconnects. With
        ``qos`` 1 the broker is asked at once; 0 is for thousands of filters or of retained
        messages: it is asked soon, for many together, and drops none for want of our word.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """Where the answer to a request should go; MQTT 5 properties, left out with older brokers."""

    topic: str
    """Empty: none is wanted, for this is an answer; ``correlation`` is that of the request."""

    correlation: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message."""

    topic: str
    payload: bytes = field(repr=False)
    retained: bool = False
    correlation: bytes | None = None
    """MQTT 5 correlation data, if the message answers a request, or is one."""

    respond_to: str | None = None
    """MQTT 5 response topic, if the message is a request: where its sender wants the answer."""


class Observer(Protocol):
    """Is told everything that happens, for the timeline; event loop only, must not block."""

    def note(self, happening: Happening, at: Seconds) -> None:
        """Take what happened and when, on the session's clock."""
        ...
