"""What the roster is made for: the side of it that the conversation sees."""

from typing import Protocol

from appliance.backend.link import Link
from appliance.events import BackendEvent, Used


class Duty(Protocol):
    """What the roster is made for; called on the event loop."""

    @property
    def busy(self) -> bool:
        """Whether a turn is in progress, which keeps its session."""
        ...

    def deliver(self, link: Link, event: BackendEvent) -> None:
        """Take an event of the session that serves."""
        ...

    def hand_over(self, link: Link, code: str) -> None:
        """Take note that the session that served is gone."""
        ...

    def emit(self, event: BackendEvent) -> None:
        """Tell the conversation."""
        ...

    def pay(self, used: Used) -> None:
        """Take a bill, of any session."""
        ...
