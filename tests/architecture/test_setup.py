"""``./run`` on small machines of our own making: what it installs, says, refuses and skips.

A copy of ``run`` stands in a folder of its own; in front of it on the path are programs that note
how they are called and play a machine. Nothing is installed.
"""

import os
import re
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = ["run", "uv.lock", "pyproject.toml", "image/packages.txt", "image/uv.txt"]
FILES += ["models/models.toml"]
NOTE = """#!/bin/sh
printf '%s' "$(basename "$0")" >>"$NOTES"
printf ' %s' "$@" >>"$NOTES"
echo >>"$NOTES"
"""
PLAYED = {
    "apt-get": 'case "$*" in *no-such*) exit 100 ;; esac',
    "apt-cache": "exit 1",
    "chown": "",
    "dpkg-query": 'shift 3; for word; do case " $GONE " in *" $word "*) ;; '
    '*) echo "$word installed" ;; esac; done',
    "id": 'echo "${UID_PLAYED:-0}"',
    "python3": '[ "$1" != - ] || { cat >/dev/null; echo "$PLAY/python3"; exit; }\n'
    'case "$*" in *" pip "*config*) exit 1 ;; --version) echo Python 3.12.0 ;; '
    '*"-m venv"*) for last; do :; done; mkdir -p "$last/bin"; '
    'cp "$PLAY/python3" "$last/bin/python"; cp "$PLAY/uv" "$last/bin/uv" ;; esac',
    "systemctl": "",
    "uv": 'case "$*" in venv*) for last; do :; done; mkdir -p "$last/bin"; '
    'cp "$PLAY/environment" "$last/bin/python"; '
    'cp "$PLAY/appliance" "$last/bin/voice-appliance" ;; esac',
    "environment": "exit ${FETCH_ENDS:-0}",
    "appliance": 'pwd >>"$NOTES"',
}
PLAIN = """awk basename cat cmp cp cut dirname env find flock grep head mkdir mktemp mv printf pwd
readlink rm sed sh sha256sum sleep sort stat tail test tr uname chmod dash"""


@dataclass
class Machine:
    """A machine on which ``./run`` is tried."""

    home: Path
    environment: dict[str, str]

    def run(self, *words: str, folder: Path | None = None, **more: str) -> tuple[int, str, str]:
        done = subprocess.run(  # noqa: S603 - our own file
            [str(self.home / "run"), *words],
            cwd=folder or self.home,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        return done.returncode, done.stdout, done.stderr

    def notes(self) -> list[str]:
        """Return the calls made since the last look."""
        path = Path(self.environment["NOTES"])
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def called(self, program: str) -> list[str]:
        return [line for line in self.notes() if line.split()[0] == program]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    home = tmp_path / "a check out"
    for name in FILES:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, home / name)
    play = tmp_path / "play"
    play.mkdir()
    for name, body in PLAYED.items():
        (play / name).write_text((NOTE if name != "id" else "#!/bin/sh\n") + body + "\n")
        (play / name).chmod(0o755)
    for name in PLAIN.split():
        if (found := shutil.which(name)) is not None:
            (play / name).symlink_to(found)
    environment = {
        "PATH": str(play),
        "PLAY": str(play),
        "HOME": str(tmp_path),
        "NOTES": str(tmp_path / "notes"),
        "RUN_SYSTEM_ROOT": str(tmp_path / "system"),
        "GONE": "",
    }
    (tmp_path / "system" / "usr" / "sbin").mkdir(parents=True)
    return Machine(home, environment)


def test_help_lists_every_task_and_sets_nothing_up(machine: Machine) -> None:
    code, out, _ = machine.run("help")

    assert code == 0
    for task in ("tests", "check", "bench", "models", "extras", "lock", "help", "WORD"):
        assert re.search(rf"^\./run {task}\b", out, re.MULTILINE)
    assert machine.notes() == []


