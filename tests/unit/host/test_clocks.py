from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.host import clocks


def test_the_clock_since_the_start_goes_on_and_the_start_has_a_name() -> None:
    before = clocks.since_start()
    assert clocks.since_start() >= before > 0
    assert clocks.boot() == clocks.boot() != ""
    assert isinstance(clocks.is_set(), bool)


def test_the_zone_is_the_one_of_the_environment_else_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TZ", ":America/New_York")
    summer = datetime(2026, 7, 1, 12, tzinfo=clocks.zone())
    offset = summer.utcoffset()
    assert offset is not None
    assert offset.total_seconds() == -4 * 3_600
    monkeypatch.delenv("TZ")
    monkeypatch.setattr(clocks, "LOCAL_TIME", tmp_path / "nowhere")
    assert clocks.zone() is UTC
    (tmp_path / "broken").write_bytes(b"TZif?")
    monkeypatch.setattr(clocks, "LOCAL_TIME", tmp_path / "broken")
    assert clocks.zone() is UTC
