"""What a reply or a transcription costs, from a table of prices. Pure.

Exact: prices are decimals, sums are fractions, and only the result is rounded, up, to a whole
millionth of a dollar. A price per million tokens in dollars is one per token in millionths.
"""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Annotated, NewType

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.errors import ConfigError
from appliance.events import Usage
from appliance.units import Seconds

MicroUsd = NewType("MicroUsd", int)
"""Millionths of a US dollar."""

MOST_TOKENS = 10**9
"""A server that reports more than this for one reply talks nonsense."""

MOST_SECONDS = 86_400.0
"""As above, for sound."""

_SNAPSHOT = re.compile(r"-(?:20\d\d-\d\d-\d\d|20\d{6}|latest)$")
"""What vendors add to the name of a model for one of its states."""

Usd = Annotated[Decimal, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class Price(BaseModel):
    """What one model costs, in USD per million tokens or ``characters``; ``minute`` per minute."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text_in: Usd = Decimal(0)
    text_cached: Usd | None = None
    """Unset: as ``text_in``."""

    text_out: Usd = Decimal(0)
    audio_in: Usd = Decimal(0)
    audio_cached: Usd | None = None
    audio_out: Usd = Decimal(0)
    image_in: Usd = Decimal(0)
    image_cached: Usd | None = None
    minute: Usd = Decimal(0)
    characters: Usd = Decimal(0)
    """Of text that is spoken."""

    source: Annotated[str, Field(min_length=1)]
    """Where the prices were read."""

    date: date
    """When."""


class _Alias(BaseModel):
    """An entry that costs what another one does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    like: str
    source: Annotated[str, Field(min_length=1)]
    date: date


@dataclass(frozen=True, slots=True)
class Cost:
    """What something cost."""

    micro_usd: MicroUsd
    estimated: bool
    """No price was known for it; the dearest known was taken."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """All prices that apply."""

    prices: Mapping[str, Price]

    def cost(self, usage: Usage) -> Cost:
        """Return what was asked for a reply or a transcription; never less than its due."""
        if usage.free:
            return Cost(MicroUsd(0), estimated=False)
        price = self.price(usage.model)
        if price is not None:
            due = _due(usage, price)
            if due or _nothing(usage) or not _due(_EVERYTHING, price):
                return Cost(MicroUsd(math.ceil(due)), estimated=False)
        return Cost(MicroUsd(math.ceil(_due(usage, _dearest(self.prices)))), estimated=True)

    def price(self, model: str) -> Price | None:
        """Return the price of a model or of the model that this is a snapshot of."""
        return self.prices.get(model) or self.prices.get(_SNAPSHOT.sub("", model))


def parse(text: str, *, source: str, over: Mapping[str, Price] | None = None) -> dict[str, Price]:
    """Read a table of prices.

    Args:
        text: TOML.
        source: The file, for messages.
        over: Prices that these go over.

    Raises:
        ConfigError: All problems at once.
    """
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError((f"{source}: {error}",)) from error
    models = table.get("models")
    if not isinstance(models, dict) or len(table) != 1:
        raise ConfigError((f'{source}: one table is expected in it, [models."<name>"]',))
    prices = {**(over or {})}
    aliases: dict[str, str] = {}
    problems: list[str] = []
    for name, entry in models.items():
        try:
            if isinstance(entry, dict) and "like" in entry:
                aliases[name] = _Alias.model_validate(entry).like
            else:
                prices[name] = Price.model_validate(entry)
        except ValidationError as error:
            problems += [
                _problem(source, name, each["loc"], each["msg"]) for each in error.errors()
            ]
    for name, other in aliases.items():
        if other in prices and other not in aliases:
            prices[name] = prices[other]
        else:
            problems.append(
                _problem(source, name, ("like",), f"no prices are known for {other!r}")
            )
    if problems:
        raise ConfigError(problems)
    return prices


def read(file: Path | None) -> dict[str, Price]:
    """Read the prices that come with the appliance, and over them those of a file. Blocks.

    Raises:
        ConfigError: The file cannot be read, or is wrong; all problems at once.
    """
    table = built_in()
    if file is None:
        return table
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ConfigError((f"money.prices_file: {file}: {reason}",)) from error
    except UnicodeDecodeError as error:
        raise ConfigError((f"money.prices_file: {file} is not text",)) from error
    return parse(text, source=str(file), over=table)


def built_in() -> dict[str, Price]:
    """Read the prices that come with the appliance."""
    file = files("appliance.backend.money") / "prices.toml"
    return parse(file.read_text(encoding="utf-8"), source="prices.toml")


def _problem(source: str, model: str, where: tuple[int | str, ...], text: str) -> str:
    key = "".join(f".{part}" for part in where)
    return f'{source}: models."{model}"{key}: {text}'


_EVERYTHING = Usage("", 2, 1, 2, 1, 2, 1, 1, 1, Seconds(60.0), 1)
"""A little of all that can be paid for."""


def _nothing(usage: Usage) -> bool:
    counted = (usage.text_in, usage.audio_in, usage.image_in, usage.text_out, usage.audio_out)
    return not any(map(_tokens, (*counted, usage.characters))) and not _seconds(usage)


def _due(usage: Usage, price: Price) -> Fraction:
    """Return millionths of a dollar."""
    return (
        _input(usage.text_in, usage.text_cached, price.text_in, price.text_cached)
        + _input(usage.audio_in, usage.audio_cached, price.audio_in, price.audio_cached)
        + _input(usage.image_in, usage.image_cached, price.image_in, price.image_cached)
        + _tokens(usage.text_out) * Fraction(price.text_out)
        + _tokens(usage.audio_out) * Fraction(price.audio_out)
        + _seconds(usage) * Fraction(price.minute) * 1_000_000 / 60
        + _tokens(usage.characters) * Fraction(price.characters)
    )


def _input(tokens: int, cached: int, price: Decimal, cached_price: Decimal | None) -> Fraction:
    every = _tokens(tokens)
    of_cache = min(_tokens(cached), every)  # a part of them, whatever the server says
    less = Fraction(price if cached_price is None else cached_price)
    return (every - of_cache) * Fraction(price) + of_cache * less


def _tokens(count: int) -> int:
    return min(max(count, 0), MOST_TOKENS)


def _seconds(usage: Usage) -> Fraction:
    seconds = usage.audio_s
    return Fraction(min(seconds, MOST_SECONDS)) if seconds > 0.0 else Fraction(0)  # not for NaN


def _dearest(prices: Mapping[str, Price]) -> Price:
    """Return the highest price for everything, over all models."""
    every = tuple(prices.values())

    def most(name: str) -> Decimal:
        return max((getattr(each, name) or Decimal(0) for each in every), default=Decimal(0))

    return Price(
        text_in=most("text_in"),
        text_out=most("text_out"),
        audio_in=most("audio_in"),
        audio_out=most("audio_out"),
        image_in=most("image_in"),
        minute=most("minute"),
        characters=most("characters"),
        source="the dearest known",
        date=max((each.date for each in every), default=date.min),
    )
