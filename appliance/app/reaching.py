"""Tries whether backends can be reached: all at once, each for a bounded time."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from appliance.backend.kinds.seam import Kind, Means
from appliance.config import Config
from appliance.errors import ApplianceError, BackendRefused
from appliance.units import Seconds

LONGEST = Seconds(15.0)
"""Of one try; a session gives up earlier by itself (``backend.connect_s``)."""


@dataclass(frozen=True, slots=True)
class Reached:
    """How a try ended."""

    ok: bool
    words: str
    """How it went, in words."""

    remedy: str = ""
    """What to do about it, where that is known."""


async def reach(
    kinds: Mapping[str, Kind],
    config: Config,
    *,
    longest: Seconds = LONGEST,
    tell: Callable[[str, Reached], None] = lambda _name, _reached: None,
) -> dict[str, Reached]:
    """Try backends side by side; nothing is said to them, so little is billed.

    Args:
        kinds: Which, by name.
        config: The settings, with the keys.
        longest: Longest time for each.
        tell: Is told of each as soon as it is known.

    Returns:
        How it went for each, in the order of ``kinds``.
    """
    means = Means(config, lambda: ())
    found: dict[str, Reached] = {}

    async def one(name: str, kind: Kind) -> None:
        found[name] = await _try(kind, means, longest)
        tell(name, found[name])

    async with asyncio.TaskGroup() as group:
        for name, kind in kinds.items():
            group.create_task(one(name, kind), name=f"reach.{name}")
    return {name: found[name] for name in kinds}


async def _try(kind: Kind, means: Means, longest: Seconds) -> Reached:
    try:
        async with asyncio.timeout(longest):
            return Reached(ok=True, words=await kind.probe(means))
    except TimeoutError:
        return Reached(ok=False, words=f"no answer within {longest:.0f} s")
    except BackendRefused as error:
        return Reached(ok=False, words=f"refused: {error.reason}", remedy=error.advice)
    except ApplianceError as error:
        return Reached(ok=False, words=str(error))


def reach_now(names: Sequence[str], config: Config) -> dict[str, Reached]:
    """Try backends by their names, from outside of an event loop; blocks for at most ``LONGEST``.

    Raises:
        ConfigError: One of them cannot be used at all.
    """
    from appliance.backend.kinds.find import kind  # noqa: PLC0415 - imports what a kind needs

    return asyncio.run(reach({name: kind(name) for name in names}, config))
