from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import typer

from appliance.app import spending
from appliance.app.reaching import Reached
from appliance.app.spending import spending_file
from appliance.backend.kinds.find import facts
from appliance.backend.kinds.seam import Facts
from appliance.backend.money.ledger import EMPTY, Spent
from appliance.backend.money.prices import MicroUsd
from appliance.backend.money.record import to_plain
from appliance.cli import cloud, doctor, secret
from appliance.config import Config, Loaded
from appliance.errors import BackendRefused
from appliance.host.health import Check

TODAY = date(2027, 1, 5)
KEY = "sk-of-the-house-1234567890"


@pytest.fixture(autouse=True)
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setattr(spending, "SYSTEM", tmp_path / "system")
    for module in (doctor, secret):  # what they set up would outlive the test
        monkeypatch.setattr(module, "set_up_logging", lambda **_: None)
    for module in (spending, cloud):
        monkeypatch.setattr(module, "today", lambda: TODAY)


def loaded(**tables: object) -> Loaded:
    config = Config.model_validate(tables)
    return Loaded(config, None, {"realtime.api_key": "credential realtime-api-key"})


def spent(dollars: float) -> None:
    file = spending_file()
    file.keep(to_plain(EMPTY.book(TODAY, "m", Spent(MicroUsd(round(dollars * 1e6))))))
    file.close()


def money(**table: object) -> list[Check]:
    return list(cloud.money(loaded(money=table).config))


def test_the_money_stands_beside_its_caps() -> None:
    spent(0.12)
    assert money(day_usd=1.0, month_usd=10.0) == [
        Check("money", ok=True, detail="today $0.12 of $1.00, month $0.12 of $10.00")
    ]
    assert money() == [Check("money", ok=True, detail="today $0.12, month $0.12")]


def test_money_that_is_nearly_used_up_is_a_note() -> None:
    spent(0.9)
    (check,) = money(day_usd=1.0)
    assert (check.ok, check.warning) == (True, True)
    assert "nearly used up" in check.detail


def test_money_that_is_used_up_is_wrong_and_says_what_to_do() -> None:
    spent(1.0)
    (day,) = money(day_usd=1.0)
    assert not day.ok
    assert "until the next day begins" in day.detail
    assert "money.day_usd" in day.remedy
    (month,) = money(day_usd=1.0, month_usd=0.5)
    assert "until the next month begins" in month.detail
    assert "money.month_usd" in month.remedy


def test_a_model_without_a_price_is_named() -> None:
    config = loaded(realtime={"model": "our-deployment"}).config
    assert [check.detail for check in cloud.money(config) if check.name == "prices"] == [
        "none known for our-deployment: counted as the dearest model"
    ]


def test_prices_that_are_wrong_are_said(tmp_path: Path) -> None:
    (check,) = money(prices_file=str(tmp_path / "none.toml"))
    assert not check.ok
    assert "none.toml" in check.detail


def test_a_missing_key_is_said_and_is_no_mistake() -> None:
    (check,) = cloud.backends(loaded())
    assert (check.name, check.ok, check.warning) == ("realtime", True, True)
    assert "api.openai.com: there is no key for it: it is left out" in check.detail
    assert "api_key_file" in check.remedy


def test_a_key_is_shown_by_its_source_and_never_itself() -> None:
    (check,) = cloud.backends(loaded(realtime={"api_key": KEY}))
    assert check == Check(
        "realtime",
        ok=True,
        detail="gpt-realtime-2.1 at api.openai.com; key: credential realtime-api-key",
    )


def test_a_server_of_ones_own_needs_no_key() -> None:
    (check,) = cloud.backends(loaded(realtime={"url": "ws://gpu.local:8000/v1/realtime"}))
    assert check.ok
    assert check.detail == "gpt-realtime-2.1 at gpu.local; no key"


def test_a_box_that_does_not_use_the_service_says_so() -> None:
    (check,) = cloud.backends(loaded(backend={"order": ["local"]}))
    assert check.ok
    assert "nothing leaves the house" in check.detail


def test_a_service_that_cannot_be_used_is_wrong() -> None:
    def reach(names: Sequence[str], _: Config) -> dict[str, Reached]:
        bad = Reached(ok=False, words="refused: invalid_api_key", remedy="make a new key")
        return dict.fromkeys(names, bad)

    (check,) = cloud.backends(loaded(realtime={"api_key": KEY}), reach)
    assert not check.ok
    assert "refused: invalid_api_key" in check.detail
    assert check.remedy == "make a new key"
    assert KEY not in f"{check}"


