from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from appliance.backend.local import language_files
from appliance.errors import ConfigError


class Greeting(BaseModel):
    model_config = ConfigDict(extra="forbid")
    hello: str
    bye: str


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    words = tmp_path / "words"
    words.mkdir()
    (words / "en.toml").write_text('hello = "hello"\nbye = "bye"\n')
    (words / "fr.toml").write_text('hello = 1\nbonsoir = "bonsoir"\n')
    (words / "xx.toml").write_text("hello =\n")
    (words / "README.md").write_text("not a language")
    return words


def test_a_language_is_a_file(folder: Path) -> None:
    assert language_files.languages(folder) == ("en", "fr", "xx")
    assert language_files.load(folder, "en", Greeting) == Greeting(hello="hello", bye="bye")
    assert language_files.load(folder, "en-GB", Greeting).bye == "bye"


@pytest.mark.parametrize(
    ("language", "problems"),
    [
        ("tlh", [r"device\.language: there are no words for 'tlh', only for en, fr, xx"]),
        ("xx", [r"words/xx\.toml: .*line 1"]),
        (
            "fr",
            [r"words/fr\.toml: hello: ", r"words/fr\.toml: bye: ", r"words/fr\.toml: bonsoir: "],
        ),
    ],
)
def test_every_problem_has_its_place(folder: Path, language: str, problems: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        language_files.load(folder, language, Greeting)
    assert len(caught.value.problems) == len(problems)
    for problem in problems:
        assert caught.match(problem)
