from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import inf, nan

import pytest

from appliance.backend.money.prices import Cost, MicroUsd, Tariff, built_in, parse
from appliance.errors import ConfigError
from appliance.events import Usage
from appliance.units import Seconds

TARIFF = Tariff(built_in())


def test_a_reply_costs_what_the_table_says_with_cached_tokens_as_a_part_of_the_input() -> None:
    usage = Usage(
        "gpt-realtime-2.1",
        text_in=1_000,
        text_cached=600,
        audio_in=500,
        audio_cached=100,
        image_in=300,
        image_cached=200,
        text_out=50,
        audio_out=200,
    )
    dollars = (
        400 * 4
        + Fraction(600 * 4, 10)
        + 400 * 32
        + Fraction(100 * 4, 10)
        + 100 * 5
        + Fraction(200 * 5, 10)
        + 50 * 24
        + 200 * 64
    )
    assert TARIFF.cost(usage) == Cost(MicroUsd(int(dollars)), estimated=False)


def test_a_fraction_of_a_millionth_is_rounded_up() -> None:
    usage = Usage("gpt-realtime-2.1-mini", text_in=1, text_cached=1)  # 0.06 millionths
    assert TARIFF.cost(usage).micro_usd == 1


def test_speech_is_billed_by_the_character() -> None:
    said = Usage("eleven_flash_v2_5", characters=2_000)
    assert TARIFF.cost(said).micro_usd == 100_000
    assert not TARIFF.cost(said).estimated
    assert TARIFF.cost(Usage("sonic-3.5-2026-05-04", characters=1)).micro_usd == 50


def test_a_transcription_is_billed_by_the_minute() -> None:
    usage = Usage("gpt-transcribe", audio_s=Seconds(90.0))
    assert TARIFF.cost(usage) == Cost(MicroUsd(6_750), estimated=False)
    assert TARIFF.cost(Usage("gpt-realtime-whisper", audio_s=Seconds(60.0))).micro_usd == 17_000


@pytest.mark.parametrize(
    "model",
    ["gpt-realtime-2.1-2026-10-01", "gpt-realtime-2.1-latest", "gpt-realtime-2.1-20261001"],
)
def test_a_snapshot_costs_what_its_model_does(model: str) -> None:
    usage = Usage(model, text_out=1_000_000)
    assert TARIFF.cost(usage) == Cost(MicroUsd(24_000_000), estimated=False)


def test_the_longest_name_counts() -> None:
    mini = Usage("gpt-realtime-2.1-mini-2026-10-01", audio_in=1_000_000)
    assert TARIFF.cost(mini) == Cost(MicroUsd(10_000_000), estimated=False)


@pytest.mark.parametrize("model", ["gpt-realtime-9", "gpt-realtime-2.1-max", "our-deployment", ""])
def test_a_model_without_a_price_is_never_free_but_counted_as_the_dearest(model: str) -> None:
    usage = Usage(model, text_in=10, text_cached=10, audio_out=10, text_out=10)
    assert TARIFF.cost(usage) == Cost(MicroUsd(10 * 10 + 10 * 64 + 10 * 50), estimated=True)
    sound = Usage(model, audio_s=Seconds(60.0))
    assert TARIFF.cost(sound) == Cost(MicroUsd(50_000), estimated=True)


def test_a_use_for_which_the_model_has_no_price_is_not_free_either() -> None:
    by_token = Usage("gpt-transcribe", audio_in=100)  # known by the minute only
    assert TARIFF.cost(by_token) == Cost(MicroUsd(3_200), estimated=True)
    by_time = Usage("gpt-realtime-2.1", audio_s=Seconds(60.0))
    assert TARIFF.cost(by_time) == Cost(MicroUsd(50_000), estimated=True)


def test_nothing_costs_nothing() -> None:
    assert TARIFF.cost(Usage("gpt-realtime-2.1")) == Cost(MicroUsd(0), estimated=False)
    assert TARIFF.cost(Usage("who knows")).micro_usd == 0


