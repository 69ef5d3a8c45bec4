import subprocess
import sys
from types import ModuleType
from typing import NoReturn

import pytest

from appliance.cli import words
from appliance.cli.main import main

WORDS = "appliance.cli.words"


class Interrupted(ModuleType):
    """A module during whose import somebody presses Ctrl-C."""

    def __getattr__(self, name: str) -> NoReturn:
        raise KeyboardInterrupt


def python(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own text
        [sys.executable, "-c", text], capture_output=True, text=True, check=False, timeout=30
    )


def test_ctrl_c_while_everything_is_still_imported_ends_it_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, WORDS, Interrupted(WORDS))
    monkeypatch.setattr("appliance.cli.main.leave", sys.exit)  # no test ends the process
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "")


def test_what_starts_the_command_imports_nothing_that_takes_long() -> None:
    heavy = {"asyncio", "numpy", "typer", "onnxruntime", "pydantic", "rich"}
    done = python("import sys, appliance.cli.main; print(*sys.modules)")
    assert not heavy & set(done.stdout.split())


def test_the_end_does_not_wait_for_threads_that_nobody_waits_for() -> None:
    done = python(
        "import atexit, threading, time\n"
        "from appliance.cli.main import leave\n"
        "atexit.register(print, 'the interpreter ended')\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "print('said')\n"
        "leave(5)\n"
    )
    assert (done.returncode, done.stdout) == (5, "said\n")


def test_without_such_threads_it_ends_as_any_program() -> None:
    done = python(
        "import atexit\nfrom appliance.cli.main import leave\n"
        "atexit.register(print, 'the interpreter ended')\nleave(3)\n"
    )
    assert (done.returncode, done.stdout) == (3, "the interpreter ended\n")


def test_a_full_disk_is_one_line() -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            [sys.executable, "-m", "appliance", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=30,
        )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "full" in done.stderr


@pytest.mark.parametrize("grouped", [False, True])
def test_other_errors_of_the_system_are_not_hidden(
    monkeypatch: pytest.MonkeyPatch, *, grouped: bool
) -> None:
    error = PermissionError(13, "no")

    def fail() -> NoReturn:
        raise ExceptionGroup("tasks", [error]) if grouped else error

    monkeypatch.setattr("appliance.cli.words.app", fail)
    with pytest.raises((PermissionError, ExceptionGroup)):
        words.command()
