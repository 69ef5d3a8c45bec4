"""Who the box is: its files are followed, and whoever calls it decides."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from appliance.app import personas
from appliance.app.personas import LOOK_EVERY, Personas, open_personas, read_library
from appliance.config import Config, Loaded
from appliance.events import ButtonPressed, WakeWordHeard
from appliance.units import SampleIndex, Seconds

AT = Seconds(0.0)
BUTLER = 'wake_words = ["hey_jarvis"]\ninstructions = "A butler in the {{area}}."\n'
PLAIN = 'instructions = "Plain."\n'


def called(word: str) -> WakeWordHeard:
    return WakeWordHeard(word, 0.9, SampleIndex(0))


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    folder = tmp_path / "prompts.d"
    folder.mkdir()
    (folder / "butler.toml").write_text(BUTLER)
    (folder / "plain.toml").write_text(PLAIN)
    settings = {"device": {"area": "kitchen"}, "prompts": {"use": "plain"}}
    return Loaded(Config.model_validate(settings), tmp_path / "config.toml", {})


def test_the_library_lies_beside_the_configuration(loaded: Loaded) -> None:
    library = read_library(loaded)
    assert sorted(library.prompts) == ["butler", "plain"]
    assert library.prompts["butler"].instructions == "A butler in the kitchen."
    assert read_library(Loaded(Config(), None, {})).prompts == {}


def test_a_folder_that_is_named_must_be_there(tmp_path: Path) -> None:
    config = Config.model_validate({"prompts": {"folder": tmp_path / "gone"}})
    (problem,) = read_library(Loaded(config, None, {})).problems
    assert "is not a folder" in problem


async def test_whoever_calls_decides_and_is_told_of_only_when_it_changes(loaded: Loaded) -> None:
    box, changes = await open_personas(loaded), list[str]()
    box.on_change.append(lambda: changes.append(box.name))
    assert box.name == "plain"
    for event in (called("hey_jarvis"), called("hey_jarvis"), ButtonPressed(), called("alexa")):
        box.note(event, AT)
    assert changes == ["butler", "plain"]


def watched(
    loaded: Loaded,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[Personas], Coroutine[None, None, None]],
) -> list[str]:
    """Follow the files while something is done to them; return who the box became."""
    monkeypatch.setattr(personas, "LOOK_EVERY", 0.01)
    changes: list[str] = []

    async def scene() -> None:
        box = await open_personas(loaded)
        box.on_change.append(lambda: changes.append(box.of("realtime").instructions))
        async with asyncio.timeout(10.0), asyncio.TaskGroup() as group:
            task = group.create_task(box.watch())
            await asyncio.sleep(0.05)
            await act(box)
            task.cancel()

    asyncio.run(scene())
    return changes


async def until(happened: Callable[[], object]) -> None:
    while not happened():  # noqa: ASYNC110 - files are looked at, nobody tells
        await asyncio.sleep(0.01)


def test_what_is_edited_counts_from_the_next_turn_on(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def edit(box: Personas) -> None:
        file = tmp_path / "prompts.d" / "plain.toml"
        await asyncio.to_thread(file.write_text, 'instructions = "Very plain."')
        await until(lambda: box.of("realtime").instructions == "Very plain.")

    assert watched(loaded, monkeypatch, edit) == ["Very plain."]


def test_what_is_wrong_is_told_and_who_the_box_is_not_stays(
    loaded: Loaded,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def spoil(_: Personas) -> None:
        file = tmp_path / "prompts.d" / "butler.toml"
        await asyncio.to_thread(file.write_text, "instructions = {{")
        await until(lambda: "butler.toml" in caplog.text)

    assert watched(loaded, monkeypatch, spoil) == []


def test_files_are_looked_at_seldom_enough() -> None:
    assert LOOK_EVERY >= 1.0
