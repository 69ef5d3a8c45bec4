"""Where rules put what is to be sent and told. Pure."""

from appliance.backend.socket.rules import Out
from appliance.events import BackendEvent


class Outlet:
    """Collects what follows from something, in order."""

    def __init__(self) -> None:
        self._messages: list[str | bytes] = []
        self._events: list[BackendEvent] = []

    def send(self, *messages: str | bytes) -> None:
        """Have messages sent."""
        self._messages += messages

    def tell(self, *events: BackendEvent) -> None:
        """Have events told."""
        self._events += events

    def take(self) -> Out:
        """Return all of it, and begin anew."""
        out = Out(tuple(self._messages), tuple(self._events))
        self._messages.clear()
        self._events.clear()
        return out
