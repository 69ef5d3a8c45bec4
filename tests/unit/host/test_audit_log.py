import stat
from pathlib import Path

import pytest

from appliance.host.audit_log import MOST_WAITING, AuditLog
from appliance.host.pin_file import PinFile


def test_lines_are_kept_in_order_and_only_their_owner_may_read_them(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "state")
    for number in range(200):
        log.write({"n": number})
    log.close()
    assert [line["n"] for line in log.lines()] == list(range(200))
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600


def test_of_a_long_life_the_latest_files_are_kept(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, largest=2_000, files=3)
    for number in range(1_000):
        log.write({"n": number})
    log.close()
    kept = [line["n"] for line in log.lines()]
    assert kept == list(range(1_000))[-len(kept) :]
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    assert all(file.stat().st_size <= 2_000 for file in files)


def test_after_a_restart_it_goes_on_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    first = AuditLog(tmp_path)
    first.write({"n": 1})
    first.close()
    with first.path.open("ab") as file:
        file.write(b'\xff{"n": \n[]\n"x"\n' + b"[" * 5_000 + b"\n")
    second = AuditLog(tmp_path)
    second.write({"n": 2})
    second.close()
    assert [line["n"] for line in second.lines()] == [1, 2]


def test_a_disk_that_refuses_costs_lines_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "state"
    state.write_text("no folder")
    log = AuditLog(state)
    for number in range(3):
        log.write({"n": number})
        log.close()
    assert caplog.text.count("cannot be written") == 1
    state.unlink()
    log.write({"n": 3})
    log.close()
    assert {"n": 3} in list(log.lines())
    assert {"lost": 3} in list(log.lines())


def test_a_slow_disk_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AuditLog(tmp_path)
    monkeypatch.setattr("threading.Thread.start", lambda _: None)
    for number in range(3 * MOST_WAITING):
        log.write({"n": number})
    assert len(log._waiting) == MOST_WAITING


def test_what_is_no_json_is_a_line_that_says_so(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    log.write({"n": float("nan")})
    log.write({"n": object()})
    log.close()
    assert list(log.lines()) == [{"unreadable": True}] * 2


def test_following_goes_on_across_a_new_file(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, largest=100)
    _, place = log.read_on(None)
    seen: list[object] = []
    for number in range(30):
        log.write({"n": number})
        log.close()
        lines, place = log.read_on(place)
        seen += [line["n"] for line in lines]
    assert seen == list(range(30))
    with log.path.open("ab") as file:
        file.write(b'{"n": 3')  # being written just now
    assert log.read_on(place)[0] == []


def test_nothing_there_is_an_empty_log(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "none")
    assert list(log.lines()) == []
    assert log.read_on(None)[0] == []
    log.close()


def test_a_pin_file_is_written_read_and_forgotten(tmp_path: Path) -> None:
    file = PinFile(tmp_path / "state")
    assert file.read() is None
    assert not file.clear()
    file.write("scrypt$1$2")
    assert file.read() == "scrypt$1$2"
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert file.clear()
    assert file.read() is None
    file.path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="ascii"):
        file.read()
