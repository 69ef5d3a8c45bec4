"""Other players, on machines that have no way to them."""

from pathlib import Path

import pytest

from appliance.host import players
from appliance.host.players import Players


def test_without_the_library_nothing_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(players, "pulsectl", None)
    ours = Players(tmp_path / "players.json", by_db=20.0)
    ours.start()
    ours.soften()
    ours.restore()
    ours.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text", ["", "[]", "7", '{"music": 1}', '{"music": [{"before": ["x"], "by_db": 1}]}']
)
def test_debts_that_cannot_be_read_count_as_none(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    memory = tmp_path / "players.json"
    memory.write_text(text)
    ours = Players(memory, by_db=20.0, server=f"unix:{tmp_path}/none")
    ours.start()
    ours.close()
    assert "cannot be read" in caplog.text
