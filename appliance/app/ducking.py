"""When other players are to be softer: while somebody talks with the box, or it says something."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from appliance.app.background import in_background
from appliance.config.sound import Ducking
from appliance.host.players import Players
from appliance.ports import Cue
from appliance.units import Seconds

LONGEST_ASKED = Seconds(600.0)
"""The house may ask for softer players and forget to take that back."""

Reason = Literal["conversation", "announcement", "asked"]

_REST = (Cue.IDLE, Cue.UNHEARD, Cue.FAILED, Cue.MUTED)


class Ducker:
    """Has other players made softer as long as there is a reason. Event loop only.

    Args:
        players: Those of the sound server; ``None``: they are left alone.
        tell: Tells those of the house whether to be softer.
    """

    def __init__(
        self, players: Players | None, tell: Callable[[bool], None] = lambda _: None
    ) -> None:
        self._players = players
        self._tell = tell
        self._reasons: set[Reason] = set()
        self._timers: dict[Reason, asyncio.TimerHandle] = {}

    def tell(self, tell: Callable[[bool], None]) -> None:
        """Tell the house this way from now on."""
        self._tell = tell

    def show(self, cue: Cue) -> None:
        """Take note of a cue (``ports.Indicator``): a conversation begins, goes on or is over."""
        if cue in _REST:
            self._end("conversation")
        else:
            self._begin("conversation")
            self._end("announcement")  # which the wake word has silenced

    def announce(self, length: Seconds) -> None:
        """Take note that the box says something unasked, so long."""
        self._begin("announcement", length)

    def ask(self, *, soft: bool) -> None:
        """Make them softer because the house asks for it, or take that back.

        The players of the house are not told: it knows, and two boxes that duck each other's
        players would never come to an end.
        """
        if soft:
            self._begin("asked", LONGEST_ASKED)
        else:
            self._end("asked")

    def close(self) -> None:
        """Have no reason any more; idempotent."""
        for reason in tuple(self._reasons):
            self._end(reason)

    def _begin(self, reason: Reason, length: Seconds | None = None) -> None:
        if (timer := self._timers.pop(reason, None)) is not None:
            timer.cancel()
        if length is not None:
            loop = asyncio.get_running_loop()
            self._timers[reason] = loop.call_later(length, self._end, reason)
        self._have(self._reasons | {reason})

    def _end(self, reason: Reason) -> None:
        if (timer := self._timers.pop(reason, None)) is not None:
            timer.cancel()
        self._have(self._reasons - {reason})

    def _have(self, reasons: set[Reason]) -> None:
        before, self._reasons = self._reasons, reasons
        if self._players is not None and bool(before) != bool(reasons):
            if reasons:
                self._players.soften()
            else:
                self._players.restore()
        if bool(before - {"asked"}) != bool(reasons - {"asked"}):
            self._tell(bool(reasons - {"asked"}))


@asynccontextmanager
async def open_ducking(settings: Ducking, memory: Path) -> AsyncIterator[Ducker]:
    """Be ready to make other players softer; at the end they have what they had.

    Args:
        settings: Which, and by how much.
        memory: The file of what they are owed meanwhile.
    """
    players = None
    if settings.players != "off" and settings.by_db > 0:
        players = Players(memory, by_db=settings.by_db)
        players.start()
    ducker = Ducker(players)
    try:
        yield ducker
    finally:
        ducker.close()
        if players is not None:
            await in_background(players.close)
