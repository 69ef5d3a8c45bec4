"""The talk button: pressed it wakes the box, held it makes it stop."""

import asyncio
from collections.abc import Callable

from appliance.board.contact import Contact
from appliance.board.pins import Pins
from appliance.events import ButtonPressed, StopAsked
from appliance.units import Seconds

HOLD = Seconds(2.0)
"""Longer than anybody presses to talk, shorter than anybody holds without wondering."""


class TalkButton:
    """Reports presses on the event loop; made and closed there.

    The press is reported at once, not at its release, so that the box listens without delay.

    Raises:
        DeviceError: The pin cannot be used.
    """

    def __init__(
        self, pin: int, pins: Pins, report: Callable[[ButtonPressed | StopAsked], None]
    ) -> None:
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._hold: asyncio.TimerHandle | None = None
        self._contact = Contact(pin, pins, self._changed)

    def close(self) -> None:
        """Free the pin."""
        self._contact.close()
        self._forget()

    def _changed(self, pressed: bool) -> None:  # noqa: FBT001  # the shape of a callback
        self._forget()
        if pressed:
            self._hold = self._loop.call_later(HOLD, self._report, StopAsked())
            self._report(ButtonPressed())

    def _forget(self) -> None:
        if self._hold is not None:
            self._hold.cancel()
            self._hold = None