def test_a_service_that_is_away_is_wrong_and_one_that_answers_is_well() -> None:
    def reach(names: Sequence[str], _: Config) -> dict[str, Reached]:
        assert list(names) == ["realtime", "broken"]
        away = Reached(ok=False, words="unknown host")
        return {"realtime": Reached(ok=True, words="a session in 0.3 s"), "broken": away}

    two = loaded(realtime={"api_key": KEY}, backend={"order": ["realtime", "local"]})
    order = two.config.backend.model_copy(update={"order": ("realtime", "broken", "local")})
    two = replace(two, config=two.config.model_copy(update={"backend": order}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            cloud,
            "facts",
            lambda name, config: (
                Facts("theirs", cloud=True) if name == "broken" else facts(name, config)
            ),
        )
        well, wrong = cloud.backends(two, reach)
    assert well.ok
    assert well.detail.endswith("; a session in 0.3 s")
    assert (wrong.name, wrong.ok, wrong.detail) == ("broken", False, "theirs; unknown host")
    assert "the next of the order answers" in wrong.remedy


@pytest.mark.parametrize("shown", [Check("money", ok=True, detail="d", remedy="r", warning=True)])
def test_a_note_is_shown_with_what_to_do(shown: Check, capsys: pytest.CaptureFixture[str]) -> None:
    doctor._show(shown)
    assert capsys.readouterr().out == "note  money              d\n      → r\n"
    plain: Callable[[Check], dict[str, object]] = doctor._plain
    assert plain(shown) == {
        "check": "money",
        "ok": True,
        "detail": "d",
        "warning": True,
        "remedy": "r",
    }


def test_in_privacy_mode_nothing_beyond_the_house_is_tried() -> None:
    def reach(names: Sequence[str], _: Config) -> dict[str, Reached]:
        raise AssertionError(names)

    (check,) = cloud.backends(loaded(realtime={"api_key": KEY}), reach, private=True)
    assert (check.ok, check.warning) == (True, True)
    assert check.detail.endswith("privacy mode is on: not tried")


def test_in_privacy_mode_a_server_of_the_house_is_tried() -> None:
    def reach(names: Sequence[str], _: Config) -> dict[str, Reached]:
        return dict.fromkeys(names, Reached(ok=True, words="it is there"))

    own = loaded(realtime={"url": "ws://gpu.local:8000/v1/realtime"})
    (check,) = cloud.backends(own, reach, private=True)
    assert check == Check(
        "realtime", ok=True, detail="gpt-realtime-2.1 at gpu.local; no key; it is there"
    )


@pytest.mark.parametrize("caps", [{"day_usd": 0.0}, {"month_usd": 0.0}])
def test_a_cap_of_nothing_is_what_somebody_wanted(caps: dict[str, float]) -> None:
    (check,) = money(**caps)
    assert (check.ok, check.warning) == (True, True)
    assert check.detail.endswith("a cap of 0: nothing that costs money is used")


def test_who_named_a_server_and_forgot_its_key_is_told_so() -> None:
    azure = {"url": "wss://name.openai.azure.com/openai/v1/realtime", "provider": "azure"}
    (check,) = cloud.backends(loaded(realtime=azure))
    assert (check.ok, check.warning) == (True, True)
    assert "at name.openai.azure.com: there is no key" in check.detail


def test_in_privacy_mode_no_key_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[realtime]\nurl = "ws://127.0.0.1:9/"\n')
    (tmp_path / "kept.json").write_text('{"private": true}')
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    with pytest.raises(BackendRefused, match="privacy mode is on"):
        secret.client_secret(config=file)


def test_what_is_known_is_shown_before_the_next_thing_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def looked_at(*_: object) -> Iterator[Check]:
        yield Check("first", ok=False, detail="d")
        assert "first" in capsys.readouterr().out
        yield Check("second", ok=True, detail="d")

    monkeypatch.setattr(doctor, "_looked_at", looked_at)
    with pytest.raises(typer.Exit) as end:
        doctor.doctor()
    assert end.value.exit_code == 1
    assert "second" in capsys.readouterr().out


@pytest.mark.parametrize("loud", [True, False])
def test_the_sounding_takes_the_place_of_the_other_looks(
    loud: bool,  # noqa: FBT001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def sounded(_: Loaded, *, loud: bool) -> Iterator[Check]:
        yield Check("sounded", ok=True, detail=f"loud: {loud}")

    monkeypatch.setattr(doctor, "sounded", sounded)
    (tmp_path / "config.toml").write_text("")
    doctor.doctor(sound=True, loud=loud, config=tmp_path / "config.toml")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("well  configuration")
    assert second == f"well  sounded            loud: {loud}"
