import re
import tomllib
from pathlib import Path

from appliance.config import Config, load
from appliance.config.example import example
from appliance.config.fields import entries
from appliance.config.load import validate

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
    for table, model in entries():
        assert set(settings[table]) == set(model.model_fields)
        for name, info in model.model_fields.items():
            if info.default not in (None, ()):
                assert getattr(getattr(config, table), name) == info.default


def test_every_setting_has_a_sentence() -> None:
    silent = [
        f"{table}.{name}"
        for table, model in entries()
        for name, info in model.model_fields.items()
        if not info.description
    ]
    assert silent == []
