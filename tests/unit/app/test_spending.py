from datetime import date, timedelta
from pathlib import Path

import pytest

from appliance.app import spending
from appliance.app.spending import (
    Accounts,
    look_at_ledger,
    open_meter,
    read_tariff,
    spending_file,
)
from appliance.config import Config
from appliance.errors import ConfigError
from appliance.events import Usage
from appliance.units import TurnNumber


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    monkeypatch.setenv("STATE_DIRECTORY", str(folder))
    monkeypatch.setattr(spending, "SYSTEM", tmp_path / "system")
    return folder


def config(**tables: dict[str, object]) -> Config:
    return Config.model_validate(tables)


def spend(folder: Path | None = None) -> None:
    file = spending_file(folder)
    meter = open_meter(config(), file)
    meter.take(Usage("gpt-realtime-2.1", text_in=1_000), TurnNumber(1))
    file.close()


def test_what_was_spent_is_there_after_a_restart_and_counts_against_the_caps() -> None:
    spend()
    spend()
    capped = open_meter(config(money={"day_usd": 0.008}), spending_file())
    assert capped.standing.day == 8_000
    assert capped.exhausted


def test_the_command_line_sees_what_the_box_has_spent_or_else_the_service(tmp_path: Path) -> None:
    assert look_at_ledger().days == {}
    spend(tmp_path / "system")
    spend(tmp_path / "system")
    assert look_at_ledger().spent("day", spending.today()) == 8_000
    spend()
    assert look_at_ledger().spent("day", spending.today()) == 4_000


def test_a_record_that_is_broken_does_not_stop_the_box(state: Path) -> None:
    spend()
    (state / "money.json").write_text('{"version": 1, "days"')
    file = spending_file()
    meter = open_meter(config(), file)
    meter.take(Usage("gpt-realtime-2.1", text_in=1_000))
    file.close()
    assert meter.standing.day == 4_000
    assert (state / "money.broken").exists()


def test_prices_of_ones_own_also_count_for_a_server_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[models.ours]\ntext_in = 2\nsource = "power"\ndate = 2026-12-01\n')
    settings = config(money={"prices_file": str(own)})
    settings = settings.model_copy(
        update={"realtime": settings.realtime.model_copy(update={"url": "ws://gpu.local/"})}
    )
    assert read_tariff(settings).cost(Usage("ours", text_in=3)).micro_usd == 6


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"[models.x]\ntext_in = 1\n"])
def test_prices_that_cannot_be_read_are_an_error_of_the_configuration(
    tmp_path: Path, content: bytes | None
) -> None:
    own = tmp_path / "own.toml"
    if content is not None:
        own.write_bytes(content)
    with pytest.raises(ConfigError, match=r"own\.toml"):
        read_tariff(config(money={"prices_file": str(own)}))


def test_today_is_the_local_day() -> None:
    assert abs(spending.today() - date.today()) <= timedelta(1)  # noqa: DTZ011 - that is the claim


@pytest.mark.parametrize(("free", "told"), [(False, ["0.40 ct (today $0.0040)"]), (True, [])])
def test_what_a_turn_has_cost_is_told_unless_it_is_free(*, free: bool, told: list[str]) -> None:
    file = spending_file()
    accounts = Accounts(open_meter(config(), file))
    words: list[str] = []
    accounts.on_turn.append(words.append)
    accounts.take(Usage("gpt-realtime-2.1", text_in=1_000, free=free), TurnNumber(1))
    file.close()
    assert words == told
