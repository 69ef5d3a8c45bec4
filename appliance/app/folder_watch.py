"""Notices that files of a kind were written, by looking at their folders now and then."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

from appliance.units import Seconds

Signature = frozenset[tuple[str, int, int]]


async def changes(
    folders: Callable[[], Iterable[Path]], every: Callable[[], Seconds]
) -> AsyncIterator[None]:
    """Yield each time a TOML file of some folders was written, came or went, for ever.

    Args:
        folders: Which; called in a thread before every look.
        every: The time between two looks.
    """
    known = await asyncio.to_thread(_signature, folders)
    while True:
        await asyncio.sleep(every())
        now = await asyncio.to_thread(_signature, folders)
        if now != known:
            known = now
            yield


def _signature(folders: Callable[[], Iterable[Path]]) -> Signature:
    found: set[tuple[str, int, int]] = set()
    for folder in folders():
        for path in folder.glob("*.toml"):
            try:
                state = path.stat()
            except OSError:
                continue
            found.add((str(path), state.st_mtime_ns, state.st_size))
    return frozenset(found)
