"""``voice-appliance pin`` and ``voice-appliance actions log``."""

import getpass
import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from appliance.cli import actions, pin
from appliance.host.audit_log import AuditLog

Answers = Callable[..., None]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(actions, "set_up_logging", lambda **_: None)
    return tmp_path


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    def give(*words: str) -> None:
        left = iter(words)
        monkeypatch.setattr(getpass, "getpass", lambda *_, **__: next(left))

    return give


def run(*words: str) -> tuple[int, str]:
    app = pin.app if words[0] != "log" else actions.app
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.output


def test_a_pin_is_set_tested_and_forgotten(state: Path, answers: Answers) -> None:
    answers("2468", "2468")
    code, said = run("set")
    assert (code, "2468" in said) == (0, False)
    file = state / "pin"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "2468" not in file.read_text()
    answers("2468")
    assert run("test") == (0, "that is the PIN\n")
    answers("2469")
    assert run("test")[0] == 1
    assert run("clear") == (0, "the PIN is forgotten\n")
    assert run("clear") == (0, "there was none\n")
    assert run("test")[0] == 1


@pytest.mark.parametrize("words", [("123",), ("12a4",), ("2468", "2469"), ("12345678901",)])
def test_what_is_no_pin_or_not_said_twice_changes_nothing(
    state: Path, answers: Answers, words: tuple[str, ...]
) -> None:
    answers(*words)
    assert run("set")[0] == 1
    assert list(state.iterdir()) == []


def _line(age: timedelta, **more: object) -> dict[str, object]:
    return {
        "at": (datetime.now(UTC) - age).isoformat(),
        "id": "1",
        "who": {"source": "voice", "wake_word": "hey_jarvis", "turn": 3, "backend": "local"},
        "tool": "control_lock",
        "arguments": {"device": "front_door", "action": "unlock"},
        "acts": [],
        "decision": "pin by voice",
        "status": "done",
        "sent": [{"topic": "house/front_door/set", "payload": "UNLOCK"}],
        "took_ms": 12.0,
        **more,
    }


def test_the_log_is_told_to_people_and_to_programs(state: Path) -> None:
    log = AuditLog(state)
    log.write(_line(timedelta(hours=3), tool="old_one"))
    log.write(_line(timedelta(minutes=1)))
    log.close()
    code, said = run("log")
    assert code == 0
    for part in ("old_one", "control_lock", "hey_jarvis", "turn 3", "pin by voice", "UNLOCK"):
        assert part in said
    assert "old_one" not in run("log", "--since", "2h")[1]
    lines = [json.loads(line) for line in run("log", "--json")[1].splitlines()]
    assert [line["tool"] for line in lines] == ["old_one", "control_lock"]
    assert run("log", "--since", "soon")[0] == 2


def test_a_hostile_line_cannot_paint_the_terminal(state: Path) -> None:
    log = AuditLog(state)
    log.write(_line(timedelta(0), tool="\x1b[2J[red]x[/]", who=[1], sent="?", arguments=None))
    log.write({"at": 1})
    log.close()
    code, said = run("log", "--since", "1h")
    assert code == 0
    assert "\x1b" not in said
    assert "[red]x[/]" in said


def test_no_log_is_no_line() -> None:
    assert run("log") == (0, "")