def test_without_words_it_is_the_appliance_with_everything_set_up(machine: Machine) -> None:
    code, _, err = machine.run()

    notes = machine.notes()
    assert code == 0, err
    assert "voice-appliance run" in notes
    assert any(line.startswith("python -m appliance.store fetch") for line in notes)
    assert not any(line.startswith("apt-get") for line in notes)


def test_the_second_start_sets_nothing_up(machine: Machine) -> None:
    machine.run()
    machine.notes()

    code, _, err = machine.run()

    assert (code, err) == (0, "")
    assert machine.notes() == ["voice-appliance run", str(machine.home)]


def test_extras_that_were_added_are_part_of_every_set_up(machine: Machine) -> None:
    def asked_for() -> str:
        return " ".join(line for line in machine.called("uv") if line.startswith("uv export"))

    machine.run("config")
    assert "--extra" not in asked_for()
    code, _, err = machine.run("extras", "mcp", "cloud")
    assert code == 0, err
    assert "--extra cloud --extra mcp" in asked_for()
    machine.run("config")
    assert asked_for() == ""  # nothing has changed since
    machine.run("extras", "llm")
    assert "--extra cloud --extra llm --extra mcp" in asked_for()
    assert "cloud llm mcp" in machine.run("extras")[2]
    machine.run("extras", "none")
    assert "--extra" not in asked_for()


def test_an_extra_that_nobody_knows_is_one_line(machine: Machine) -> None:
    code, _, err = machine.run("extras", "clod")
    assert code == 1
    assert err == "run: there is no extra clod; there are: board camera cloud llm mcp \n"


