"""Gets at the GPIO pins through gpiozero, and says what is missing where it cannot."""

import contextlib
import os
import tempfile
from dataclasses import dataclass
from typing import Any

import gpiozero
from gpiozero.exc import GPIOZeroError

from appliance.errors import DeviceError

Factory = Any
"""gpiozero's ``Factory``, which has no types."""


@dataclass(frozen=True, slots=True)
class Pins:
    """Where devices get their pins from."""

    factory: Factory

    def close(self) -> None:
        """Free every pin."""
        self.factory.close()
        if gpiozero.Device.pin_factory is self.factory:
            gpiozero.Device.pin_factory = None


def open_pins() -> Pins:
    """Open the pins: through lgpio, or what ``$GPIOZERO_PIN_FACTORY`` names (``mock`` in tests).

    gpiozero's own search is not used: it goes on to libraries that need root or a daemon, and
    where it ends with the slowest it only warns.

    Raises:
        DeviceError: There are none here; the message says what is missing.
    """
    try:
        if os.environ.get("GPIOZERO_PIN_FACTORY"):
            gpiozero.Device.ensure_pin_factory()
            return Pins(gpiozero.Device.pin_factory)
        # importing lgpio makes a FIFO in the working directory, which may be read-only or a
        # checkout (seen with 0.2.2); it is opened at once and not needed by name afterwards
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415  # absent off a Pi
        return Pins(LGPIOFactory())
    except ImportError as error:
        raise DeviceError(
            f"gpio: {error}; install the library with: pip install 'voice-appliance[board]'"
        ) from error
    except (GPIOZeroError, OSError) as error:
        raise DeviceError(f"gpio: {error}; set no pins in [board] on this machine") from error
    except Exception as error:
        if type(error).__module__ != "lgpio":  # lgpio.error derives from Exception alone
            raise
        raise DeviceError(
            f"gpio: {error}; is the user in the group gpio, and is /dev/gpiochip0 there?"
        ) from error
