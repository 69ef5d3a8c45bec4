"""Deepgram's second protocol, ``/v2/listen``: the models flux, which find the end of turns. Pure.

After the types of deepgram-sdk 7.17.0 and Deepgram's pages "State", "Close Stream" and "Force End
Turn" for Flux (2026-11-22).

Flux tells what was said so far, of all of its turn, some four times a second, and up to where it
has listened. What it takes for a turn is not always what the box does: ours is all of theirs.
``ForceEndTurn`` would end one with what is written by then, not with what was said;
``CloseStream`` writes down all that was sent. As nothing keeps a connection open without sound,
each serves one turn; the next one is dialled while the user speaks.
"""

from typing import Final

from appliance.backend.socket import reading
from appliance.backend.stt.faults import broke_off
from appliance.backend.stt.rules import CLOSE_STREAM
from appliance.frames import RATE
from appliance.units import Seconds

_NEAR: Final = 0.02
"""Seconds by which two times may differ and be the same."""

_STEP: Final = 0.3
"""Seconds of sound between two updates, at most."""


class FluxRules:
    """One connection, one turn: ``rules.Rules``."""

    keep_alive: str | None = None
    patience: Seconds | None = Seconds(0.0)
    reusable = False

    def __init__(self) -> None:
        self._sent = 0  # samples
        self._mark = 0.0  # seconds before the latest flush
        self._reached = 0.0  # seconds that are written
        self._turns: dict[int, str] = {}
        self._closing = self._closed = False

    def begin(self) -> None:
        """Begin; nothing came before."""

    def sound(self, samples: int) -> None:
        """Count what is sent."""
        self._sent += samples

    def flush(self) -> tuple[str, ...]:
        """Note how far it must get; it gets there by itself while there is sound."""
        self._mark = self._sent / RATE
        return ()

    def insist(self) -> tuple[str, ...]:
        """Have the rest written, and the connection closed."""
        self._closing = True
        return (CLOSE_STREAM,)

    def end(self) -> tuple[str, ...]:
        """End; the connection goes with it."""
        return ()

    def receive(self, message: str | bytes) -> None:
        """Take a message."""
        said = reading.parse(message)
        match said and reading.text_of(said, "type"):
            case "TurnInfo" if said:
                turn = int(reading.number_of(said, "turn_index"))
                if isinstance(text := said.get("transcript"), str):
                    self._turns[turn] = text.strip()
                until = reading.number_of(said, "audio_window_end")
                self._reached = max(self._reached, until)
            case "Error" if said:
                raise broke_off(said, reading.text_of(said, "code"))
            case _:
                pass  # Connected, Warning, and what is new

    def hung_up(self, *, clean: bool) -> bool:
        """Whether it was asked to; Deepgram may leave out the last courtesies."""
        if self._closing and (clean or self._reached >= self._mark - _STEP):
            self._closed = True
        return self._closed

    @property
    def flushed(self) -> bool:
        """Whether all is written."""
        return self._closed or self._reached >= self._mark - _NEAR

    @property
    def text(self) -> str:
        """What was said in all of their turns, in order."""
        return " ".join(text for _, text in sorted(self._turns.items()) if text)
