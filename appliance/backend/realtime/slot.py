"""The one owner of ``response.create``. Pure.

A conversation takes one response at a time. What is asked for while one is on its way waits; of
several the one to the latest turn. The server's answer is told apart by the ``event_id`` that an
error names, by the metadata that most servers echo, and by order for those that echo nothing.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from appliance.errors import BackendStalled
from appliance.units import ResponseId, Seconds, TurnNumber

_LINGER = Seconds(1.0)
"""How long a cancelled response may take to end before the next is asked for all the same."""

_AGAIN = Seconds(0.5)
"""After this we ask again when another response was in the way and its end was not told."""


class Purpose(StrEnum):
    """What a response is for."""

    REPLY = "reply"
    INTERIM = "interim"
    """Says that a tool is still at work."""

    NOBODYS = "nobodys"
    """Asked for, but nobody waits any more."""


@dataclass(frozen=True, slots=True)
class Request:
    """A response that is wanted."""

    turn: TurnNumber
    purpose: Purpose = Purpose.REPLY
    tools: bool = True
    """Whether it may call any."""

    asked: bool = True
    """``False``: the server begins it by itself."""

    id: str = ""
    """The ``event_id`` under which it was asked for."""


@dataclass(frozen=True, slots=True)
class Free:
    """Nothing is on its way."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A response should begin."""

    request: Request
    until: Seconds | None
    """``None``: nobody waits."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """Another response was in the way."""

    request: Request
    again_at: Seconds
    until: Seconds


@dataclass(frozen=True, slots=True)
class Active:
    """A response comes."""

    response: ResponseId
    request: Request | None
    """``None``: begun by the server, to a turn whose number is not known yet."""

    until: Seconds


@dataclass(frozen=True, slots=True)
class Ending:
    """A response was cancelled and should end."""

    response: ResponseId
    until: Seconds


State = Free | Asked | Blocked | Active | Ending


class Slot:
    """Who may ask now, who is waited for, and until when.

    What a method returns is to be sent (if it is ``asked``), and has its ``id``.
    """

    def __init__(self, stall: Seconds) -> None:
        self.state: State = Free()
        self.wanted: Request | None = None
        self._stall = stall
        self._count = 0

    @property
    def deadline(self) -> Seconds | None:
        """When ``expire`` must be called."""
        match self.state:
            case Free():
                return None
            case Asked(until=until) | Active(until=until) | Ending(until=until):
                return until
            case Blocked(again_at=again_at, until=until):
                return min(again_at, until)
            case _:
                assert_never(self.state)

    @property
    def owes(self) -> bool:
        """Whether somebody waits for a response that is not over."""
        match self.state:
            case Asked(request=request) | Active(request=Request() as request):
                waits = request.purpose is not Purpose.NOBODYS
                return waits or self.wanted is not None
            case Blocked():
                return True
            case Free() | Active() | Ending():
                return self.wanted is not None
            case _:
                assert_never(self.state)

    def want(self, request: Request, now: Seconds) -> Request | None:
        """Ask for a response now or, if one is on its way, after it."""
        match self.state:
            case Free():
                return self._ask(request, Seconds(now + self._stall))
            case Blocked(request=blocked, again_at=again_at) if request.turn >= blocked.turn:
                self.state = Blocked(request, again_at, Seconds(now + self._stall))
                return None
            case Asked(request=asked, until=None):
                self.state = Asked(asked, Seconds(now + self._stall))
            case _:
                pass
        if self.wanted is None or request.turn >= self.wanted.turn:
            self.wanted = request
        return None

    def created(
        self, response: ResponseId, request_id: str, now: Seconds, *, by_order: bool
    ) -> Request | None:
        """Take a response that began; return what it is the answer to, if it is one of ours.

        Args:
            response: Its id.
            request_id: What it says it answers; empty: nothing.
            now: The time.
            by_order: One that says nothing is taken for what was asked for last.
        """
        until = Seconds(now + self._stall)
        match self.state:
            case Asked(request=request) if (
                request_id == request.id if request_id else by_order or not request.asked
            ):
                self.state = Active(response, request, until)
                return request
            case Ending() if not request_id and self.wanted is not None and not self.wanted.asked:
                request, self.wanted = self.wanted, None
                self.state = Active(response, request, until)
                return request
            case _:
                return None

    def occupy(self, response: ResponseId, now: Seconds) -> bool:
        """Take one that the server began by itself, if no other is on its way."""
        if not isinstance(self.state, Free | Ending):
            return False
        self.state = Active(response, None, Seconds(now + self._stall))
        return True

    def assign(self, response: ResponseId, request: Request) -> None:
        """Say what a response that the server began is the answer to."""
        match self.state:
            case Active(response=active, until=until) if active == response:
                self.state = Active(response, request, until)

    def heard(self, response: ResponseId, now: Seconds, patience: Seconds | None = None) -> None:
        """Take a sign of life."""
        match self.state:
            case Active(response=active, request=request) if active == response:
                until = Seconds(now + (self._stall if patience is None else patience))
                self.state = Active(active, request, until)

    def cancelled(self, response: ResponseId, now: Seconds) -> None:
        """The server was told to stop it."""
        match self.state:
            case Active(response=active) if active == response:
                self.state = Ending(response, Seconds(now + _LINGER))

    def ended(self, response: ResponseId, now: Seconds) -> Request | None:
        """A response is over, ours or not; return what to ask for now."""
        match self.state:
            case Active(response=active) | Ending(response=active) if active == response:
                self.state = Free()
                return self._next(now)
            case Blocked(request=request, until=until):  # it was that one
                return self._ask(request, until)
            case _:
                return None

    def not_active(self, now: Seconds) -> Request | None:
        """The server says that there is nothing to cancel."""
        match self.state:
            case Ending(response=response):
                return self.ended(response, now)
            case _:
                return None

    def blocked(self, request_id: str, now: Seconds) -> None:
        """The server refused because another response is on its way: ask again after it."""
        match self.state:
            case Asked(request=request, until=until) if request_id in {"", request.id}:
                if request.purpose is not Purpose.NOBODYS and until is not None:
                    self.state = Blocked(request, Seconds(now + _AGAIN), until)
                elif self.wanted is not None and until is not None:
                    wanted, self.wanted = self.wanted, None
                    self.state = Blocked(wanted, Seconds(now + _AGAIN), until)
                else:
                    self.state = Free()

    def refused(self, request_id: str) -> Request | None:
        """The server refused for good; return what it refused."""
        match self.state:
            case Asked(request=request) if request_id and request_id == request.id:
                self.state = Free()
                return request
            case _:
                return None

    def abandon(self) -> None:
        """Nobody waits any more for what was asked for and has not begun."""
        self.wanted = None
        match self.state:
            case Asked(request=request) if request.asked:
                self.state = Asked(replace(request, purpose=Purpose.NOBODYS), None)
            case Asked() | Blocked():
                self.state = Free()
            case _:
                pass

    def expire(self, now: Seconds) -> Request | None:
        """Take notice of the time.

        Raises:
            BackendStalled: Somebody waits in vain.
        """
        deadline = self.deadline
        if deadline is None or now < deadline:
            return None
        match self.state:
            case Blocked(request=request, until=until) if now < until:
                return self._ask(request, until)
            case Ending() | Active(request=None):
                self.state = Free()
                return self._next(now)
            case Asked() | Blocked():
                raise BackendStalled("no reply began in time")
            case _:
                raise BackendStalled("the reply did not go on in time")

    def next(self, now: Seconds) -> Request | None:
        """Return what can be asked for now."""
        return self._next(now) if isinstance(self.state, Free) else None

    def _next(self, now: Seconds) -> Request | None:
        if self.wanted is None:
            return None
        wanted, self.wanted = self.wanted, None
        return self._ask(wanted, Seconds(now + self._stall))

    def _ask(self, request: Request, until: Seconds) -> Request:
        if request.asked:
            self._count += 1
            request = replace(request, id=f"reply-{self._count}")
        self.state = Asked(request, until)
        return request
