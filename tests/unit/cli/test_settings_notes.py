from pathlib import Path

import pytest

from appliance.cli import settings


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hush-1234")


def test_check_tells_notes_and_is_content(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.toml"
    file.write_text("realtime.model = 'gpt-realtime'\nmoney.day_usd = 1.0\n")
    settings.check(config=file)
    first, last = capsys.readouterr().out.split("\n", 1)
    assert first.startswith(f"note: {file}:1: realtime.model: gpt-realtime ends on 2027-01-20")
    assert last.startswith("configuration: well")


def test_config_masks_the_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.toml"
    file.write_text("")
    settings.config(config=file)
    shown = capsys.readouterr().out
    assert '# api_key = "********"' in shown
    assert "hush" not in shown
