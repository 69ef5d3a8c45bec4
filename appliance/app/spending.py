"""Joins the prices, the meter and the file that outlives the program."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date, datetime
from pathlib import Path

from appliance.app.background import in_background
from appliance.backend.money import prices
from appliance.backend.money.ledger import EMPTY, Ledger
from appliance.backend.money.meter import Caps, Meter, caps
from appliance.backend.money.prices import Tariff
from appliance.backend.money.record import from_plain, to_plain
from appliance.config import Config
from appliance.errors import ConfigError
from appliance.events import Usage
from appliance.host.kept import SYSTEM, state_folder
from appliance.host.ledger_file import LedgerFile
from appliance.units import TurnNumber


def today() -> date:
    """Return the local day, as the clock has it."""
    return datetime.now().astimezone().date()


def spending_file(folder: Path | None = None) -> LedgerFile:
    """Return the file of what was spent, in our own state folder unless another is given."""
    return LedgerFile((folder or state_folder()) / "money.json")


def limits(config: Config) -> Caps:
    """Return the caps of the settings."""
    money = config.money
    return caps(day_usd=money.day_usd, month_usd=money.month_usd, warn_at=money.warn_at)


def read_tariff(config: Config) -> Tariff:
    """Read the prices: ours, and over them those of the file that the settings name.

    Blocks for a moment.

    Raises:
        ConfigError: The file cannot be read, or is wrong; all problems at once.
    """
    return Tariff(prices.read(config.money.prices_file))


def open_meter(config: Config, file: LedgerFile) -> Meter:
    """Return the meter with what was spent before. Blocks for a moment: not for the event loop.

    Args:
        config: The settings.
        file: Has the record, and is given each new one; ``close`` it in the end.

    Raises:
        ConfigError: The prices are wrong.
    """
    return Meter(
        read_tariff(config),
        limits(config),
        today=today,
        ledger=file.read(from_plain) or EMPTY,
        keep=lambda ledger: file.keep(to_plain(ledger)),
    )


def look_at_ledger() -> Ledger:
    """Read what was spent and change nothing: for the command line.

    Ours; if there is none, the service's.

    Raises:
        ConfigError: We may not look at the service's.
    """
    for folder in (state_folder(), SYSTEM):
        found = spending_file(folder).look(from_plain)
        if found is not None:
            return found.settled(today())
    if SYSTEM.is_dir() and not os.access(SYSTEM, os.X_OK):
        raise ConfigError((f"{SYSTEM} cannot be read; run: sudo voice-appliance money",))
    return EMPTY


LOOK_S = 60.0
"""So late at most does the house hear that a new day has begun."""


class Accounts:
    """The meter, and whom it tells (``failover.Purse``). Event loop only."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.on_turn: list[Callable[[str], None]] = []
        """Are told what a turn has cost so far, in words."""

    @property
    def exhausted(self) -> bool:
        """Whether a cap is reached."""
        return self.meter.exhausted

    def take(self, usage: Usage, turn: TurnNumber | None = None) -> None:
        """Book what something cost."""
        self.meter.take(usage, turn)
        cost = None if turn is None else self.meter.turn_cost(turn)
        if cost is not None and cost.spent:  # a server in the house is free: nothing to tell
            for told in self.on_turn:
                told(cost.words)

    async def keep_looking(self) -> None:
        """Have it noticed, until cancelled, that another day or month has begun."""
        while True:
            self.meter.look()
            await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def open_accounts(config: Config) -> AsyncIterator[Accounts]:
    """Open the record of what was spent; it is written to the end.

    Raises:
        ConfigError: The prices are wrong.
    """
    file = spending_file()
    accounts = Accounts(await in_background(open_meter, config, file))
    try:
        yield accounts
    finally:
        await in_background(file.close)
