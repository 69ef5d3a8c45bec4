"""A switch or button between a pin and ground, followed on the event loop."""

import asyncio
from collections.abc import Callable

import gpiozero
from gpiozero.exc import GPIOZeroError

from appliance.board.pins import Pins
from appliance.errors import DeviceError
from appliance.units import Seconds

SETTLE = Seconds(0.03)
"""Contacts bounce for a few milliseconds (Ganssle, "A Guide to Debouncing": 1.6 ms on average over
18 kinds of switch); 30 ms outlasts nearly all and is still felt as at once."""


class Contact:
    """Tells when a contact closed or opened, once it has settled.

    Made, used and closed on the event loop. ``changed`` is called there too, never before the
    constructor has returned.

    Args:
        pin: GPIO number (BCM); its pull-up is switched on.
        pins: Where it is.
        changed: Called with ``True`` when it has closed, ``False`` when it has opened.

    Raises:
        DeviceError: The pin cannot be used.
    """

    def __init__(self, pin: int, pins: Pins, changed: Callable[[bool], None]) -> None:
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._settling: asyncio.TimerHandle | None = None
        try:
            self._device = gpiozero.DigitalInputDevice(pin, pull_up=True, pin_factory=pins.factory)
        except (GPIOZeroError, OSError) as error:
            raise DeviceError(f"gpio {pin}: {error}") from error
        self.closed = bool(self._device.is_active)
        """Whether the contact was closed when last looked at."""

        self._device.when_activated = self._hand_over
        self._device.when_deactivated = self._hand_over

    def close(self) -> None:
        """Free the pin; nothing is told afterwards."""
        self._device.close()
        if self._settling is not None:
            self._settling.cancel()

    def _hand_over(self) -> None:
        """Cross from gpiozero's thread to the event loop."""
        self._loop.call_soon_threadsafe(self._edge)

    def _edge(self) -> None:
        if self._settling is None and not self._device.closed:
            self._settling = self._loop.call_later(SETTLE, self._settled)

    def _settled(self) -> None:
        # the timer is not set again by every edge: a contact that never rests is still read
        self._settling = None
        if (closed := bool(self._device.is_active)) != self.closed:
            self.closed = closed
            self._changed(closed)
