"""The user's side of a conversation with an agent: sound, texts, and silence. Pure."""

from typing import Final

from appliance.backend.elevenlabs import wire
from appliance.backend.prompting import telling
from appliance.backend.socket.outlet import Outlet
from appliance.events import Transcribed
from appliance.ports import Enclosure
from appliance.units import SampleRate, Seconds, TurnNumber

RATE: Final = SampleRate(16_000)
PIECE_S: Final = Seconds(0.1)
"""Sound in a message. The SDK's own microphone gives 250 ms; less makes the agent hear sooner."""

CLEARED_S: Final = Seconds(1.5)
"""Silence after a turn that came to nothing: as much as ends one for a patient agent."""

_PIECE: Final = int(PIECE_S * RATE) * 2
_SILENCE: Final = bytes(_PIECE)


class User:
    """What goes to the agent of the user's turn.

    Args:
        outlet: Takes what is to be sent and told.
    """

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._sound = bytearray()
        self._spoken = False  # some of it has left
        self._enclosed: list[Enclosure] = []
        self._silence_at: Seconds | None = None
        self._silence_until: Seconds | None = None  # None: until the agent speaks
        self._cleared = False
        self._heard: list[str] = []
        self._turn: TurnNumber | None = None

    def begin(self) -> None:
        """Something of a new turn comes."""
        self._heard, self._turn = [], None
        self._silence_at = None

    def add(self, pcm: bytes) -> None:
        """Send sound, in pieces."""
        self._silence_at = None
        self._sound += pcm
        self._send(len(self._sound) // _PIECE * _PIECE)

    def enclose(self, enclosure: Enclosure) -> None:
        """Keep what goes with the turn."""
        self._enclosed.append(enclosure)

    def commit(self, turn: TurnNumber, now: Seconds) -> None:
        """Send the rest; behind sound follows silence."""
        spoken = self._spoken or bool(self._sound)
        self._send(len(self._sound))
        self._send_enclosed(spoken=spoken)
        self._spoken = False
        self._turn = turn
        self._tell_heard()
        if spoken:
            self._silence_at, self._silence_until = Seconds(now + PIECE_S), None

    def clear(self) -> None:
        """Forget the turn; behind what left of it follows silence."""
        self._cleared, self._spoken = self._spoken, False
        self._silence_at = None
        self._sound.clear()
        self._enclosed.clear()

    def heard(self, text: str) -> None:
        """Take what the agent believes the user said."""
        if text:
            self._heard.append(text)
            self._tell_heard()

    def deadline(self) -> Seconds | None:
        """Return when to ``be_silent``."""
        return Seconds(0.0) if self._cleared else self._silence_at

    def be_silent(self, now: Seconds, *, awaited: bool) -> None:
        """Send what is due of silence, in real time; ``awaited``: the agent has not spoken."""
        if self._cleared:
            self._cleared = False
            self._silence_at = now
            self._silence_until = Seconds(now + CLEARED_S)
        while self._silence_at is not None and self._silence_at <= now:
            until = self._silence_until
            if not awaited if until is None else self._silence_at >= until:
                self._silence_at = None
                return
            self._outlet.send(wire.sound(_SILENCE))
            self._silence_at = Seconds(self._silence_at + PIECE_S)

    def _send(self, size: int) -> None:
        for begin in range(0, size, _PIECE):
            self._spoken = True
            self._outlet.send(wire.sound(bytes(self._sound[begin : min(begin + _PIECE, size)])))
        del self._sound[:size]

    def _send_enclosed(self, *, spoken: bool) -> None:
        """Send the texts: with sound as what to know, alone as what was said."""
        for enclosure in self._enclosed:
            if enclosure.image is not None:
                self._outlet.send(wire.context(telling.unseen()))
            if enclosure.note:
                self._outlet.send(wire.context(enclosure.note))
            if enclosure.text:
                say = wire.context if spoken else wire.message
                self._outlet.send(say(enclosure.text))
        self._enclosed.clear()

    def _tell_heard(self) -> None:
        if self._heard and self._turn is not None:
            self._outlet.tell(Transcribed(self._turn, " ".join(self._heard)))
