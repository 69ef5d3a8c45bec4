"""Single LEDs on a pin: the status light, which can be dim, and the mute light, which cannot."""

import gpiozero
from gpiozero.exc import GPIOZeroError, PinPWMUnsupported

from appliance.board.pins import Pins
from appliance.errors import DeviceError


class StatusLed:
    """A light of variable brightness; only on and off where the pin has no PWM.

    Raises:
        DeviceError: The pin cannot be used.
    """

    def __init__(self, pin: int, pins: Pins) -> None:
        self._pin = pin
        try:
            self._led = _dimmable(pin, pins)
        except (GPIOZeroError, OSError) as error:
            raise DeviceError(f"gpio {pin}: {error}") from error
        self._shown = -1.0

    def show(self, brightness: float) -> None:
        """Show a brightness from 0 to 1.

        Raises:
            DeviceError: The pin failed.
        """
        level = brightness if isinstance(self._led, gpiozero.PWMLED) else round(brightness)
        if level == self._shown:
            return
        try:
            self._led.value = level
        except (GPIOZeroError, OSError) as error:
            raise DeviceError(f"gpio {self._pin}: {error}") from error
        self._shown = level

    def close(self) -> None:
        """Free the pin, which turns the light off."""
        self._led.close()


class MuteLed:
    """The light beside the mute switch.

    Raises:
        DeviceError: The pin cannot be used.
    """

    def __init__(self, pin: int, pins: Pins) -> None:
        try:
            self._led = gpiozero.LED(pin, pin_factory=pins.factory)
        except (GPIOZeroError, OSError) as error:
            raise DeviceError(f"gpio {pin}: {error}") from error

    def light(self, *, on: bool) -> None:
        """Switch it; a pin that has been freed stays dark."""
        if not self._led.closed:
            self._led.value = on

    def close(self) -> None:
        """Free the pin, which turns the light off."""
        self._led.close()


def _dimmable(pin: int, pins: Pins) -> gpiozero.PWMLED | gpiozero.LED:
    try:
        return gpiozero.PWMLED(pin, pin_factory=pins.factory)
    except PinPWMUnsupported:
        return gpiozero.LED(pin, pin_factory=pins.factory)
