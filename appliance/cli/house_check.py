"""What ``doctor`` says of the house: devices that were found, what was left out, what is wrong."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from appliance.app.devices import Devices
from appliance.app.open_house import open_house
from appliance.config import Loaded
from appliance.errors import ApplianceError
from appliance.host.health import Check
from appliance.timeline import Timeline

MOST_RULES = 8
"""Rules that are named; `actions list --left-out` has all of them."""


@dataclass
class _Seen:
    """What was seen of the house."""

    devices: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    problems: tuple[str, ...] = ()
    connected: bool = False


def devices(loaded: Loaded) -> Iterator[Check]:
    """Look at the devices on the configured broker; none without one."""
    if not loaded.config.mqtt.host:
        return
    seen = _Seen()
    with contextlib.suppress(ApplianceError, BaseExceptionGroup):  # the broker's own check says so
        seen = asyncio.run(_look(loaded))
    if not seen.connected:
        return
    rules = ", ".join(f"{count} {rule}" for rule, count in seen.rules.most_common(MOST_RULES))
    left = f"; left out: {rules}" if rules else ""
    remedy = "do they announce themselves? docs/devices.md; else a manifest: docs/manifests.md"
    yield Check(
        "devices",
        ok=True,
        detail=f"{seen.devices} found{left}",
        remedy="" if seen.devices else remedy,
        warning=not seen.devices,
    )
    for problem in seen.problems:
        yield Check("house", ok=False, detail=problem)


async def _look(loaded: Loaded) -> _Seen:
    async with open_house(loaded, Timeline(), guest=True) as house:
        await house.settle()
        part = next(each for each in house.parts if isinstance(each, Devices))
        left = Counter(each.rule for each in part.household.left_out())
        problems = tuple(line for each in house.parts for line in each.problems())
        return _Seen(len(part.household.known()), left, problems, house.connected)