def test_a_server_of_our_own_is_free() -> None:
    used = Usage("gpt-realtime-2.1", audio_out=10**6)
    assert TARIFF.cost(used).micro_usd > 0
    assert TARIFF.cost(replace(used, free=True)) == Cost(MicroUsd(0), estimated=False)


@pytest.mark.parametrize(
    "usage",
    [
        Usage("gpt-realtime-2.1", text_in=10, text_cached=1_000),
        Usage("gpt-realtime-2.1", text_in=10, text_cached=-1_000, audio_out=-5),
        Usage("gpt-transcribe", audio_s=Seconds(-1.0)),
        Usage("gpt-transcribe", audio_s=Seconds(nan)),
        Usage("gpt-transcribe", audio_s=Seconds(inf)),
        Usage("gpt-realtime-2.1", text_in=10**40),
    ],
)
def test_nonsense_from_a_server_costs_something_between_nothing_and_a_bound(usage: Usage) -> None:
    assert 0 <= TARIFF.cost(usage).micro_usd <= 10**9 * 64


def test_every_price_names_its_source_and_its_date() -> None:
    for price in built_in().values():
        assert len(price.source) > 10
        assert price.date >= date(2026, 11, 21)


def test_every_model_that_the_settings_name_has_a_price() -> None:
    wanted = "gpt-realtime-2.1 gpt-realtime-2.1-mini gpt-realtime-2 gpt-realtime-1.5 gpt-realtime"
    for model in (
        *wanted.split(),
        "gpt-transcribe",
        "gpt-live-transcribe",
        "gpt-realtime-whisper",
    ):
        assert TARIFF.price(model) is not None, model


OWN = """
[models."gpt-realtime-2.1"]
text_in = 0.1000000000000000000001
source = "a contract"
date = 2026-12-01

[models.ours]
like = "gpt-realtime-2.1"
source = "the same contract"
date = 2026-12-01
"""


def test_prices_of_ones_own_go_over_ours_exactly_and_can_stand_for_another_name() -> None:
    prices = parse(OWN, source="own.toml", over=built_in())
    assert prices["gpt-realtime-2.1"].text_in == Decimal("0.1000000000000000000001")
    assert prices["ours"] is prices["gpt-realtime-2.1"]
    assert prices["gpt-transcribe"] == built_in()["gpt-transcribe"]


def test_cached_input_without_a_price_of_its_own_costs_what_input_does() -> None:
    tariff = Tariff(parse(OWN, source="own.toml", over=built_in()))
    assert tariff.cost(Usage("ours", text_in=100, text_cached=100)).micro_usd == 11


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("models = 3", "one table is expected"),
        ("[model.x]", "one table is expected"),
        ("][", "prices.toml"),
        ('[models.x]\nsource = "s"\ndate = 2026-01-01\ntext_in = -1', "text_in"),
        ('[models.x]\nsource = "s"\ndate = 2026-01-01\ntext_in = nan', "text_in"),
        ('[models.x]\nsource = "s"\ndate = 2026-01-01\naudio = 1', "audio"),
        ('[models.x]\nsource = "s"\ntext_in = 1', "date"),
        ("[models.x]\ntext_in = 1\ndate = 2026-01-01", "source"),
        ('[models.x]\nlike = "y"\nsource = "s"\ndate = 2026-01-01', "no prices are known for 'y'"),
        ('[models.x]\nlike = "x"\nsource = "s"\ndate = 2026-01-01', "no prices are known for 'x'"),
        ('[models]\nx = "cheap"', 'models."x"'),
    ],
)
def test_a_table_that_is_wrong_says_where(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(text, source="prices.toml")
    assert problem in str(raised.value)


def test_all_problems_of_a_table_come_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        parse("[models.a]\ntext_in = -1\n[models.b]\nlike = 3", source="p")
    assert len(raised.value.problems) >= 4
