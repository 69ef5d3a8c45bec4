"""The one thread of a session in which everything is done that takes time."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from appliance.errors import BackendUnavailable
from appliance.units import Seconds

log = logging.getLogger(__name__)

T = TypeVar("T")


class Worker:
    """Takes one step after the other, in a thread of its own.

    Args:
        in_use: Held during each step; shared with the workers of other sessions.
    """

    def __init__(self, in_use: threading.Lock) -> None:
        self._in_use = in_use
        self._thread = ThreadPoolExecutor(1, "local-backend")

    def submit(self, step: Callable[[], T]) -> Future[T]:
        """Have a step taken after those that wait already."""
        return self._thread.submit(self._take, step)

    async def do(self, what: str, step: Callable[[], T]) -> tuple[T | None, Seconds]:
        """Have a step taken and wait for it; ``None`` if it failed. Also says how long it took."""
        begun = time.perf_counter()
        try:
            done = await self.wait(self.submit(step))
        except BackendUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a model does, the user is answered
            # the message may quote what was said
            log.warning("%s failed: %s", what, type(error).__name__)
            done = None
        return done, Seconds(time.perf_counter() - begun)

    async def wait(self, step: Future[T]) -> T:
        """Wait for a step that was submitted.

        Raises:
            BackendUnavailable: It will not be taken, for the worker was closed.
        """
        try:
            return await asyncio.wrap_future(step)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise BackendUnavailable("the on-device backend was closed") from error

    def close(self) -> None:
        """Begin no further step; the present one is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _take(self, step: Callable[[], T]) -> T:
        with self._in_use:
            return step()
