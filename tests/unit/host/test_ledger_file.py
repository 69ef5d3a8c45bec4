"""The record of the money, and disks that fail."""

import errno
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from appliance.backend.money.ledger import EMPTY, Spent
from appliance.backend.money.prices import MicroUsd
from appliance.backend.money.record import from_plain, to_plain
from appliance.host.ledger_file import LARGEST, LedgerFile
from appliance.units import Seconds

QUICK = Seconds(0.0)
_DAY = date(2026, 12, 1)


def plain(document: object) -> object:
    if not isinstance(document, dict):
        raise ValueError(document)  # noqa: TRY004 - what decoders raise
    return document


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "money.json"


@pytest.fixture
def file(path: Path) -> Iterator[LedgerFile]:
    made = LedgerFile(path, pause=QUICK)
    yield made
    made.close()


def settle(file: LedgerFile) -> None:
    file.close()


def test_what_was_kept_is_there_after_a_restart(file: LedgerFile, path: Path) -> None:
    file.keep({"a": 1})
    settle(file)
    assert LedgerFile(path).read(plain) == {"a": 1}


def test_nothing_was_kept_at_the_first_start(file: LedgerFile) -> None:
    assert file.read(plain) is None


def test_the_latest_document_wins_and_the_one_before_lies_beside_it(
    file: LedgerFile, path: Path
) -> None:
    for number in range(3):
        file.keep({"number": number})
        settle(file)
    assert file.read(plain) == {"number": 2}
    assert json.loads(file.before.read_text()) == {"number": 1}
    assert sorted(each.name for each in path.parent.iterdir()) == ["money.json", "money.old"]


