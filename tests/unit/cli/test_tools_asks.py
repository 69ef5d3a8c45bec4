"""``voice-appliance tools call`` asks for what must be confirmed."""

import getpass
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from appliance.catalogue import ToolSpec
from appliance.cli import tools as word
from appliance.host.pin_file import PinFile
from appliance.ports import ToolResult
from appliance.tools import schema, wording
from appliance.tools.gate import pin
from appliance.tools.plan import Act, Plan, Planned
from appliance.tools.registry import ToolRegistry

WORDS = wording.load("en")
ACTS = {
    "garage": Act("cover", "opening", "open", "garage", "garage door", "garage"),
    "door": Act("lock", "lock", "unlocked", "door", "front door"),
}


class House:
    """As much of a house as the command needs."""

    connected = True

    def __init__(self, state: Path, done: list[str]) -> None:
        self.done = done
        self.tools = ToolRegistry(WORDS, None)
        self.tools.guard.equip(pins=PinFile(state))
        made = [self._tool(name, act) for name, act in ACTS.items()]
        self.tools.set_planned("devices", made)

    def _tool(self, name: str, act: Act) -> Planned:
        async def run() -> ToolResult:
            self.done.append(name)
            return ToolResult("done", "It is open.")

        def plan(_: Mapping[str, object]) -> Plan:
            return Plan((act,), run, f"Shall I open the {act.name}?")

        return Planned(ToolSpec(name, "Open.", schema.whole({})), plan)

    async def settle(self) -> None:
        """Nothing has to come in."""


@pytest.fixture
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is done in the house."""
    found: list[str] = []
    monkeypatch.setattr(word, "set_up_logging", lambda **_: None)
    monkeypatch.setattr(word, "load", lambda _: None)

    @asynccontextmanager
    async def open_house(*_: object, **__: object) -> AsyncIterator[House]:
        yield House(tmp_path, found)

    monkeypatch.setattr(word, "open_house", open_house)
    PinFile(tmp_path).write(pin.hashed("2468"))
    return found


@pytest.mark.parametrize(
    ("typed", "code", "does"),
    [("y\n", 0, ["garage"]), ("n\n", 1, []), ("\n", 1, []), ("", 1, [])],
)
def test_a_yes_is_asked_for_and_anything_else_is_a_no(
    done: list[str], typed: str, code: int, does: list[str]
) -> None:
    result = CliRunner().invoke(word.app, ["call", "garage"], input=typed)
    assert (result.exit_code, done) == (code, does)
    assert "Shall I open the garage door?" in result.output


def test_the_pin_is_asked_for_until_it_is_right_or_taken_no_more(
    done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter(["0000", "2468"])
    monkeypatch.setattr(getpass, "getpass", lambda *_: next(typed))
    result = CliRunner().invoke(word.app, ["call", "door"])
    assert (result.exit_code, done) == (0, ["door"])
    assert "2468" not in result.output
    monkeypatch.setattr(getpass, "getpass", lambda *_: "1111")
    result = CliRunner().invoke(word.app, ["call", "door"])
    assert (result.exit_code, done) == (1, ["door"])
    assert WORDS.answers["pin_locked"] in result.output


def test_no_pin_at_all_is_a_no(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getpass", lambda *_: "")
    result = CliRunner().invoke(word.app, ["call", "door"])
    assert (result.exit_code, done) == (1, [])
