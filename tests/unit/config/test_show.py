import tomllib
from pathlib import Path

from pydantic import SecretStr

from appliance.config import Config, Loaded, load
from appliance.config.model import Mqtt, Speech
from appliance.config.show import show


def test_every_value_says_where_it_comes_from(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        "[speech]\ntrailing_silence_s = 0.9\n[[wake.custom]]\nname = 'mine'\nmodel = 'head.onnx'\n"
    )
    (tmp_path / "head.onnx").write_text("x")

    lines = show(load(path, env={"VOICE_APPLIANCE__TURN__REPLY_S": "3"})).splitlines()

    told = {line.split(" = ")[0]: line.split("  # ")[-1] for line in lines if " = " in line}
    assert f"# File: {path}" in lines
    assert told["trailing_silence_s"] == f"{path}:2"
    assert told["custom"] == f"{path}:4"
    assert told["reply_s"] == "environment VOICE_APPLIANCE__TURN__REPLY_S"
    assert told["threshold"] == "default"
    assert "# area is not set" in lines


def test_a_secret_is_masked_and_never_read_back() -> None:
    mqtt = Mqtt(password=SecretStr("hush"))
    shown = show(Loaded(Config(mqtt=mqtt), None, {"mqtt.password": "credential mqtt-password"}))
    (line,) = [each for each in shown.splitlines() if "password =" in each]

    assert "hush" not in shown
    assert line.split() == ["#", "password", "=", '"********"', "#", "credential", "mqtt-password"]
    assert "password" not in tomllib.loads(shown)["mqtt"]


def test_what_is_shown_can_be_loaded(tmp_path: Path) -> None:
    config = Config(speech=Speech(threshold=0.6))
    path = tmp_path / "shown.toml"
    path.write_text(show(Loaded(config, None, {})))
    assert load(path, env={}).config == config
