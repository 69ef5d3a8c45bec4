import ctypes
import fcntl
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.board import xvf3800
from appliance.errors import DeviceError


def board(folder: Path, *, vendor: str = "2886", product: str = "001a") -> None:
    folder.mkdir()
    facts = {"idVendor": vendor, "idProduct": product, "busnum": "1", "devnum": "12"}
    for name, text in facts.items():
        (folder / name).write_text(text + "\n")


def test_the_board_is_found_among_other_devices(tmp_path: Path) -> None:
    board(tmp_path / "1-1", vendor="1d6b", product="0002")
    (tmp_path / "1-1:1.0").mkdir()  # an interface has no such facts
    board(tmp_path / "1-2")
    assert xvf3800.find(tmp_path) == Path("/dev/bus/usb/001/012")


def test_without_a_board_there_is_none(tmp_path: Path) -> None:
    board(tmp_path / "1-1", product="0018")  # the ReSpeaker before it has other registers
    assert xvf3800.find(tmp_path) is None


def answers(*given: bytes) -> Callable[[int, int, int], bytes]:
    waiting = list(given)

    def transfer(value: int, index: int, length: int) -> bytes:
        assert (value, index, length) == (0x83, 33, 5)
        return waiting.pop(0)

    return transfer


def test_a_busy_chip_is_asked_again() -> None:
    pauses: list[float] = []
    busy = bytes([64, 0, 0, 0, 0])
    number = xvf3800.read_number(answers(busy, busy, bytes([0, 1, 0, 0, 0])), 33, 3, pauses.append)
    assert number == 1
    assert len(pauses) == 2


@pytest.mark.parametrize("answer", [bytes([7, 0, 0, 0, 0]), bytes([0, 1])])
def test_nonsense_is_an_error(answer: bytes) -> None:
    with pytest.raises(DeviceError, match=r"33\.3 gave status"):
        xvf3800.read_number(answers(answer), 33, 3)


def test_a_chip_that_stays_busy_is_an_error() -> None:
    with pytest.raises(DeviceError, match="stays busy"):
        xvf3800.read_number(lambda *_: b"", 33, 3, lambda _: None)


def test_the_kernel_is_asked_as_its_header_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = tmp_path / "012"
    node.touch()
    requests = []

    def ioctl(handle: int, code: int, request: bytearray, mutate: bool) -> int:  # noqa: FBT001
        assert handle > 2
        assert mutate
        kind, number, value, index, length, timeout, data = struct.unpack("=BBHHHI4xQ", request)
        requests.append((code, kind, number, value, index, length, timeout))
        ctypes.memmove(data, bytes([0, 1, 0, 0, 0]), length)
        return int(length)

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    assert xvf3800.converged(node)
    assert requests == [(0xC0185500, 0xC0, 0, 0x83, 33, 5, 100)]


def test_a_device_that_is_no_usb_board_is_an_error(tmp_path: Path) -> None:
    node = tmp_path / "012"
    node.touch()
    with pytest.raises(DeviceError, match="Inappropriate ioctl"):
        xvf3800.converged(node)
    with pytest.raises(DeviceError, match="No such file"):
        xvf3800.converged(tmp_path / "gone")
