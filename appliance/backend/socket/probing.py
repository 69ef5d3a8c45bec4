"""Tries a session: opens it, and closes it again once it is ready."""

import asyncio

from appliance.backend.socket.client import SocketSession
from appliance.errors import BackendUnavailable


async def probe(session: SocketSession) -> str:
    """Open a session and close it again; return how it went, in words.

    Nothing is said, so nothing is billed where turns are.

    Raises:
        BackendError: It will not have us, or cannot be reached.
    """
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_read(session), name="probe")
            try:
                await session.until_ready()
            except BackendUnavailable:  # why, the reader says
                return ""
            finally:
                await session.close()
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None  # there is but one task
    return f"a session was ready after {session.ready_s or 0.0:.2f} s"


async def _read(session: SocketSession) -> None:
    try:
        async for _ in session.events():
            pass
    except BackendUnavailable:
        if session.ready_s is None:  # else it was we who ended it
            raise
