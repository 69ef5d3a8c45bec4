import json
from datetime import date
from pathlib import Path

import pytest

from appliance.app import spending
from appliance.app.spending import spending_file
from appliance.backend.money.ledger import EMPTY, Ledger, Spent
from appliance.backend.money.prices import MicroUsd
from appliance.backend.money.record import to_plain
from appliance.cli import money as word

TODAY = date(2027, 1, 5)


@pytest.fixture(autouse=True)
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(spending, "SYSTEM", tmp_path / "system")
    monkeypatch.setattr(word, "set_up_logging", lambda **_: None)
    for module in (spending, word):
        monkeypatch.setattr(module, "today", lambda: TODAY)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("[money]\nday_usd = 1.0\nmonth_usd = 10.0\n")
    return path


def keep(ledger: Ledger) -> None:
    file = spending_file()
    file.keep(to_plain(ledger))
    file.close()


LEDGER = (
    EMPTY.book(date(2026, 11, 30), "gpt-realtime-1.5", Spent(MicroUsd(500_000), 10, 5, 1))
    .book(date(2027, 1, 2), "gpt-realtime-2.1", Spent(MicroUsd(3_080_000), 20, 6, 2))
    .book(TODAY, "gpt-realtime-2.1", Spent(MicroUsd(120_000), 30, 7, 3))
    .book(TODAY, "strange [bold]", Spent(MicroUsd(1), 1, 1, 1, estimated=True))
)


def test_the_table_shows_today_the_month_and_the_months_before(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(LEDGER)
    word.money(config=config)
    shown = capsys.readouterr().out
    for words in (
        "today",
        "this month",
        "2027-01",
        "2026-11",
        "$3.20",
        "~$0.0000",
        "strange [bold]",
    ):
        assert words in shown
    assert "today: $0.12 of $1.00" in shown
    assert "this month: $3.20 of $10.00" in shown
    assert "partly estimated" in shown


def test_without_any_spending_it_says_so(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    word.money(config=config)
    assert "today: $0.00 of $1.00" in capsys.readouterr().out


def test_json_is_one_object_a_line_and_ends_with_the_standing(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(LEDGER)
    word.money(config=config, as_json=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == {
        "when": "today",
        "model": "gpt-realtime-2.1",
        "replies": 3,
        "tokens_in": 30,
        "tokens_out": 7,
        "usd": 0.12,
        "estimated": False,
    }
    assert lines[-1] == {
        "day_usd": 0.120001,
        "month_usd": 3.200001,
        "day_cap_usd": 1.0,
        "month_cap_usd": 10.0,
        "state": "ok",
    }
    assert [line["when"] for line in lines[4:-1]] == ["2027-01", "2027-01", "2026-11"]


def test_only_the_last_twelve_months_are_shown(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = EMPTY
    for number in range(14):
        month = date(2025 + (11 + number) // 12, (11 + number) % 12 + 1, 1)
        ledger = Ledger({**ledger.days, month: {"m": Spent(MicroUsd(1))}})
    keep(ledger)
    word.money(config=config, as_json=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    months = [line["when"] for line in lines if line.get("when", "").startswith("20")]
    assert months == [f"2027-{1:02}", *(f"2026-{month:02}" for month in range(12, 1, -1))]
