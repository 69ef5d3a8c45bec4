"""What a test of the Live backend needs: a session, and what comes out of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from appliance.backend.context import Owed
from appliance.backend.live.rules import LiveRules
from appliance.backend.live.session import session_object
from appliance.backend.live.terms import Patience, Terms
from appliance.backend.socket.address import Address
from appliance.backend.socket.client import Limits, SocketSession
from appliance.catalogue import ToolSpec
from appliance.config import Config
from appliance.units import SampleRate, Seconds
from tests.live_server import LiveServer
from tests.realtime_client import Talk

CONNECT = Seconds(3.0)
STALL = Seconds(4.0)
TOOLS_S = Seconds(2.5)
PATIENCE = Patience(setup=CONNECT, stall=STALL, tools=TOOLS_S)
LIGHT = ToolSpec(
    "set_light",
    "Switches a light.",
    {"type": "object", "properties": {"state": {"type": "string"}}},
)
GOODBYE = ToolSpec("goodbye", "Ends the conversation.", {"type": "object"}, closes=True)
CATALOGUE = (LIGHT, GOODBYE)


def terms(rate: int = 16_000) -> Terms:
    """Return what a session is like."""
    session = session_object(Config(), CATALOGUE)
    session["audio"] = {
        "format": {"type": "audio/pcm", "rate": rate},
        "output": {"voice": "marin"},
    }
    return Terms(
        session,
        PATIENCE,
        "gpt-live-1",
        "gpt-6-luna",
        rate=SampleRate(rate),
        closing=frozenset({"goodbye"}),
    )


@asynccontextmanager
async def talking(
    server: LiveServer, *, rate: int = 16_000, owed: Owed | None = None
) -> AsyncIterator[Talk]:
    """Open a session and follow it; closes it at the end."""
    place = Address(server.url, server.headers, "127.0.0.1", section="live")
    limits = Limits(connect=CONNECT, stall=STALL)
    backend = SocketSession(place, LiveRules(terms(rate), owed=owed), limits)
    talk = Talk(backend)
    async with asyncio.TaskGroup() as group:
        group.create_task(talk.follow(), name="talk.follow")
        try:
            yield talk
        finally:
            await backend.close()
