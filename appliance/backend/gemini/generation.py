"""One generation of the model: what follows one turn of the user's. Pure.

The wire names none: they come one after the other, in the order in which they were asked for. A
generation becomes one reply, or several where tools are called in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from appliance.events import BackendEvent, ReplyAudio, ReplyEnded, ReplyStarted, ReplyText
from appliance.units import ResponseId, SampleRate, Seconds, TurnNumber

LONGEST = Seconds(600.0)
"""More sound than this is no reply."""

_MOST_TEXT = 256 * 1024


@dataclass(slots=True, eq=False)
class Generation:
    """What the model makes of one turn.

    Everything it is told comes back as events to pass on; nothing does once it is not wanted.
    """

    turn: TurnNumber | None
    """``None``: nobody's; it followed from a turn that came to nothing."""

    wanted: bool = True
    """Whether anything of it is passed on."""

    interim: bool = False
    """It only says that tools are at work."""

    cuttable: bool = False
    """Something was sent that interrupts it."""

    answered: bool = False
    """It goes on with what tools answered, and nothing of that has come."""

    alive: bool = False
    """Something of it has come."""

    owes: bool = True
    """A reply is still to begin."""

    follows: bool = False
    """It goes on after another reply to the same turn, and may have nothing to add."""

    response: ResponseId | None = None
    """The reply that is open."""

    grace_until: Seconds | None = None
    """When to believe that nothing follows what the tools answered."""

    early: bool = True
    """Text may come before the sound that it belongs to; not so when the last was cut short."""

    _transcribed: bool = False
    _sounds: bool = False
    _rate: SampleRate | None = None
    _seconds: float = 0.0
    _characters: int = 0
    _held: list[str] = field(default_factory=list)

    @property
    def too_long(self) -> bool:
        """Whether this is no reply any more."""
        return self._seconds > LONGEST

    def sign(self) -> None:
        """Something of it has come."""
        self.alive, self.answered, self.grace_until = True, False, None

    def begin(self, response: ResponseId) -> Iterator[BackendEvent]:
        """Begin a reply, unless one is open."""
        if self.wanted and self.turn is not None and self.response is None:
            self.response, self.owes = response, False
            self._rate, self._seconds = None, 0.0
            yield ReplyStarted(response, self.turn)

    def sound(self, pcm: bytes, rate: SampleRate) -> Iterator[BackendEvent]:
        """Add sound to the open reply; ``[]``: it is of another rate than the rest."""
        self._sounds = True
        if self.response is None or rate != (self._rate or rate):
            return
        self._rate = rate
        self._seconds += len(pcm) / 2 / rate
        yield from self._texts()
        yield ReplyAudio(self.response, pcm, rate)

    def transcribed(self, text: str) -> Iterator[BackendEvent]:
        """Add words of what is being said; they wait for the sound."""
        self._transcribed = True
        yield from self._text(text)

    def written(self, text: str) -> Iterator[BackendEvent]:
        """Add text of a model that writes; one whose words are transcribed says them twice."""
        if not self._transcribed:
            self._sounds = True
            yield from self._text(text)

    def end(self, *, calls_tool: bool = False, stay: bool = True) -> Iterator[BackendEvent]:
        """End the open reply."""
        if self.response is not None:
            if self.early:
                yield from self._texts()
            yield ReplyEnded(self.response, calls_tool=calls_tool, stay=stay)
            self.response = None

    def _text(self, text: str) -> Iterator[BackendEvent]:
        self._characters += len(text)
        if not text or self._characters > _MOST_TEXT or not (self.early or self._sounds):
            return
        self._held.append(text)
        if self._sounds:
            yield from self._texts()

    def _texts(self) -> Iterator[BackendEvent]:
        if self.response is not None:
            yield from (ReplyText(self.response, text) for text in self._held)
            self._held.clear()
