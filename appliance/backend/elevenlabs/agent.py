"""The agent's side of a conversation: what it says, to whom, and when that is over. Pure.

The protocol numbers pieces of sound but no replies, and older agents do not say when one is over.
So what comes is told apart by what happened before it:

* After a committed turn it is the reply to that.
* While the user has not finished it is kept, for the agent believed that it had its turn
  (``user_transcript``): the commit makes it the reply, an ``interruption`` shows that it was not.
* All else nobody asked for ("are you still there?", a first message, the rest of a reply that was
  cut): it is dropped, up to the next sign of something new.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from appliance.events import BackendEvent, ReplyAudio, ReplyEnded, ReplyText
from appliance.units import ResponseId, SampleRate, Seconds, TurnNumber

GAP: Final = Seconds(1.0)
"""Nothing for so long, and all that came would have been heard: the reply is over. Speech is made
faster than it is heard, so that a pause this long within one is heard as one anyway."""

COMPLETE_GAP: Final = Seconds(0.25)
"""The same after ``agent_response_complete``, with which sound may still be on its way."""

LONGEST: Final = Seconds(600.0)
"""More sound than this is no reply."""

_MOST_HELD: Final = 512
"""Pieces that are kept for a turn that is not committed."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Something that the agent says, or does."""

    pcm: bytes = field(default=b"", repr=False)
    text: str = field(default="", repr=False)
    call: tuple[str, str, object] | None = field(default=None, repr=False)
    """Its id, the tool, the arguments."""


@dataclass(slots=True, eq=False)
class Segment:
    """A reply that is open."""

    response: ResponseId
    turn: TurnNumber
    rate: SampleRate
    began: Seconds
    last: Seconds
    sound: Seconds = Seconds(0.0)
    """Length of what came."""

    texted: bool = False
    complete: Seconds | None = None
    """When the agent said that it was over."""

    answered: bool = False
    """It began before a tool's answer, after which another reply follows."""

    def take(self, piece: Piece, now: Seconds) -> Iterator[BackendEvent]:
        """Pass a piece on."""
        self.last = now
        if piece.text:
            self.texted = True
            yield ReplyText(self.response, piece.text)
        if piece.pcm and self.sound <= LONGEST:
            if not self.sound:
                self.began = now
            self.sound = Seconds(self.sound + len(piece.pcm) / 2 / self.rate)
            yield ReplyAudio(self.response, piece.pcm, self.rate)

    def over_at(self, stall: Seconds) -> Seconds:
        """Return when to believe that it is over if nothing comes.

        Without any sound yet, only after ``stall``.
        """
        if not self.sound:
            return Seconds(self.last + stall)
        if self.complete is not None:
            return Seconds(max(self.complete, self.last) + COMPLETE_GAP)
        return Seconds(max(self.began + self.sound, self.last + GAP))

    def end(self, *, calls_tool: bool, stay: bool) -> ReplyEnded:
        """End it."""
        return ReplyEnded(self.response, calls_tool=calls_tool, stay=stay)


class Speech:
    """Tells apart what the agent says.

    Attributes:
        segment: The reply that is open.
        held: What came before the user's turn had its number.
        rate: Of the agent's sound.
        transcribed: The agent took the turn that is not committed for finished.
        speaking: Something of the user's has been sent that is not committed.
        stale: What comes belongs to what was cut, or to what nobody asked for.
    """

    def __init__(self) -> None:
        self.segment: Segment | None = None
        self.held: list[Piece] = []
        self.rate = SampleRate(16_000)
        self.transcribed = False
        self.speaking = False
        self.stale = False
        self._stale_texted = False
        self._cut = 0.0  # pieces up to this one are not to be heard
        self._last: Seconds | None = None
        self._count = 0

    def is_late(self, event: float, now: Seconds) -> bool:
        """Whether a piece belongs to what was cut, or to what nobody asked for."""
        last, self._last = self._last, now
        if 0 < event <= self._cut:
            return True
        if self.stale and last is not None and now - last >= GAP:
            self.stale = False
        return self.stale

    def is_late_text(self, now: Seconds) -> bool:
        """The same for a text, of which each reply has one."""
        if self.stale and self._stale_texted:
            self.stale = False
        self._stale_texted = self._stale_texted or self.stale
        return self.stale or self.is_late(0.0, now)

    def hold(self, piece: Piece) -> bool:
        """Keep a piece, if it may be of the turn that is not committed."""
        if not (self.speaking and self.transcribed and len(self.held) < _MOST_HELD):
            return False
        self.held.append(piece)
        return True

    def drop(self) -> None:
        """Drop what comes until something new begins."""
        self.stale, self._stale_texted = True, False

    def begin(self, turn: TurnNumber, now: Seconds) -> Segment:
        """Begin a reply."""
        self._count += 1
        response = ResponseId(f"r{self._count}")
        self.segment = Segment(response, turn, self.rate, now, now)
        return self.segment

    def cancel(self) -> None:
        """Pass on nothing more of the open reply."""
        if self.segment is not None and self.segment.complete is None:
            self.stale, self._stale_texted = True, self.segment.texted
        self.segment = None

    def interrupted(self, event: float) -> None:
        """What came up to a piece is not to be heard."""
        self._cut = max(self._cut, event)
        self.stale = False

    def fresh(self) -> None:
        """What comes now is new."""
        self.stale = False
