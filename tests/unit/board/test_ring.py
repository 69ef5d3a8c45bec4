import os
import sys
from collections.abc import Sequence
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.board.patterns import Colour
from appliance.board.ring import Ring, encode
from appliance.errors import DeviceError

PART = st.integers(0, 255)


def decode(sent: bytes, leds: int) -> list[tuple[int, Colour]]:
    """What the chips make of it: brightness step and colour, as their data sheet says."""
    assert sent[:4] == bytes(4)
    frames = [sent[4 + 4 * led : 8 + 4 * led] for led in range(leds)]
    assert all(frame[0] >> 5 == 0b111 for frame in frames)
    return [(frame[0] & 0x1F, (frame[3], frame[2], frame[1])) for frame in frames]


@given(st.lists(st.tuples(PART, PART, PART), max_size=64), st.floats(0, 1))
def test_chips_see_the_colours_that_were_meant(
    colours: Sequence[Colour], brightness: float
) -> None:
    sent = encode(colours, brightness)
    seen = decode(sent, len(colours))
    assert [colour for _, colour in seen] == list(colours)
    assert all(step == 0 if brightness == 0 else 1 <= step <= 31 for step, _ in seen)


@given(st.integers(0, 64))
def test_there_are_clocks_enough_for_the_last_led(leds: int) -> None:
    tail = encode([(0, 0, 0)] * leds, 1.0)[4 + 4 * leds :]
    assert not any(tail)
    assert (len(tail) - 4) * 8 >= leds / 2


def test_one_red_led_byte_for_byte() -> None:
    assert encode([(255, 1, 2)], 1.0).hex() == "00000000ff0201ff0000000000"


@pytest.mark.skipif(os.path.exists("/dev/spidev0.0"), reason="there is SPI here")  # noqa: PTH110
def test_without_spi_the_error_says_what_to_do() -> None:
    with pytest.raises(DeviceError, match=r"install it|is SPI on|group spi"):
        Ring(12, bus=0, device=0, brightness=0.3)


class FakeSpi:
    """What spidev's ``SpiDev`` does for us."""

    def __init__(self, fails: type[OSError] | None = None) -> None:
        self.max_speed_hz = 0
        self.sent: list[bytes] = []
        self.fails = fails
        self.opened: tuple[int, int] | None = None

    def open(self, bus: int, device: int) -> None:
        if self.fails is not None:
            raise self.fails(1, "As it happens")
        self.opened = (bus, device)

    def writebytes2(self, data: bytes) -> None:
        if self.opened is None:
            raise OSError(9, "Bad file descriptor")
        self.sent.append(data)

    def close(self) -> None:
        self.opened = None


def _installed(monkeypatch: pytest.MonkeyPatch, spi: FakeSpi) -> None:
    module = ModuleType("spidev")
    module.SpiDev = lambda: spi  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spidev", module)


def test_the_ring_writes_to_the_device_that_was_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spi = FakeSpi()
    _installed(monkeypatch, spi)
    ring = Ring(2, bus=1, device=2, brightness=0.5)
    ring.show([(1, 2, 3), (4, 5, 6)])
    assert (spi.opened, spi.sent) == ((1, 2), [encode([(1, 2, 3), (4, 5, 6)], 0.5)])
    assert 100_000 <= spi.max_speed_hz <= 20_000_000

    ring.close()
    with pytest.raises(DeviceError, match="LED ring: bad file descriptor"):
        ring.show([(0, 0, 0)] * 2)


@pytest.mark.parametrize(
    ("failure", "advice"), [(PermissionError, "group spi"), (FileNotFoundError, "is SPI on")]
)
def test_a_bus_that_cannot_be_opened_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, failure: type[OSError], advice: str
) -> None:
    _installed(monkeypatch, FakeSpi(failure))
    with pytest.raises(DeviceError, match=rf"^/dev/spidev0\.1: .*{advice}"):
        Ring(2, bus=0, device=1, brightness=0.5)
