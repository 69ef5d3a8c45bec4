"""Somebody who waits for a part of the pipeline, but not for ever. Event loop only."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self, TypeVar

from appliance.errors import BackendStalled
from appliance.units import Seconds

T = TypeVar("T")


class Watch:
    """Ends a block with ``BackendStalled`` when the part is waited for too long in it.

    At first nobody waits.

    Args:
        title: Of the part.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._within = Seconds(0.0)
        self._timeout = asyncio.timeout(None)
        self._over = False

    async def __aenter__(self) -> Self:
        """Begin."""
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End; what was waited for too long is an error of its own.

        Raises:
            BackendStalled: It was.
        """
        self._over = True
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as late:
            said = f"{self._title} gave nothing for {self._within:.1f} s"
            raise BackendStalled(said) from late

    def alert(self, within: Seconds) -> None:
        """Expect something within so long from now."""
        self._within = within
        when = None if math.isinf(within) else asyncio.get_running_loop().time() + within
        self._set(when)

    def rest(self) -> None:
        """Expect nothing."""
        self._set(None)

    def _set(self, when: float | None) -> None:
        if not self._over and not self._timeout.expired():
            self._timeout.reschedule(when)


@asynccontextmanager
async def closing(things: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Give an iterator, and close it at the end, if it can be closed."""
    try:
        yield things
    finally:
        aclose = getattr(things, "aclose", None)
        if aclose is not None:
            await aclose()
