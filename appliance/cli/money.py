"""``voice-appliance money``: what was spent, and how far the caps reach."""

import json
from collections.abc import Iterable, Iterator
from datetime import date

from rich.markup import escape
from rich.table import Table

from appliance.app.spending import limits, look_at_ledger, today
from appliance.backend.money.ledger import Day, Ledger
from appliance.backend.money.meter import Standing, dollars, standing
from appliance.backend.money.prices import MicroUsd
from appliance.cli.terminal import AsJson, ConfigFile, console
from appliance.config import load
from appliance.host.journal import set_up_logging

MONTHS = 12


def money(*, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show what was spent today, this month and in the last 12 months, for each model.

    Counted by the box from what the vendor reported with each reply; the vendor's bill decides.
    Exit code 0, also when a cap is reached; `doctor` complains of that.

    Example: voice-appliance money --json
    """
    set_up_logging(quiet=True)
    settings = load(config).config
    ledger, clock = look_at_ledger(), today()
    now = standing(ledger, clock, limits(settings))
    periods = list(_periods(ledger, clock))
    if as_json:
        for line in _lines(periods, now):
            console.print(json.dumps(line), markup=False, soft_wrap=True)
        return
    console.print(_table(periods))
    for cap, spent, most in (
        ("today", now.day, now.caps.day),
        ("this month", now.month, now.caps.month),
    ):
        bound = "(no cap)" if most is None else f"of {dollars(most)}"
        console.print(f"{cap}: {dollars(spent)} {bound}")
    if any(spent.estimated for _, models in periods for spent in models.values()):
        console.print("~ partly estimated: no price is known for that model (docs/money.md)")
    if now.state is not None:
        console.print(f"[yellow]{now.state}[/]: see `voice-appliance doctor`")


def _periods(ledger: Ledger, clock: date) -> Iterator[tuple[str, Day]]:
    yield "today", ledger.since("day", clock)
    yield "this month", ledger.since("month", clock)
    months = list(ledger.months().items())[-MONTHS:]
    for month, models in reversed(months):
        yield month.strftime("%Y-%m"), models


def _table(periods: Iterable[tuple[str, Day]]) -> Table:
    table = Table("when", "model")
    for heading in ("replies", "tokens in", "tokens out", "cost"):
        table.add_column(heading, justify="right")
    for when, models in periods:
        if not models:
            table.add_row(when, "", "", "", "", dollars(MicroUsd(0)), end_section=True)
        for number, (model, spent) in enumerate(sorted(models.items()), start=1):
            table.add_row(
                when if number == 1 else "",
                escape(model),
                f"{spent.count:,}",
                f"{spent.tokens_in:,}",
                f"{spent.tokens_out:,}",
                ("~" if spent.estimated else "") + dollars(spent.micro_usd),
                end_section=number == len(models),
            )
    return table


def _lines(periods: Iterable[tuple[str, Day]], now: Standing) -> Iterator[dict[str, object]]:
    for when, models in periods:
        for model, spent in sorted(models.items()):
            yield {
                "when": when,
                "model": model,
                "replies": spent.count,
                "tokens_in": spent.tokens_in,
                "tokens_out": spent.tokens_out,
                "usd": spent.micro_usd / 1_000_000,
                "estimated": spent.estimated,
            }
    yield {
        "day_usd": now.day / 1_000_000,
        "month_usd": now.month / 1_000_000,
        "day_cap_usd": None if now.caps.day is None else now.caps.day / 1_000_000,
        "month_cap_usd": None if now.caps.month is None else now.caps.month / 1_000_000,
        "state": now.state or "ok",
    }