def test_many_bookings_in_a_row_are_few_writings(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    begun, go = threading.Event(), threading.Event()

    def fsync(handle: int) -> None:
        flushed.append(handle)
        begun.set()
        go.wait(5.0)

    monkeypatch.setattr(os, "fsync", fsync)
    file = LedgerFile(path, pause=QUICK)
    file.keep({"number": 0})
    assert begun.wait(5.0)
    for number in range(1, 100):
        file.keep({"number": number})  # returns although the disk stands still
    go.set()
    settle(file)
    assert file.read(plain) == {"number": 99}
    assert len(flushed) == 4  # file and folder, twice


def test_closing_does_not_wait_for_a_disk_that_hangs(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    waited: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda _: waited.append(go.wait(5.0)))
    file = LedgerFile(path, pause=QUICK)
    file.keep({"a": 1})
    file.close(Seconds(0.01))
    assert waited == []
    go.set()


BROKEN = [
    b"",
    b"{",
    b'{"version": 1, "days": {"2026-12-01": {"a": [1, 2, 3',
    b"[]",
    b'{"version": 1, "days": [], "told": {}}',
    b'{"version": 1, "days": {"2026-12-01": {"a": ["x", 2, 3, 4, false]}}, "told": []}',
    b"\xff\xfe\x00",
    b"\0" * 4096,  # what some file systems leave after a pulled plug
    b"[" * 100_000,
    b"9" * 10_000,
    b'{"version":1,"days":{},"told":[]}'.rjust(LARGEST + 1),
]


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_is_set_aside_and_the_one_before_counts(
    file: LedgerFile, path: Path, content: bytes
) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    ledger = EMPTY.book(_DAY, "a", Spent(MicroUsd(5)))
    file.before.write_text(json.dumps(to_plain(ledger)))
    assert file.read(from_plain) == ledger
    assert file.broken.read_bytes() == content
    assert not path.exists()


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_two_broken_files_cost_the_memory_but_not_the_start(
    file: LedgerFile, path: Path, content: bytes
) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    file.before.write_bytes(content)
    assert file.read(from_plain) is None
    file.keep({"a": 1})
    settle(file)
    assert file.read(plain) == {"a": 1}


def test_looking_at_a_broken_file_changes_nothing(file: LedgerFile, path: Path) -> None:
    path.parent.mkdir()
    path.write_text("{")
    assert file.look(plain) is None
    assert [each.name for each in path.parent.iterdir()] == ["money.json"]


def test_a_folder_in_the_place_of_the_file_is_survived(
    file: LedgerFile, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.mkdir(parents=True)
    assert file.read(plain) is None
    file.keep({"a": 1})
    settle(file)
    assert "cannot be written" in caplog.text


def test_a_file_in_the_place_of_the_folder_is_survived(
    file: LedgerFile, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.write_text("in the way")
    assert file.read(plain) is None
    file.keep({"a": 1})
    settle(file)
    assert "cannot be written" in caplog.text


def test_a_full_disk_leaves_the_old_document_whole_and_is_said_once(
    file: LedgerFile,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file.keep({"number": 0})
    settle(file)
    real, full = os.fdopen, [True]

    class Full(io.FileIO):
        def write(self, data: Any) -> int:  # noqa: ANN401 - as FileIO's
            super().write(data[:5])
            raise OSError(errno.ENOSPC, "No space left on device")

    def fdopen(handle: int, mode: str) -> Any:  # noqa: ANN401 - as os's
        return Full(handle, "w") if full[0] else real(handle, mode)

    monkeypatch.setattr(os, "fdopen", fdopen)
    for number in (1, 2, 3):
        file.keep({"number": number})
        settle(file)
    assert caplog.text.count("cannot be written") == 1
    assert LedgerFile(path).read(plain) == {"number": 0}
    assert not path.with_suffix(".new").exists()
    full[0] = False
    file.keep({"number": 4})
    settle(file)
    assert "can be written again" in caplog.text
    assert file.read(plain) == {"number": 4}


def test_a_disk_that_is_full_only_when_it_is_flushed_leaves_the_old_document(
    file: LedgerFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.keep({"number": 0})
    settle(file)

    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    file.keep({"number": 1})
    settle(file)
    assert LedgerFile(path).read(plain) == {"number": 0}


def test_a_place_where_nobody_can_write_costs_only_the_memory(
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = LedgerFile(Path("/proc/voice-appliance/money.json"), pause=QUICK)
    assert file.read(plain) is None
    file.keep({"a": 1})
    settle(file)
    assert "cannot be written" in caplog.text


LIMITED = """
import resource, sys
from pathlib import Path
from appliance.host.ledger_file import LedgerFile
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
file = LedgerFile(Path(sys.argv[1]), pause=0.0)
file.keep({"small": 1})
file.close()
file.keep({"large": "x" * 100_000})
file.close()
print(file.read(lambda found: found))
"""


def test_a_system_that_really_refuses_more_bytes_leaves_the_old_document(path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "{'small': 1}"
    assert sorted(each.name for each in path.parent.iterdir()) == ["money.json"]


def test_a_folder_that_cannot_be_written_to_costs_only_the_memory(
    file: LedgerFile, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.write_text("not a folder at all")  # a mode of 0500 does not stop root
    file.keep({"a": 1})
    settle(file)
    assert "cannot be written" in caplog.text


def test_a_file_system_without_second_names_keeps_no_copy_but_the_document(
    file: LedgerFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    for number in (1, 2):
        file.keep({"number": number})
        settle(file)
    assert file.read(plain) == {"number": 2}
    assert not file.before.exists()


async def test_keeping_does_not_block_the_event_loop(file: LedgerFile) -> None:
    ledger = EMPTY
    for number in range(50):  # blockbuster watches
        ledger = ledger.book(_DAY, "a", Spent(MicroUsd(number)))
        file.keep(to_plain(ledger))


KILLED = """
import sys, itertools
from pathlib import Path
from appliance.host.ledger_file import LedgerFile
file = LedgerFile(Path(sys.argv[1]), pause=0.0)
for number in itertools.count():
    file.keep({"number": number, "much": "x" * 20_000})
    if number % 50 == 0:
        file.close()
        print(number, flush=True)
"""


def test_a_program_that_is_killed_while_writing_leaves_a_whole_document(path: Path) -> None:
    for wait in range(3):
        written = -1
        command = [sys.executable, "-c", KILLED, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:  # noqa: S603
            assert program.stdout is not None
            for _ in range(2 + wait):
                written = int(program.stdout.readline())
            program.kill()
        found = LedgerFile(path).read(plain)
        assert isinstance(found, dict)
        assert found["number"] >= written
        assert not path.with_suffix(".broken").exists()
