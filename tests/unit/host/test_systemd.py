import asyncio
import logging
import os

import pytest

from appliance.host import systemd
from appliance.units import Seconds
from tests.virtual_time import run_virtual


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    messages: list[tuple[str, ...]] = []

    def notify(*lines: str) -> bool:
        messages.append(lines)
        return True

    monkeypatch.setattr(systemd, "notify", notify)
    return messages


def test_the_interval_is_half_of_systemds_patience() -> None:
    assert systemd.watchdog_interval({"WATCHDOG_USEC": "30000000"}) == Seconds(15.0)


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"},
    ],
)
def test_without_a_watchdog_for_us_there_is_no_interval(env: dict[str, str]) -> None:
    assert systemd.watchdog_interval(env) is None


def test_the_variables_may_name_this_process() -> None:
    env = {"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}
    assert systemd.watchdog_interval(env) == Seconds(1.0)


def test_the_watchdog_is_fed_only_while_hearing_is_alive(
    sent: list[tuple[str, ...]], caplog: pytest.LogCaptureFixture
) -> None:
    hearing = [True]

    async def scene() -> None:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(systemd.Watchdog(lambda: hearing[0], Seconds(15.0)).run())
            await asyncio.sleep(31)
            assert len(sent) == 3
            hearing[0] = False
            await asyncio.sleep(150)
            assert len(sent) == 3
            hearing[0] = True
            await asyncio.sleep(15)
            assert len(sent) == 4
            task.cancel()

    run_virtual(scene())
    assert set(sent) == {("WATCHDOG=1",)}
    ours = [record for record in caplog.records if record.name == systemd.__name__]
    told = [(record.levelno, record.message) for record in ours]
    assert told == [
        (logging.ERROR, "the hearing thread does not answer; systemd will restart us"),
        (logging.INFO, "the hearing thread is back"),
    ]


def test_without_an_interval_the_watchdog_is_done_at_once() -> None:
    run_virtual(systemd.Watchdog(lambda: True, None).run())


def test_a_status_is_one_line(sent: list[tuple[str, ...]]) -> None:
    systemd.ready("two\nlines")
    systemd.ready()
    assert sent == [("READY=1", "STATUS=two lines"), ("READY=1",)]


def test_without_the_library_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemd, "daemon", None)
    assert not systemd.ready("well")
