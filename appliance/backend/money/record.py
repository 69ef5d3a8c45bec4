"""The ledger as plain JSON data, and back. Pure.

``{"version": 1, "days": {"2026-11-21": {"gpt-realtime-2.1": [3100, 900, 120, 3, false]}},
"told": [["warned", "day", "2026-11-21"]]}``: millionths of a dollar, tokens in, tokens out,
how many replies and transcriptions, whether some of it is estimated.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from appliance.backend.money.ledger import Cap, Ledger, Level, Notice, Spent
from appliance.backend.money.prices import MicroUsd

Count = Annotated[int, Field(ge=0, le=10**15, strict=True)]
Entry = tuple[Count, Count, Count, Count, Annotated[bool, Field(strict=True)]]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1]
    days: dict[date, dict[str, Entry]]
    told: tuple[tuple[Level, Cap, date], ...]


def to_plain(ledger: Ledger) -> dict[str, object]:
    """Return the ledger as JSON data."""
    return {
        "version": 1,
        "days": {
            day.isoformat(): {model: _entry(spent) for model, spent in models.items()}
            for day, models in sorted(ledger.days.items())
        },
        "told": [
            [notice.level, notice.cap, since.isoformat()] for notice, since in ledger.told.items()
        ],
    }


def from_plain(data: object) -> Ledger:
    """Read the ledger of JSON data.

    Raises:
        ValueError: It is not one.
    """
    record = _Record.model_validate(data)
    days = {
        day: {model: _spent(entry) for model, entry in models.items()}
        for day, models in record.days.items()
    }
    return Ledger(days, {Notice(level, cap): since for level, cap, since in record.told})


def _entry(spent: Spent) -> list[object]:
    return [spent.micro_usd, spent.tokens_in, spent.tokens_out, spent.count, spent.estimated]


def _spent(entry: Entry) -> Spent:
    micro_usd, tokens_in, tokens_out, count, estimated = entry
    return Spent(MicroUsd(micro_usd), tokens_in, tokens_out, count, estimated=estimated)
