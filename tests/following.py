"""A session of any service, and what comes out of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from appliance.backend.kinds.seam import Means
from appliance.backend.socket.client import SocketSession
from appliance.catalogue import ToolSpec
from appliance.config import Config
from tests.realtime_client import Talk


@asynccontextmanager
async def following(session: SocketSession) -> AsyncIterator[Talk]:
    """Follow a session; closes it at the end."""
    talk = Talk(session)
    async with asyncio.TaskGroup() as group:
        group.create_task(talk.follow(), name="talk.follow")
        try:
            yield talk
        finally:
            await session.close()


LIGHT = ToolSpec(
    "set_light",
    "Switches a light.",
    {
        "type": "object",
        "properties": {
            "state": {"type": "string", "enum": ["on", "off"]},
            "level": {"type": "integer", "minimum": 1, "exclusiveMaximum": 101, "x-unit": "%"},
        },
        "required": ["state"],
        "additionalProperties": False,
    },
)
STOP = ToolSpec("stop", "Ends the conversation.", {"type": "object"}, closes=True)


def means(settings: dict[str, object]) -> Means:
    """Return what a session is made from, with two tools."""
    return Means(Config.model_validate(settings), lambda: (LIGHT, STOP))