def test_any_other_word_is_handed_over_in_the_folder_of_the_caller(
    machine: Machine, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "some where"
    elsewhere.mkdir()

    machine.run("replay", "a b.wav", "--json", folder=elsewhere)

    assert machine.notes()[-2:] == ["voice-appliance replay a b.wav --json", str(elsewhere)]


def test_two_dashes_hand_over_a_word_that_is_also_a_task(machine: Machine) -> None:
    machine.run("--", "check")

    assert machine.notes()[-2] == "voice-appliance check"


def test_words_that_need_no_models_do_not_wait_for_them(machine: Machine) -> None:
    code, _, _ = machine.run("doctor", FETCH_ENDS="1")

    assert code == 0
    assert machine.notes()[-2] == "voice-appliance doctor"


def test_a_failed_fetch_ends_it(machine: Machine) -> None:
    code, _, _ = machine.run(FETCH_ENDS="1")

    assert code == 1
    assert machine.called("voice-appliance") == []


def test_only_missing_packages_are_installed_and_nothing_is_removed(machine: Machine) -> None:
    code, _, err = machine.run(GONE="espeak-ng gcc pulseaudio")

    (call,) = machine.called("apt-get")
    assert code == 0
    assert call.split()[-2:] == ["espeak-ng", "gcc"]
    assert {"--no-remove", "--no-install-recommends", "-y"} <= set(call.split())
    assert "run: installing system packages: espeak-ng gcc\n" in err


def test_the_tests_bring_their_own_packages_and_tools(machine: Machine) -> None:
    machine.run("tests", "-k", "ring", GONE="pulseaudio")

    notes = machine.notes()
    assert any(line.split()[-1] == "pulseaudio" for line in notes if line.startswith("apt-get"))
    assert any("--group dev" in line for line in notes if line.startswith("uv export"))
    assert "python -m appliance.store fetch --tests" in notes
    assert notes[-1] == "python -m pytest -n 2 -k ring"


def test_once_set_up_for_tests_it_stays_so(machine: Machine) -> None:
    machine.run("tests")
    machine.notes()
    machine.run("doctor")
    assert not any(line.startswith("uv") for line in machine.notes())

    (machine.home / "uv.lock").write_text("changed")
    machine.run("doctor")
    assert any("--group dev" in line for line in machine.notes())


@pytest.mark.parametrize("name", [name for name in FILES if name != "models/models.toml"])
def test_what_it_depends_on_sets_it_up_anew_when_it_changes(machine: Machine, name: str) -> None:
    machine.run("doctor")
    machine.notes()
    with (machine.home / name).open("a") as file:
        file.write("\n")

    machine.run("doctor")

    assert any(line.startswith("uv pip sync") for line in machine.notes())


def test_a_checkout_that_was_moved_is_set_up_anew(machine: Machine, tmp_path: Path) -> None:
    machine.run("doctor")
    machine.notes()
    machine.home = machine.home.rename(tmp_path / "moved")

    machine.run("doctor")

    assert any(line.startswith("uv venv") for line in machine.notes())


def test_a_model_file_that_changed_is_looked_at(machine: Machine) -> None:
    file = machine.home / "models" / "files" / "ear" / "ear.onnx"
    file.parent.mkdir(parents=True)
    file.write_text("ear")
    machine.run()
    machine.notes()

    file.write_text("rear")
    machine.run()

    assert "python -m appliance.store fetch" in machine.notes()


def test_an_ordinary_user_installs_through_sudo(machine: Machine) -> None:
    sudo = Path(machine.environment["PLAY"]) / "sudo"
    sudo.write_text(NOTE + 'exec "$@"\n')
    sudo.chmod(0o755)

    code, _, _ = machine.run(GONE="espeak-ng", UID_PLAYED="1000")

    notes = machine.notes()
    assert code == 0
    assert any(line.startswith("sudo env") for line in notes)
    assert not any(line.startswith("chown") for line in notes)


def test_what_root_makes_belongs_to_the_owner_of_the_checkout(machine: Machine) -> None:
    (Path(machine.environment["PLAY"]) / "stat").unlink()
    stat = Path(machine.environment["PLAY"]) / "stat"
    stat.write_text("#!/bin/sh\necho 1000\n")
    stat.chmod(0o755)

    machine.run()

    owned = [line.split("/")[-1] for line in machine.called("chown")]
    assert {".venv", "models"} <= set(owned)


def test_without_root_and_sudo_one_line_says_what_is_missing(machine: Machine) -> None:
    code, _, err = machine.run(GONE="espeak-ng mosquitto", UID_PLAYED="1000")

    assert code == 1
    assert err == ("run: neither root nor sudo here; have somebody install: espeak-ng mosquitto\n")


def test_without_apt_get_one_line_says_what_to_do(machine: Machine) -> None:
    (Path(machine.environment["PLAY"]) / "apt-get").unlink()

    code, _, err = machine.run()
    assert code == 1
    assert len(err.splitlines()) == 1
    assert "VOICE_APPLIANCE_PACKAGES=mine" in err

    assert machine.run(VOICE_APPLIANCE_PACKAGES="mine")[0] == 0


def test_a_package_that_cannot_be_had_ends_it_with_one_line(machine: Machine) -> None:
    with (machine.home / "image" / "packages.txt").open("a") as file:
        file.write("\n[run]\nno-such-package # none\n")

    code, _, err = machine.run(GONE="no-such-package")

    assert code == 1
    assert err.splitlines()[-1] == "run: apt-get could not install: no-such-package"


def test_a_fresh_mosquitto_does_not_become_a_service(machine: Machine) -> None:
    machine.run(GONE="mosquitto")

    calls = [line for line in machine.notes() if line.split()[0] in {"apt-get", "systemctl"}]
    assert calls[-1] == "systemctl disable --quiet mosquitto.service"
    assert list(Path(machine.environment["RUN_SYSTEM_ROOT"]).rglob("policy-rc.d")) == []


def test_a_mosquitto_that_was_there_is_left_alone(machine: Machine) -> None:
    machine.run(GONE="espeak-ng")

    assert machine.called("systemctl") == []


def test_without_a_python_that_fits_one_line_says_so(machine: Machine) -> None:
    play = Path(machine.environment["PLAY"])
    (play / "python3").write_text(NOTE + "exit 1\n")

    code, _, err = machine.run()

    assert code == 1
    assert err.splitlines()[-1] == "run: no Python 3.11 to 3.13 here, and apt-get has none"


def test_where_the_system_python_is_too_old_the_archive_gives_another(machine: Machine) -> None:
    play = Path(machine.environment["PLAY"])
    good = (play / "python3").read_text()
    (play / "python3").write_text(NOTE + "exit 1\n")
    (play / "apt-cache").write_text(NOTE + 'case "$*" in *3.11*) exit 0 ;; esac; exit 100\n')
    (play / "wanted").write_text(good.replace("python3", "python3.11"))
    (play / "apt-get").write_text(
        NOTE + 'case "$*" in *python3.11-venv*) cp "$PLAY/wanted" "$PLAY/python3.11";\n'
        'chmod 755 "$PLAY/python3.11" ;; esac\n'
    )

    code, _, err = machine.run(GONE="python3.11-dev python3.11-venv")

    assert code == 0, err
    assert (play / "python3.11").exists()


def test_check_runs_every_tool_and_any_failure_counts(machine: Machine) -> None:
    machine.run("tests")
    tools = machine.home / ".venv" / "bin"
    for name in ("ruff", "mypy", "lint-imports", "vulture", "deptry"):
        (tools / name).write_text(NOTE + f"[ {name} != mypy ]\n")
        (tools / name).chmod(0o755)
    machine.notes()

    code, _, err = machine.run("check")

    assert code == 1
    assert err.splitlines()[-1] == "run: not clean: mypy"
    assert [line.strip() for line in machine.notes()] == [
        *("ruff check", "ruff format --check", "mypy", "lint-imports", "vulture", "deptry ."),
    ]


# ---------------------------------------------------------------------------------------------
# the files themselves


def test_the_script_is_clean_for_a_plain_shell() -> None:
    shell = shutil.which("dash") or "/bin/sh"
    subprocess.run([shell, "-n", str(ROOT / "run")], check=True)  # noqa: S603 - our own file
    assert os.access(ROOT / "run", os.X_OK)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_lock_names_no_registry() -> None:
    text = (ROOT / "uv.lock").read_text()

    hosts = set(re.findall(r"[a-z]+://[^/\"]*", text))
    assert hosts == {"https://registry.invalid", "https://files.invalid"}


@pytest.mark.parametrize(
    "name", ["run", "image/packages.txt", "image/uv.txt", "models/models.toml", ".ci/run"]
)
def test_set_up_names_no_address(name: str) -> None:
    addresses = re.findall(r"[a-z]+://[a-z][^\s\"']*", (ROOT / name).read_text())

    assert [address for address in addresses if ".invalid" not in address] == []


def test_the_installer_is_pinned_by_hash() -> None:
    text = (ROOT / "image" / "uv.txt").read_text()

    assert re.search(r"^uv==\d+\.\d+\.\d+ \\$", text, re.MULTILINE)
    assert text.count("--hash=sha256:") > 10


def test_every_declared_package_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    locked = {package["name"] for package in lock["package"]}
    declared = [*project["project"]["dependencies"]]
    for group in project["dependency-groups"].values():
        declared += group
    for extra in project["project"]["optional-dependencies"].values():
        declared += extra

    names = {re.split(r"[^A-Za-z0-9._-]", text)[0].lower() for text in declared}
    assert names - locked == set(), "lock them: ./run lock"


def test_packages_stand_once_and_in_order() -> None:
    lines = (ROOT / "image" / "packages.txt").read_text().splitlines()
    names = [line.partition("#")[0].strip() for line in lines]
    sections = "\n".join(names).split("[")[1:]
    listed = [section.split("]")[1].split() for section in sections]

    assert [section.split("]")[0] for section in sections] == [
        *("run", "build", "python", "tests", "board"),
    ]
    assert listed == [sorted(set(section)) for section in listed]
    every = [name for section in listed for name in section]
    assert len(every) == len(set(every))
