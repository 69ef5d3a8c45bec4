from pathlib import Path

import pytest

from appliance.app.manifests import name_clashes
from appliance.cli.settings import check
from appliance.config import Config
from appliance.config.model import Device
from appliance.errors import ConfigError

MANIFEST = 'name = "{name}"\ndescription = "A lamp."\n[command]\ntopic = "lamp"\npayload = "on"\n'


def configured(folder: Path, *names: str) -> Path:
    (folder / "tools.d").mkdir()
    for name in names:
        (folder / "tools.d" / f"{name}.toml").write_text(MANIFEST.format(name=name))
    (folder / "tools.d" / "zzz.toml").write_text("name = 1")
    config = folder / "config.toml"
    config.write_text('[mqtt]\nhost = "broker.local"\n')
    return config


def test_check_names_manifests_that_take_a_built_in_name_beside_every_other_problem(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigError) as raised:
        check(config=configured(tmp_path, "stop", "look", "lamp"))
    told = [line for line in raised.value.problems if "taken by a built-in tool" in line]
    assert [Path(line.partition(":")[0]).name for line in told] == ["look.toml", "stop.toml"]
    assert any("zzz.toml" in line for line in raised.value.problems)
    assert not any("lamp.toml" in line for line in raised.value.problems)


def test_a_language_that_the_tools_do_not_speak_is_a_problem_of_the_configuration() -> None:
    (line,) = name_clashes(Config(device=Device(language="xx")), ())
    assert line.startswith("device.language: ")
