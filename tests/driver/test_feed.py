"""The socket of the timeline, with a real socket."""

import asyncio
import socket
import stat
from pathlib import Path

import pytest

from appliance.host.feed import Feed, follow


async def test_reader_gets_every_line_and_the_end(tmp_path: Path) -> None:
    path = tmp_path / "timeline.sock"
    feed = Feed(path)
    await feed.open()
    lines: list[str] = []

    async def read() -> None:
        async for line in follow(path):
            lines.append(line)  # noqa: PERF401 - what came before an error counts too

    async with asyncio.TaskGroup() as group:
        group.create_task(read())
        async with asyncio.timeout(5.0):
            while not feed.readers:  # noqa: ASYNC110 - the other side is a real socket
                await asyncio.sleep(0.01)
        feed.send('{"event": "wake"}')
        feed.send('{"event": "speech"}')
        await asyncio.sleep(0.05)
        await feed.close()
    assert lines == ['{"event": "wake"}', '{"event": "speech"}']
    assert not await asyncio.to_thread(path.exists)


async def test_only_the_owner_may_listen(tmp_path: Path) -> None:
    feed = Feed(tmp_path / "timeline.sock")
    await feed.open()
    found = await asyncio.to_thread((tmp_path / "timeline.sock").stat)
    await feed.close()
    assert stat.S_IMODE(found.st_mode) == 0o700


async def test_second_box_leaves_the_first_its_listeners(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "timeline.sock"
    first, second = Feed(path), Feed(path)
    await first.open()
    await second.open()
    await second.close()
    await asyncio.sleep(0.05)  # the first sees that somebody knocked
    assert "another box of this user is running" in caplog.text
    assert await asyncio.to_thread(path.exists)
    await first.close()


async def test_socket_that_a_killed_box_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "timeline.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    feed = Feed(path)
    await feed.open()
    assert await _can_connect(path)
    await feed.close()


@pytest.mark.parametrize("place", ["file/timeline.sock", "x" * 120])
async def test_place_where_no_socket_can_be_is_told_and_costs_nothing_else(
    tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.to_thread((tmp_path / "file").touch)
    feed = Feed(tmp_path / place)
    await feed.open()
    feed.send("{}")
    await feed.close()
    assert "`listen` will not show this box" in caplog.text


async def _can_connect(path: Path) -> bool:
    _, writer = await asyncio.open_unix_connection(path)
    writer.close()
    await asyncio.sleep(0.05)  # the other side is a real socket and sees us go
    return True


async def test_nobody_there_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        _ = [line async for line in follow(tmp_path / "nothing.sock")]
