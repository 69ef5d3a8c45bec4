"""The LED ring: APA102 (or its twin SK9822) on SPI."""

from collections.abc import Sequence

from appliance.board.patterns import Colour
from appliance.errors import DeviceError

_SPEED_HZ = 4_000_000
"""Far below what the chips take (20 MHz, APA102 data sheet) and safe on 20 cm of loose wire; the
largest ring, 64 LEDs, takes 0.6 ms."""


def encode(colours: Sequence[Colour], brightness: float) -> bytes:
    """Return the bytes that show these colours.

    Start frame of 32 zero bits; per LED ``0b111``, 5 bits of brightness, blue, green, red; then 32
    zero bits, which make SK9822 show what it has got, and half a clock per LED, by which each LED
    delays the data. Zeros serve both chips; ones would light an LED beyond the last.

    Args:
        colours: One per LED.
        brightness: 0 to 1; anything above 0 is at least the lowest of 31 steps.
    """
    step = min(31, max(1, round(brightness * 31))) if brightness > 0 else 0
    leds = b"".join(bytes((0xE0 | step, blue, green, red)) for red, green, blue in colours)
    return bytes(4) + leds + bytes(4) + bytes(-(-len(colours) // 16))


class Ring:
    """Writes colours to the ring; event loop only, below 1 ms.

    Args:
        leds: How many there are.
        bus: First number of ``/dev/spidev0.1``.
        device: Second number.
        brightness: 0 to 1, over all colours.

    Raises:
        DeviceError: There is no such SPI device, or it may not be opened.
    """

    def __init__(self, leds: int, *, bus: int, device: int, brightness: float) -> None:
        name = f"/dev/spidev{bus}.{device}"
        try:
            import spidev  # noqa: PLC0415  # an extra of boards with GPIO

            self._spi = spidev.SpiDev()
            self._spi.open(bus, device)
            self._spi.max_speed_hz = _SPEED_HZ
        except ImportError as error:
            raise DeviceError(
                "the LED ring needs spidev; install it: pip install 'voice-appliance[board]'"
            ) from error
        except PermissionError as error:
            raise DeviceError(f"{name}: not allowed; is the user in the group spi?") from error
        except OSError as error:
            raise DeviceError(
                f"{name}: {(error.strerror or '').lower()}; is SPI on"
                " (dtparam=spi=on in config.txt)?"
            ) from error
        self.leds = leds
        self._brightness = brightness

    def show(self, colours: Sequence[Colour]) -> None:
        """Show one colour per LED.

        Raises:
            DeviceError: The bus failed.
        """
        try:
            self._spi.writebytes2(encode(colours, self._brightness))
        except OSError as error:
            raise DeviceError(f"LED ring: {(error.strerror or '').lower()}") from error

    def close(self) -> None:
        """Free the bus; the LEDs keep what they show."""
        self._spi.close()
