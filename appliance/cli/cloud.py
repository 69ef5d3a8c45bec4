"""What ``doctor`` says of the realtime service and of its bill."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator

from appliance.app.spending import limits, look_at_ledger, read_tariff, today
from appliance.backend.money.meter import Standing, dollars, standing
from appliance.backend.money.prices import MicroUsd
from appliance.config import Config, Loaded, vendors
from appliance.errors import ApplianceError, BackendRefused, ConfigError
from appliance.host.health import Check

Probe = Callable[[Config], Coroutine[None, None, str]]
"""Opens a session and closes it; returns how it went, in words, or raises."""


def realtime(
    loaded: Loaded, probe: Probe | None = None, *, private: bool = False
) -> Iterator[Check]:
    """Look at the key, and whether the service can be reached with it.

    A key that cannot be one is a problem of the configuration, which has been told by now.

    Args:
        loaded: The settings, and where the key came from.
        probe: Tries it; not tried without.
        private: Privacy mode is on; then it is not tried either.
    """
    config = loaded.config
    settings = config.realtime
    if "realtime" not in config.backend.order:
        yield Check("realtime", ok=True, detail="not in backend.order: nothing leaves the house")
        return
    where = vendors.host(settings.url) or settings.url
    what = f"{settings.model} at {where}"
    key = settings.api_key.get_secret_value() if settings.api_key is not None else ""
    if not key and vendors.needs_key(settings.url, settings.provider):
        detail = f"no key for {where}: the on-device backend answers"
        yield Check("realtime", ok=True, detail=detail, warning=True, remedy=_NO_KEY)
        return
    source = loaded.sources.get("realtime.api_key", "the configuration")
    shown = f"key: {source}" if key else "no key"
    if private:
        detail = f"{what}; {shown}; privacy mode is on: not tried"
        yield Check("realtime", ok=True, detail=detail, warning=True, remedy=_PRIVATE)
        return
    if probe is None:
        yield Check("realtime", ok=True, detail=f"{what}; {shown}")
        return
    try:
        came = asyncio.run(probe(config))
    except BackendRefused as error:
        detail = f"{what}; {shown}: refused: {error.reason}"
        yield Check("realtime", ok=False, detail=detail, remedy=error.advice)
    except ApplianceError as error:
        detail = f"{what}; {shown}: {error}"
        remedy = "look at [realtime], the network and the clock; meanwhile the box answers itself"
        yield Check("realtime", ok=False, detail=detail, remedy=remedy)
    else:
        yield Check("realtime", ok=True, detail=f"{what}; {shown}; {came}")


_NO_KEY = "put the key alone into a file, chmod 600; realtime.api_key_file (docs/realtime.md)"


_PRIVATE = 'say "go online", or publish "off" to set/private (docs/privacy.md)'


def money(config: Config) -> Iterator[Check]:
    """Look at the prices, at what was spent and at the caps."""
    try:
        tariff = read_tariff(config)
        ledger = look_at_ledger()
    except ConfigError as error:
        for problem in error.problems:
            yield Check("money", ok=False, detail=problem, remedy="docs/money.md")
        return
    now = standing(ledger, today(), limits(config))
    spent = [("today", now.day, now.caps.day), ("month", now.month, now.caps.month)]
    detail = ", ".join(f"{when} {_of(amount, cap)}" for when, amount, cap in spent)
    never = _never(now)
    yield Check(
        "money",
        ok=never or now.until is None,
        detail=f"{detail}{_state(now)}",
        remedy=_remedy(now),
        warning=never or now.state == "warned",
    )
    asked = [config.realtime.model, config.realtime.transcription.model]
    unknown = [model for model in asked if model and tariff.price(model) is None]
    if unknown and not tariff.free and "realtime" in config.backend.order:
        names = ", ".join(unknown)
        yield Check(
            "prices",
            ok=True,
            warning=True,
            detail=f"none known for {names}: counted as the dearest model",
            remedy="write them into money.prices_file (docs/money.md)",
        )


def _of(amount: MicroUsd, cap: MicroUsd | None) -> str:
    return dollars(amount) if cap is None else f"{dollars(amount)} of {dollars(cap)}"


def _never(now: Standing) -> bool:
    """Whether a cap of 0 keeps the service from being used, as somebody wanted."""
    return 0 in (now.caps.day, now.caps.month)


def _state(now: Standing) -> str:
    if _never(now):
        return ": a cap of 0: the realtime service is never used"
    match now.state:
        case "exhausted":
            return f": used up, the on-device backend answers until the next {now.until} begins"
        case "warned":
            return ": nearly used up"
        case None:
            return ""


def _remedy(now: Standing) -> str:
    if _never(now):
        return "raise it in [money], if that is not what you want"
    if now.until is None:
        return "then the on-device backend answers" if now.state else ""
    return f"wait, or raise money.{now.until}_usd and reload (systemctl reload voice-appliance)"
