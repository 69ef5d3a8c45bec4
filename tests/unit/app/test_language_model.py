"""When the box's language model is on, and why it is not."""

import logging
from pathlib import Path

import pytest

from appliance.app import answers, language_model
from appliance.app.language_model import FILE, NEEDS, load_language_model, tuning, why_off
from appliance.backend.local.llm.stage import WithModel
from appliance.backend.local.understand import StagedUnderstander
from appliance.config import Config
from appliance.config.checks import problems
from appliance.config.language_model import LanguageModel as Settings
from appliance.store import ModelStore, default_manifest

QWEN = Settings(model="qwen2.5-coder-1.5b")


def store(root: Path) -> ModelStore:
    return ModelStore(default_manifest(), root)


def test_it_is_off_by_default(tmp_path: Path) -> None:
    assert load_language_model(Settings(), store(tmp_path)) is None


def test_a_small_machine_goes_without(tmp_path: Path) -> None:
    off = why_off(QWEN, store(tmp_path), memory=2_000_000_000)
    assert off == "it needs 4 GB of memory; this machine has 2.0 GB"


def test_a_board_of_4_gb_is_enough(tmp_path: Path) -> None:
    off = why_off(QWEN, store(tmp_path), memory=3_700_000_000)
    assert off.startswith("model qwen2.5-coder-1.5b: ")
    assert off.endswith("get it by `voice-appliance models fetch qwen2.5-coder-1.5b`")
    assert NEEDS < 3_700_000_000


def test_without_the_extra_it_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_model, "is_installed", lambda: False)
    assert 'pip install "voice-appliance[llm]"' in why_off(QWEN, store(tmp_path), memory=NEEDS)


def test_what_is_off_is_said_once_and_the_box_starts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = Config.model_validate(
        {"local": {"nearest": False, "language_model": {"model": "qwen2.5-coder-1.5b"}}}
    )
    with caplog.at_level(logging.WARNING):
        understander = answers.load_understander(config, store(tmp_path))
    assert isinstance(understander, StagedUnderstander)
    assert [r.message.partition(":")[0] for r in caplog.records] == [
        "the language model stays off"
    ]
    assert "qwen2.5-coder-1.5b" not in answers.needed_models(config), "it is fetched by hand only"


def test_a_file_of_one_s_own_is_used_and_one_that_is_no_model_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language_model, "memory_here", lambda: NEEDS)
    own = tmp_path / FILE
    own.write_bytes(b"no model")
    config = Config.model_validate(
        {"local": {"nearest": False, "language_model": {"file": str(own)}}}
    )
    understander = answers.load_understander(config, store(tmp_path))
    assert isinstance(understander, WithModel)
    try:
        assert understander.understand("it is so gloomy here", ()).stage == "none"
    finally:
        understander.close()


def test_by_itself_it_takes_half_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert tuning(Settings()).threads == 2
    assert tuning(Settings(threads=3)).threads == 3
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert tuning(Settings()).threads == 1


def test_it_must_be_done_before_the_box_gives_up() -> None:
    settings = {"model": "smollm2-135m", "patience_s": 12.0}
    config = Config.model_validate({"local": {"language_model": settings}})
    (problem,) = problems(config)
    assert "below turn.reply_s" in str(problem)
    assert (
        problems(Config.model_validate({"local": {"language_model": {"patience_s": 12.0}}})) == []
    )


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    settings = {"file": str(tmp_path / "x.gguf")}
    assert len(problems(Config.model_validate({"local": {"language_model": settings}}))) == 1
