"""Sessions of the realtime service, as the settings say."""

import asyncio
from datetime import datetime

from appliance.app.answers import Catalogue
from appliance.backend.context import NOTHING, Handover
from appliance.backend.realtime.address import address
from appliance.backend.realtime.history import replay
from appliance.backend.realtime.protocol import RealtimeProtocol
from appliance.backend.realtime.session import session_object
from appliance.backend.realtime.terms import Patience, Terms
from appliance.backend.socket.client import Limits, SocketSession
from appliance.config import Config
from appliance.errors import BackendUnavailable
from appliance.units import Seconds


def realtime_session(
    config: Config, catalogue: Catalogue, handover: Handover = NOTHING
) -> SocketSession:
    """Return a session of the realtime service; it connects when its events are iterated.

    Args:
        config: The settings, with a key where one is needed.
        catalogue: Gives the tools that can be called now.
        handover: What the conversation has come to.
    """
    realtime, backend = config.realtime, config.backend
    tools = tuple(catalogue())
    detection = realtime.turn_detection
    ends_turns = detection.kind != "device"
    resumed = bool(handover.lines) or handover.owed is not None
    terms = Terms(
        session_object(config, tools, now=datetime.now().astimezone(), resumed=resumed),
        Patience(
            setup=Seconds(backend.connect_s),
            stall=Seconds(backend.stall_s),
            tools=Seconds(config.tools.patience_s),
        ),
        realtime.model,
        transcription_model=realtime.transcription.model,
        ends_turns=ends_turns,
        auto_response=ends_turns and detection.create_response,
        closing=frozenset(tool.name for tool in tools if tool.closes),
    )
    told = replay(handover, dialect=realtime.dialect)
    protocol = RealtimeProtocol(terms, history=told.items, owed=told.owed)
    limits = Limits(connect=Seconds(backend.connect_s), stall=Seconds(backend.stall_s))
    return SocketSession(address(realtime), protocol, limits)


async def probe_realtime(config: Config) -> str:
    """Open a session with the service and close it again; return how it went, in words.

    Nothing is said, so nothing is billed.

    Raises:
        BackendError: It will not have us, or cannot be reached.
    """
    session = realtime_session(config, lambda: ())
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
        if not session.ready_s:  # else it was we who ended it
            raise
