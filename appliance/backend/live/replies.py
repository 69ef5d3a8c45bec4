"""The replies of the model in the form of ``ports.Backend``, and whose they are. Pure.

A reply that begins before its turn has a number is held until it has one.
"""

from collections import deque
from typing import Final

from appliance.backend.live.voice import Voice
from appliance.backend.socket.outlet import Outlet
from appliance.events import (
    BackendEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ToolCalled,
)
from appliance.units import CallId, ResponseId, SampleRate, Seconds, TurnNumber

_LONGEST: Final = Seconds(600.0)
"""More sound than this is no reply."""

_MOST_TEXT: Final = 64 * 1024
_REMEMBERED: Final = 64


class Replies:
    """The reply that goes on, if there is one.

    Args:
        outlet: Takes what is to be told.
    """

    def __init__(self, outlet: Outlet) -> None:
        self.id: ResponseId | None = None
        """Of the reply that goes on."""

        self.held: list[BackendEvent] | None = None
        """What has come of it, while its turn has no number; else ``None``."""

        self.closed = False
        """It is held, and the voice has ended already."""

        self.age = 0.0
        """Seconds of the user's sound since then."""

        self.called = False
        """It has called a tool, so another reply follows."""

        self.said = False
        """Something of it was said."""

        self._outlet = outlet
        self._own: deque[ResponseId] = deque(maxlen=_REMEMBERED)  # of this turn
        self._count = 0
        self._samples = 0
        self._characters = 0

    @property
    def goes_on(self) -> bool:
        """Whether a reply that was told goes on."""
        return self.id is not None and self.held is None

    @property
    def worth_keeping(self) -> bool:
        """Whether what is held is more than a noise."""
        held = self.held or ()
        return any(isinstance(event, ReplyText | ToolCalled) for event in held)

    def of_turn(self, response: ResponseId) -> bool:
        """Whether a reply is of the present turn."""
        return response in self._own

    def begin(self, turn: TurnNumber | None) -> ResponseId:
        """Have a reply go on, a new one if there is none; ``None``: its turn has no number."""
        if self.id is not None and (self.called or not self.closed):
            self.closed = False
            return self.id
        self._count += 1
        self.id = ResponseId(f"live-{self._count}")
        self.held = [] if turn is None else None
        self.closed = self.called = self.said = False
        self._samples = self._characters = 0
        if turn is not None:
            self._own.append(self.id)
            self._outlet.tell(ReplyStarted(self.id, turn))
        return self.id

    def number(self, turn: TurnNumber) -> None:
        """Say which turn the reply that is held answers."""
        if self.id is None or self.held is None:
            return
        self._own.append(self.id)
        self._outlet.tell(ReplyStarted(self.id, turn), *self.held)
        self.held = None
        self.closed = False

    def sound(self, voice: Voice, rate: SampleRate) -> bool:
        """Pass on sound; ``False``: it is too much to be a reply."""
        if self.id is None:
            return False
        pcm = voice.pause + voice.pcm if self._samples else voice.pcm
        self._samples += len(pcm) // 2
        if self._samples > _LONGEST * rate:
            return False
        self.said = True
        self.tell(ReplyAudio(self.id, pcm, rate))
        return True

    def text(self, piece: str) -> None:
        """Pass on text."""
        self._characters += len(piece)
        if self.id is not None and self._characters <= _MOST_TEXT:
            self.said = True
            self.tell(ReplyText(self.id, piece))

    def tell(self, event: BackendEvent) -> None:
        """Pass something of the reply on, or hold it."""
        self.called = self.called or isinstance(event, ToolCalled)
        if self.held is None:
            self._outlet.tell(event)
        else:
            self.held.append(event)

    def end(self, *, calls_tool: bool, stay: bool) -> None:
        """End the reply that was told."""
        if self.id is not None and self.held is None:
            self._outlet.tell(ReplyEnded(self.id, calls_tool=calls_tool, stay=stay))
            self.id = None

    def drop(self) -> None:
        """Nobody wants any more of it."""
        self.id = self.held = None
        self.closed = False

    def new_turn(self) -> list[CallId]:
        """What comes from now on is of another turn; return the calls that were never told."""
        calls = [event.call for event in self.held or () if isinstance(event, ToolCalled)]
        self.drop()
        self._own.clear()
        return calls
