"""Cartesia's protocol with turns that the box ends, ``/stt/websocket``: the models ink. Pure.

After the types of cartesia 4.2.0 and Cartesia's page "Common pitfalls" (2026-11-22). Its other
one, ``/stt/turns/websocket``, finds the end of turns itself and cannot be told of it.

Commands are bare words. Each ``finalize`` is answered by ``flush_done``, in order, after what it
brought to light; so what comes before the answer to the last one of a turn is of that turn.
"""

from typing import Final

from appliance.backend.socket import reading
from appliance.backend.stt.faults import as_http
from appliance.units import Seconds

FINALIZE: Final = "finalize"


class InkRules:
    """One connection: ``rules.Rules``."""

    keep_alive: str | None = None
    patience: Seconds | None = None
    reusable = True

    def __init__(self) -> None:
        self._new = False  # sound since the latest finalize
        self._asked = self._answered = self._before = 0
        self._pieces: list[str] = []

    def begin(self) -> None:
        """Begin with a turn."""
        self._before = self._asked
        self._pieces.clear()

    def sound(self, samples: int) -> None:
        """Note that there is more."""
        self._new = self._new or samples > 0

    def flush(self) -> tuple[str, ...]:
        """Have all of it written."""
        if not self._new:
            return ()
        self._new = False
        self._asked += 1
        return (FINALIZE,)

    def insist(self) -> tuple[str, ...]:
        """Nothing is answered better than ``finalize``."""
        return ()

    def end(self) -> tuple[str, ...]:
        """Draw a line."""
        return self.flush()

    def receive(self, message: str | bytes) -> None:
        """Take a message."""
        said = reading.parse(message)
        match said and reading.text_of(said, "type"):
            case "transcript" if said and said.get("is_final") is True:
                if self._answered >= self._before:  # as it is: spaces and all are the model's
                    self._pieces.append(reading.text_of(said, "text"))
            case "flush_done":
                self._answered = min(self._answered + 1, self._asked)
            case "error" if said:
                raise as_http(said)
            case _:
                pass  # what is not final, done, and what is new

    def hung_up(self, *, clean: bool) -> bool:  # noqa: ARG002 - it is never asked to
        """It was never asked to."""
        return False

    @property
    def flushed(self) -> bool:
        """Whether every finalize is answered."""
        return self._answered >= self._asked

    @property
    def text(self) -> str:
        """All that is final."""
        return "".join(self._pieces).strip()
