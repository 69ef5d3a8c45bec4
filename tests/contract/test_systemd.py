"""The unit before systemd's own judgement, and the notify protocol over a real socket.

Needs Debian's ``systemd`` package (image/packages.txt, tests); no running systemd.
"""

import asyncio
import configparser
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.host import systemd
from appliance.units import Seconds

FOLDER = Path(__file__).parents[2] / "systemd"
UNIT = FOLDER / "voice-appliance.service"
LARGEST_EXPOSURE = 2.0


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which(command[0])
    assert program is not None, f"{command[0]} is missing; install Debian's package systemd"
    return subprocess.run(  # noqa: S603  # our own arguments
        [program, *command[1:]], capture_output=True, text=True, check=False
    )


def _settings() -> list[tuple[str, str]]:
    lines = [line.strip() for line in UNIT.read_text().splitlines()]
    return [
        (name, value)
        for line in lines
        if "=" in line and not line.startswith("#")
        for name, _, value in [line.partition("=")]
    ]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The unit with a program that is on this machine."""
    text = re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={shutil.which('true')}", UNIT.read_text())
    path = tmp_path / UNIT.name
    path.write_text(text)
    return path


def test_systemd_accepts_every_line_of_the_unit(elsewhere: Path) -> None:
    verified = _run("systemd-analyze", "verify", "--man=no", str(elsewhere))
    assert (verified.returncode, verified.stderr) == (0, "")


def test_the_unit_is_exposed_no_more_than_allowed() -> None:
    judged = _run("systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT))
    match = re.search(r"Overall exposure level for \S+: ([\d.]+)", judged.stdout)
    assert match is not None, judged.stderr
    assert float(match.group(1)) <= LARGEST_EXPOSURE


def test_what_the_appliance_lives_on_is_not_shut_out() -> None:
    settings = _settings()
    together: dict[str, str] = {}
    for name, value in settings:
        together[name] = f"{together.get(name, '')} {value}".strip()
    assert {
        "char-alsa rw",
        "char-gpiochip rw",
        "char-spi rw",
        "char-usb_device rw",
        "char-video4linux rw",
    } == {value for name, value in settings if name == "DeviceAllow"}
    assert set(together["RestrictAddressFamilies"].split()) == {"AF_UNIX", "AF_INET", "AF_INET6"}
    assert together["RestrictRealtime"] == "no"
    assert int(together["LimitRTPRIO"]) >= 10
    assert "PrivateDevices" not in together
    assert "PrivateNetwork" not in together
    assert "ProcSubset" not in together
    assert together["Type"] == "notify"
    assert float(together["TimeoutStopSec"]) >= 2.0
    assert float(together["WatchdogSec"]) >= 10.0


def test_what_people_say_cannot_reach_the_journal() -> None:
    settings = dict(_settings())
    assert settings["StandardOutput"] == "null"
    assert settings["StandardError"] == "journal"


def test_every_group_that_the_devices_need_is_made_and_joined() -> None:
    lines = (FOLDER / "voice-appliance.sysusers").read_text().splitlines()
    words = [line.split() for line in lines if line and not line.startswith("#")]
    made = {word[1] for word in words if word[0] == "g"}
    joined = {word[2] for word in words if word[:2] == ["m", "voice-appliance"]}
    assert made == joined == {"audio", "gpio", "spi", "video"}
    users = [word[1] for word in words if word[0] == "u"]
    assert users == [value for name, value in _settings() if name == "User"]


def test_sysusers_and_tmpfiles_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    made = _run("systemd-sysusers", f"--root={tmp_path}", str(FOLDER / "voice-appliance.sysusers"))
    assert made.returncode == 0, made.stderr
    assert "voice-appliance:" in (tmp_path / "etc/passwd").read_text()
    assert re.search(r"(?m)^gpio:.*:voice-appliance$", (tmp_path / "etc/group").read_text())

    laid = _run(
        "systemd-tmpfiles",
        "--create",
        f"--root={tmp_path}",
        str(FOLDER / "voice-appliance.tmpfiles"),
    )
    assert laid.returncode == 0, laid.stderr
    assert (tmp_path / "etc/voice-appliance/tools.d").is_dir()
    assert (tmp_path / "etc/voice-appliance").stat().st_mode & 0o007 == 0


def test_the_backoff_is_for_the_same_section() -> None:
    parser = configparser.ConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as configparser documents
    parser.read(FOLDER / "voice-appliance.backoff.conf")
    assert dict(parser["Service"]) == {
        "RestartSec": "2",
        "RestartSteps": "6",
        "RestartMaxDelaySec": "60",
    }


# the notify protocol


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(path))
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield listening


def test_systemd_hears_every_state(manager: socket.socket) -> None:
    assert systemd.ready("listening")
    assert manager.recv(4096) == b"READY=1\nSTATUS=listening"
    assert systemd.status("asleep")
    assert manager.recv(4096) == b"STATUS=asleep"
    assert systemd.reloading()
    assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+", manager.recv(4096))
    assert systemd.stopping("bye")
    assert manager.recv(4096) == b"STOPPING=1\nSTATUS=bye"


async def test_the_watchdog_feeds_the_real_socket(manager: socket.socket) -> None:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(systemd.Watchdog(lambda: True, Seconds(0.01)).run())
        await asyncio.sleep(0.05)
        task.cancel()
    manager.settimeout(0)
    assert manager.recv(4096) == b"WATCHDOG=1"
    assert manager.recv(4096) == b"WATCHDOG=1"


def test_nobody_listening_is_no_trouble(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not systemd.ready()
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    assert not systemd.ready()
