"""Replies: named, begun once, wanted until somebody goes on or falls them silent. Pure."""

from dataclasses import dataclass

from appliance.backend.pipeline.calls import Calls
from appliance.units import ResponseId, Seconds, TurnNumber


@dataclass(slots=True, eq=False)
class Reply:
    """One reply."""

    response: ResponseId
    turn: TurnNumber
    begun: bool = False
    signed: bool = False
    """It began with the sign that this is the backend to fall back on."""

    shown: bool = False
    """Whoever iterates the events has seen it begin."""

    tells: tuple[Calls, ...] = ()
    """The calls whose results it tells."""


class Replies:
    """The replies of one session. Event loop only.

    Args:
        name: What the names of the replies begin with.
        notice: The first reply that is heard shall begin with the sign.
    """

    def __init__(self, name: str, *, notice: bool) -> None:
        self._name = name
        self._count = 0
        self._latest: TurnNumber | None = None
        self._cancelled: set[ResponseId] = set()
        self._signed: ResponseId | None = None
        self._over = False
        self.notice = notice
        """Whether the sign is still to be given."""

    def new(self, turn: TurnNumber) -> Reply:
        """Return a new reply to a turn."""
        self._count += 1
        return Reply(ResponseId(f"{self._name}-{self._count}"), turn)

    def go_on(self, turn: TurnNumber) -> None:
        """Want only replies to this turn from now on."""
        self._latest = turn
        self._cancelled.clear()  # those of older turns, which are not wanted anyway

    def cancel(self, response: ResponseId, *, heard: Seconds) -> None:
        """Want a reply no longer."""
        self._cancelled.add(response)
        if response == self._signed and heard <= 0:
            self.notice = True  # nobody has heard it

    def sign(self, reply: Reply) -> None:
        """Take note that a reply gives the sign."""
        self.notice, self._signed, reply.signed = False, reply.response, True

    def end(self) -> None:
        """Want none any more."""
        self._over = True

    def latest(self, turn: TurnNumber) -> bool:
        """Tell whether replies to a turn are wanted."""
        return not self._over and turn == self._latest

    def wanted(self, reply: Reply) -> bool:
        """Tell whether somebody still waits for a reply."""
        return self.latest(reply.turn) and reply.response not in self._cancelled
