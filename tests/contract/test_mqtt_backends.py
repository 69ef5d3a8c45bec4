"""Who answers, chosen over a real broker: by a phone, by Home Assistant, by the command."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory
from typer.testing import CliRunner

from appliance import turn
from appliance.app.asking_box import ask_box
from appliance.cli import backends as word
from appliance.cli.words import app
from appliance.config import Config
from appliance.errors import BrokerError
from appliance.units import Seconds
from tests.broker import Broker, broker
from tests.house import until
from tests.published import Watch, watched
from tests.sessions import House as Sessions
from tests.standing import Standing, standing

OWN = "voice-appliance/box"
CONFIG = "homeassistant/device/voice-appliance-box/config"
KEY = "sk-of-the-house-1234567890"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(word, "set_up_logging", lambda **_: None)
    with broker(tmp_path) as made:
        yield made


@pytest.fixture
def watch(house: Broker) -> Iterator[Watch]:
    with watched(house.port) as made:
        yield made


def config(house: Broker, **more: Mapping[str, object]) -> Config:
    table = {
        "device": {"id": "box"},
        "mqtt": {"host": "127.0.0.1", "port": house.port},
        "realtime": {"api_key": KEY},
        **more,
    }
    return Config.model_validate(table)


def told(watch: Watch) -> dict[str, object]:
    """Return who answers, as the broker has it."""
    seen = watch.seen.get(f"{OWN}/backend", [b"{}"])
    found: dict[str, object] = json.loads(seen[-1])
    return found


async def there(watch: Watch) -> None:
    await until(lambda: f"{OWN}/diagnostics" in watch.seen and CONFIG in watch.seen)


def joined(box: Standing) -> Sessions:
    """Give it a conversation of several backends."""
    sessions = Sessions()
    box.house.switching.attach(sessions.failover)
    box.box.private.append(lambda private: sessions.failover.set_private(private=private))
    return sessions


async def test_a_backend_is_chosen_published_and_remembered(
    house: Broker, watch: Watch, tmp_path: Path
) -> None:
    settings = config(house)
    async with standing(settings, tmp_path) as box:
        await there(watch)
        sessions = joined(box)
        assert told(watch)["chosen"] == ""
        assert (await ask_box(settings, "backend", "LOCAL")) == {"status": "done", **mark()}
        await until(lambda: told(watch)["chosen"] == "local")
        assert chosen(sessions) == "local"
        assert told(watch)["private"] is False  # a choice is no privacy mode
        refused = await ask_box(settings, "backend", "gemini")
        assert refused is not None
        assert (refused["status"], refused["reason"]) == ("rejected", "value")
        nothing = await ask_box(settings, "backend", "")
        assert nothing is not None
        assert nothing["status"] == "rejected"
        state = await ask_box(settings, "state", "")
        assert state is not None
        assert (state["chosen"], state["private"]) == ("local", False)
        kept = tmp_path / "kept.json"
        async with asyncio.timeout(10.0):
            while b'"local"' not in await asyncio.to_thread(kept.read_bytes):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    async with standing(settings, tmp_path) as box:
        await until(lambda: told(watch)["chosen"] == "local")
        assert box.house.switching.chosen == "local"
    other = config(house, backend={"order": ["realtime"]})
    async with standing(other, tmp_path) as box:
        assert box.house.switching.chosen == ""
        assert box.kept.facts["backend"] == ""
    assert watch.problems == []


async def test_a_press_of_its_button_chooses_the_next_one_and_the_box_says_who(
    house: Broker, watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory = MockFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    async with standing(config(house, board={"backend_button": 24}), tmp_path) as box:
        await there(watch)
        sessions = joined(box)
        factory.pin("GPIO24").drive_low()
        await until(lambda: told(watch)["chosen"] == "local")
        assert chosen(sessions) == "local"
        await until(lambda: box.voice.said == ["From now on I answer myself."])
        assert isinstance(box.box.conversation.state, turn.Idle)  # it is no talk button


def mark() -> dict[str, object]:
    """What comes back with an answer, whatever it is."""

    class Anything:
        def __eq__(self, other: object) -> bool:
            return isinstance(other, str)

        def __hash__(self) -> int:
            return 0

    return {"transaction": Anything()}


def chosen(sessions: Sessions) -> str | None:
    return sessions.failover.choice.preferred


def is_private(sessions: Sessions) -> bool:
    return sessions.failover.private


async def test_privacy_mode_is_one_of_the_options_and_goes_over_the_choice(
    house: Broker, watch: Watch, tmp_path: Path
) -> None:
    settings = config(house)
    async with standing(settings, tmp_path) as box:
        await there(watch)
        sessions = joined(box)

        async def say(value: str) -> None:
            answer = await ask_box(settings, "backend", value)
            assert answer is not None
            assert answer["status"] == "done"

        await say("realtime")
        await say("on the device")
        await until(lambda: told(watch)["private"] is True)
        assert is_private(sessions)
        assert chosen(sessions) == "realtime"
        await say("local")  # the box may answer in privacy mode: it does not end
        assert is_private(sessions)
        await say("realtime")
        assert not is_private(sessions)
        await until(lambda: told(watch)["private"] is False)
        await say("on the device")
        await say("automatic")
        assert not is_private(sessions)
        assert chosen(sessions) is None
        box.box.panel.privacy.switched(True)  # noqa: FBT003 - the switch on the box
        refused = await ask_box(settings, "backend", "realtime")
        assert refused is not None
        assert refused["reason"] == "private"
        assert is_private(sessions)
    assert watch.problems == []


async def test_home_assistant_is_shown_every_backend_of_the_order(
    house: Broker, watch: Watch, tmp_path: Path
) -> None:
    async with standing(config(house), tmp_path):
        await there(watch)
        shown = json.loads(watch.seen[CONFIG][-1])["components"]["backend"]
        assert shown["options"] == ["automatic", "realtime", "local", "on the device"]
        assert shown["command_topic"] == f"{OWN}/set/backend"


async def test_a_server_of_the_house_is_a_choice_and_costs_nothing(
    house: Broker, watch: Watch, tmp_path: Path
) -> None:
    own = config(house, realtime={"url": "ws://gpu.local:8000/v1/realtime"})
    async with standing(own, tmp_path):
        await there(watch)
        shown = json.loads(watch.seen[CONFIG][-1])["components"]
        assert "backend" in shown
        assert "cost_day" not in shown


def written(folder: Path, port: int) -> Path:
    file = folder / "config.toml"
    file.write_text(
        f'[device]\nid = "box"\n[mqtt]\nhost = "127.0.0.1"\nport = {port}\n'
        f'[realtime]\napi_key = "{KEY}"\n'
    )
    file.chmod(0o600)
    return file


async def test_the_command_chooses_on_the_running_box(
    house: Broker, watch: Watch, tmp_path: Path
) -> None:
    file = await asyncio.to_thread(written, tmp_path, house.port)

    async def use(name: str) -> tuple[int, str]:
        words = ["backends", "use", name, "--config", str(file)]
        result = await asyncio.to_thread(CliRunner().invoke, app, words)
        return result.exit_code, result.output

    async with standing(config(house), tmp_path) as box:
        await there(watch)
        assert await use("local") == (0, "local: from the next question on\n")
        assert box.house.switching.chosen == "local"
        assert (await use("automatic"))[0] == 0
        assert box.house.switching.chosen == ""


async def test_a_box_that_is_not_there_does_not_answer(house: Broker) -> None:
    assert await ask_box(config(house), "backend", "local", patience=Seconds(0.2)) is None
    await asyncio.to_thread(house.kill)
    with pytest.raises(ExceptionGroup) as failed:
        await ask_box(config(house), "backend", "local", patience=Seconds(0.2))
    assert isinstance(failed.value.exceptions[0], BrokerError)
