"""What ``doctor`` says of the backends beyond the box and of their bill."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from appliance.app.reaching import Reached
from appliance.app.spending import limits, look_at_ledger, read_tariff, today
from appliance.backend.kinds.find import facts
from appliance.backend.money.meter import Standing, dollars, standing
from appliance.backend.money.prices import MicroUsd
from appliance.config import Config, Loaded, vendors
from appliance.errors import ConfigError
from appliance.host.health import Check

Reach = Callable[[Sequence[str], Config], Mapping[str, Reached]]
"""Tries backends by their names."""

_LOCAL = "local"


def backends(
    loaded: Loaded, reach: Reach | None = None, *, private: bool = False
) -> Iterator[Check]:
    """Look at every backend of the order but the box itself, and whether it can be reached.

    A key that cannot be one is a problem of the configuration, which has been told by now.

    Args:
        loaded: The settings, and where the keys came from.
        reach: Tries them; not tried without.
        private: Privacy mode is on; then nothing beyond the house is tried either.
    """
    config = loaded.config
    known = {name: facts(name, config) for name in config.backend.order if name != _LOCAL}
    if not known:
        yield Check("backends", ok=True, detail="only the box itself: nothing leaves the house")
        return
    barred = {name for name, each in known.items() if private and each.cloud}
    tried = [name for name, each in known.items() if not each.missing and name not in barred]
    reached = reach(tried, config) if reach is not None and tried else {}
    for name, each in known.items():
        shown = "; ".join(part for part in (each.title, _keys(loaded, name)) if part)
        if each.missing:
            what, remedy = _parts(each.missing)
            detail = f"{each.title}: {what}" if each.title else what
            detail += ": it is left out"
            yield Check(name, ok=True, detail=detail, warning=True, remedy=remedy)
        elif name in barred:
            detail = f"{shown}; privacy mode is on: not tried"
            yield Check(name, ok=True, detail=detail, warning=True, remedy=_PRIVATE)
        elif name in reached:
            yield _check(name, shown, reached[name])
        else:
            yield Check(name, ok=True, detail=shown)


def _check(name: str, shown: str, reached: Reached) -> Check:
    usual = f"look at [{name}], the network and the clock; meanwhile the next of the order answers"
    remedy = "" if reached.ok else reached.remedy or usual
    return Check(name, ok=reached.ok, detail=f"{shown}; {reached.words}", remedy=remedy)


def _parts(missing: Sequence[str]) -> tuple[str, str]:
    """Return what is missing, and what to do about it."""
    split = [each.partition(": ") for each in missing]
    return "; ".join(what for what, _, _ in split), "; ".join(do for _, _, do in split if do)


def _keys(loaded: Loaded, name: str) -> str:
    """Return where the keys of a backend came from, never the keys themselves."""
    config = loaded.config
    vendor = {"live": "openai", "elevenlabs": "elevenlabs", "gemini": "gemini"}.get(name)
    if name == "realtime":
        known = {"realtime.api_key": config.realtime.api_key}
    elif name == "pipeline":
        used = {part.vendor for _, part in config.pipeline.stages if part.vendor != _LOCAL}
        known = {f"keys.{each}": config.keys.of(each) for each in sorted(used)}
    elif vendor is not None:
        known = {f"keys.{vendor}": config.keys.of(vendor)}
    else:
        return ""
    told = [loaded.sources.get(key, "the configuration") for key, value in known.items() if value]
    return f"key: {', '.join(dict.fromkeys(told))}" if told else "no key"


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
    unknown = [model for model in _billed(config) if tariff.price(model) is None]
    if unknown:
        names = ", ".join(unknown)
        yield Check(
            "prices",
            ok=True,
            warning=True,
            detail=f"none known for {names}: counted as the dearest model",
            remedy="write them into money.prices_file (docs/money.md)",
        )


def _billed(config: Config) -> Iterator[str]:
    """Yield the models of the order that somebody asks money for, as far as they are known."""
    free = config.money.prices_file is None
    realtime, order = config.realtime, config.backend.order
    if "realtime" in order and not (free and vendors.is_own_network(vendors.host(realtime.url))):
        yield from filter(None, (realtime.model, realtime.transcription.model))
    if "live" in order:
        yield config.live.model
    if "gemini" in order:
        yield config.gemini.model
    if "pipeline" in order:
        for _, part in config.pipeline.stages:
            ours = free and bool(part.url) and vendors.is_own_network(vendors.host(part.url))
            if part.vendor != _LOCAL and part.model and not ours:
                yield part.model


def _of(amount: MicroUsd, cap: MicroUsd | None) -> str:
    return dollars(amount) if cap is None else f"{dollars(amount)} of {dollars(cap)}"


def _never(now: Standing) -> bool:
    """Whether a cap of 0 keeps the service from being used, as somebody wanted."""
    return 0 in (now.caps.day, now.caps.month)


def _state(now: Standing) -> str:
    if _never(now):
        return ": a cap of 0: nothing that costs money is used"
    match now.state:
        case "exhausted":
            return f": used up, only what costs nothing answers until the next {now.until} begins"
        case "warned":
            return ": nearly used up"
        case None:
            return ""


def _remedy(now: Standing) -> str:
    if _never(now):
        return "raise it in [money], if that is not what you want"
    if now.until is None:
        return "then only what costs nothing answers" if now.state else ""
    return f"wait, or raise money.{now.until}_usd and reload (systemctl reload voice-appliance)"
