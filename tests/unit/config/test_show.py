import tomllib
from pathlib import Path

from pydantic import SecretStr

from appliance.config import Config, Loaded, load
from appliance.config.model import Mqtt, Speech
from appliance.config.show import MASK, show


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
    (model,) = [line for line in lines if "head.onnx" in line]
    assert model.startswith("model = ")
    assert model.endswith(f"  # {path}:5")
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


REALTIME = """\
[realtime]
model = "m"
[realtime.turn_detection]
kind = "semantic_vad"
[realtime.prompt]
variables = { "a b" = "x" }
[[realtime.mcp]]
label = "one"
url = "https://one.example"
headers = { X-Key = "hush" }
[[realtime.mcp]]
label = "two"
url = "https://two.example"
"""


def test_tables_within_tables_and_lists_of_tables_are_shown_as_they_are_written(
    tmp_path: Path,
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(REALTIME)
    path.chmod(0o600)
    env = {"VOICE_APPLIANCE_MCP_TWO": "hush", "OPENAI_API_KEY": "sk-hush"}
    # a prompt without an id would be a mistake
    path.write_text(REALTIME.replace("variables", 'id = "p"\nvariables'))
    shown = show(load(path, env=env))
    lines = [" ".join(line.split()) for line in shown.splitlines()]

    assert "hush" not in shown
    read = tomllib.loads(shown)["realtime"]
    assert read["turn_detection"]["kind"] == "semantic_vad"
    assert read["prompt"]["variables"] == {"a b": "x"}
    assert [each["label"] for each in read["mcp"]] == ["one", "two"]
    assert f'kind = "semantic_vad" # {path}:4' in lines
    assert f'# headers = "{MASK}" # {path}:11' in lines
    assert f'# authorization = "{MASK}" # environment VOICE_APPLIANCE_MCP_TWO' in lines
    assert f'# api_key = "{MASK}" # environment OPENAI_API_KEY' in lines


def test_the_order_of_backends_stays_a_comment_unless_it_was_set(tmp_path: Path) -> None:
    """Written down, it would say that there must be a key."""
    path = tmp_path / "config.toml"
    path.write_text("")
    assert "order" not in tomllib.loads(show(load(path, env={})))["backend"]
    path.write_text("backend.order = ['local']")
    assert tomllib.loads(show(load(path, env={})))["backend"]["order"] == ["local"]
