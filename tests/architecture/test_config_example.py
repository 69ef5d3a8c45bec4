import re
import tomllib
from pathlib import Path
from typing import Any

from appliance.config import Config, fields, load
from appliance.config.example import example
from appliance.config.load import validate
from appliance.config.section import Section

FILE = Path(__file__).parents[2] / "docs" / "config.example.toml"


def test_the_example_is_made_of_the_model() -> None:
    assert FILE.read_text(encoding="utf-8") == example(), (
        "run: python -m appliance.config.example > docs/config.example.toml"
    )


def test_the_example_as_it_stands_changes_nothing() -> None:
    assert load(FILE, env={}).config == Config()


def test_every_setting_in_the_example_is_valid_and_has_the_default_it_shows() -> None:
    text = re.sub(r"(?m)^#(?! |$)", "", FILE.read_text(encoding="utf-8"))
    settings = tomllib.loads(text)

    config, problems = validate(settings)

    assert problems == []
    _compare(settings, config)


def _compare(settings: dict[str, Any], section: Section) -> None:
    model = type(section)
    assert set(settings) == set(model.model_fields)
    for name, info in model.model_fields.items():
        value = getattr(section, name)
        if fields.table(info) is not None:
            _compare(settings[name], value)
        elif (member := fields.member(info)) is not None:
            assert [set(each) for each in settings[name]] == [set(member.model_fields)]
        elif isinstance(section, Config) and fields.is_map(info):
            assert settings[name] == (info.examples or [{}])[0]
        elif fields.default(info) is not None:
            assert value == fields.default(info), name


def test_every_setting_has_a_sentence() -> None:
    assert list(_silent(Config)) == []


def _silent(model: type[Section]) -> list[str]:
    found: list[str] = []
    for name, info in model.model_fields.items():
        inner = fields.table(info) or fields.member(info)
        found += [f"{name}.{each}" for each in _silent(inner)] if inner is not None else []
        found += [] if info.description else [name]
    return found
