"""The registers of an XVF3800 on USB: whether the board's own echo canceller has converged.

The chip is asked by vendor control transfers of the USB device itself, which no driver claims: the
request's value is the command (128 added to read), its index the resource, and the answer begins
with a status byte (Seeed's ``python_control/xvf_host.py``; XMOS XVF3800 User Guide 3.2.1). They go
through usbfs (``/dev/bus/usb/BUS/DEVICE``) by ioctl, so no library is needed; the box must be
allowed to write there (``systemd/voice-appliance.rules``). Nothing is ever written to the chip.

Run on no real board yet.
"""

import ctypes
import fcntl
import os
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from appliance.errors import DeviceError

VENDOR = "2886"
"""Seeed's."""

PRODUCTS = ("001a", "001e")
"""The USB 4-Mic Array; the Flex."""

_CONTROL = 0xC0185500
"""USBDEVFS_CONTROL, _IOWR('U', 0, struct usbdevfs_ctrltransfer) of 24 bytes (64 bit)."""

_READ = 0xC0
"""Request type: to the host, vendor, device."""

_TIMEOUT_MS = 100
_DONE, _RETRY = 0, 64
"""Status bytes."""

_ATTEMPTS = 20
_PAUSE = 0.005
_AEC = 33
_CONVERGED = 3
"""AEC_AECCONVERGED: 1 once the canceller has converged; the chip never takes it back."""

Transfer = Callable[[int, int, int], bytes]
"""Takes value, index and length of a read; returns what came, or raises ``OSError``."""


def find(devices: Path = Path("/sys/bus/usb/devices")) -> Path | None:
    """Return the node of the first XVF3800 board; ``None``: there is none."""
    for device in sorted(devices.glob("*")):
        with suppress(OSError, ValueError):
            vendor = (device / "idVendor").read_text().strip()
            product = (device / "idProduct").read_text().strip()
            if vendor == VENDOR and product in PRODUCTS:
                bus, number = (int((device / n).read_text()) for n in ("busnum", "devnum"))
                return Path(f"/dev/bus/usb/{bus:03d}/{number:03d}")
    return None


def converged(node: Path) -> bool:
    """Read whether the board's canceller has converged; takes some milliseconds.

    Raises:
        DeviceError: It cannot be asked, or does not answer.
    """
    try:
        handle = os.open(node, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise DeviceError(f"XVF3800 at {node}: {error.strerror}") from error
    try:
        return read_number(lambda *request: _usbfs(handle, *request), _AEC, _CONVERGED) != 0
    except OSError as error:
        raise DeviceError(f"XVF3800 at {node}: {error.strerror}") from error
    finally:
        os.close(handle)


def read_number(
    transfer: Transfer, resource: int, command: int, pause: Callable[[float], None] = time.sleep
) -> int:
    """Read a register of 32 bits.

    Raises:
        DeviceError: It answers nonsense, or stays busy.
        OSError: The transfer failed.
    """
    for _ in range(_ATTEMPTS):
        answer = transfer(0x80 | command, resource, 5)
        status = answer[0] if answer else _RETRY
        if status == _DONE and len(answer) == 5:
            return int(struct.unpack("<i", answer[1:])[0])
        if status != _RETRY:
            break
        pause(_PAUSE)
    else:
        raise DeviceError(f"XVF3800: register {resource}.{command} stays busy")
    raise DeviceError(f"XVF3800: register {resource}.{command} gave status {status}")


def _usbfs(handle: int, value: int, index: int, length: int) -> bytes:
    data = ctypes.create_string_buffer(length)
    request = struct.pack(
        "=BBHHHI4xQ", _READ, 0, value, index, length, _TIMEOUT_MS, ctypes.addressof(data)
    )
    count = fcntl.ioctl(handle, _CONTROL, bytearray(request), True)  # noqa: FBT003 - its shape
    return data.raw[:count]
