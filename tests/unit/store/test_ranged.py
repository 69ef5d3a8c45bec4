"""A remote file read in pieces: whole, resumed, patient, and honest about what it cannot do."""

import io
import urllib.request
from collections.abc import Callable
from email.message import Message
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.store.ranged import BLOCK, RangedFile, RangesRefused

CONTENT = bytes(range(251)) * (3 * BLOCK // 251 + 9)
ADDRESS = "https://shelf.invalid/packages/near-1.0.whl?key=1"


class Response(io.BytesIO):
    """One answer; breaks off after ``lasts`` bytes."""

    def __init__(self, data: bytes, *, status: int, extent: str, lasts: int) -> None:
        super().__init__(data[:lasts])
        self.status = status
        self.headers = Message()
        self.headers["Content-Range"] = extent


class Server:
    """Gives ``CONTENT`` by ranges; counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.status = 206
        self.size = str(len(CONTENT))
        self.lasts = len(CONTENT)
        self.errors: list[Exception] = []

    def open(self, request: urllib.request.Request) -> Response:
        assert request.full_url == ADDRESS
        begin, _, end = request.headers["Range"].removeprefix("bytes=").partition("-")
        if self.errors and not end:
            raise self.errors.pop(0)
        self.asked.append(int(begin))
        data = CONTENT[int(begin) : int(end) + 1 if end else None]
        extent = f"bytes {begin}-{end}/{self.size}"
        return Response(data, status=self.status, extent=extent, lasts=self.lasts)


def no_wait(_seconds: float) -> None:
    """Do not wait."""


def remote(server: Server, scratch: Path, sleep: Callable[[float], None] = no_wait) -> RangedFile:
    return RangedFile(ADDRESS, scratch, opener=server.open, sleep=sleep)


def test_it_reads_the_whole_file_in_one_request(tmp_path: Path) -> None:
    server = Server()
    with remote(server, tmp_path) as file:
        assert file.read() == CONTENT
    assert server.asked == [0, 0]  # the first asks how long it is


def test_what_is_not_asked_for_is_not_loaded(tmp_path: Path) -> None:
    server = Server()
    with remote(server, tmp_path) as file:
        file.seek(-10, io.SEEK_END)
        assert file.read() == CONTENT[-10:]
    assert server.asked == [0, 3 * BLOCK]


def test_a_second_run_asks_only_for_what_it_has_not(tmp_path: Path) -> None:
    server = Server()
    with remote(server, tmp_path) as file:
        file.seek(BLOCK)
        file.read(1)
    server.asked.clear()

    with remote(server, tmp_path) as file:
        assert file.read() == CONTENT

    assert server.asked == [0, 0, 2 * BLOCK]


def test_a_connection_that_breaks_off_goes_on_at_the_broken_block(tmp_path: Path) -> None:
    server = Server()
    server.lasts = BLOCK + 77
    with remote(server, tmp_path) as file:
        assert file.read() == CONTENT
    assert server.asked == [0, 0, BLOCK, 2 * BLOCK, 3 * BLOCK]


def test_a_short_outage_is_sat_out_with_growing_patience(tmp_path: Path) -> None:
    waited: list[float] = []
    server = Server()
    server.errors = [ConnectionRefusedError("down"), TimeoutError("slow")]
    with remote(server, tmp_path, waited.append) as file:
        assert file.read() == CONTENT
    assert waited == [0.5, 1.0]


def test_a_long_outage_ends_with_its_error_and_keeps_what_came(tmp_path: Path) -> None:
    server = Server()
    with remote(server, tmp_path) as file:
        file.read(BLOCK)
        server.errors = [TimeoutError("down")] * 9
        file.seek(2 * BLOCK)
        with pytest.raises(TimeoutError, match="down"):
            file.read()
    server.errors = []
    server.asked.clear()
    with remote(server, tmp_path) as file:
        assert file.read() == CONTENT
    assert server.asked == [0, BLOCK]


def test_a_block_that_was_cut_on_disk_is_loaded_again(tmp_path: Path) -> None:
    server = Server()
    with remote(server, tmp_path) as file:
        file.read()
    block = next(tmp_path.glob("*/000001"))
    block.write_bytes(block.read_bytes()[:-1])
    with remote(server, tmp_path) as file:
        assert file.read() == CONTENT


@pytest.mark.parametrize(("status", "size"), [(200, str(len(CONTENT))), (206, "*"), (206, "")])
def test_a_server_without_ranges_is_refused(tmp_path: Path, status: int, size: str) -> None:
    server = Server()
    server.status, server.size = status, size
    with pytest.raises(RangesRefused):
        remote(server, tmp_path)


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://shelf.invalid/x", "x"])
def test_only_web_addresses_are_opened(tmp_path: Path, address: str) -> None:
    with pytest.raises(RangesRefused, match="not a web address"):
        RangedFile(address, tmp_path)


@given(
    st.lists(st.tuples(st.integers(-9, len(CONTENT) + 9), st.integers(0, 2 * BLOCK)), max_size=5)
)
def test_any_reads_in_any_order_give_what_a_local_file_gives(
    tmp_path_factory: pytest.TempPathFactory, reads: list[tuple[int, int]]
) -> None:
    local = io.BytesIO(CONTENT)
    with io.BufferedReader(remote(Server(), tmp_path_factory.mktemp("scratch"))) as file:
        for at, count in reads:
            local.seek(max(0, at))
            file.seek(max(0, at))
            assert file.read(count) == local.read(count)
            assert file.tell() == local.tell()
