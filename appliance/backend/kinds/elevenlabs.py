"""ElevenLabs Agents as a kind of backend (``backend.kinds.Kind``)."""

from datetime import datetime

from appliance.backend.context import NOTHING, Handover
from appliance.backend.elevenlabs.address import VENDOR, address
from appliance.backend.elevenlabs.rules import AgentRules
from appliance.backend.elevenlabs.setup import context, initiation
from appliance.backend.elevenlabs.terms import Terms
from appliance.backend.kinds.seam import Facts, Means
from appliance.backend.socket.client import SocketSession, limits
from appliance.backend.socket.probing import probe
from appliance.config import Config, vendors
from appliance.config.lacking import lacking
from appliance.units import Seconds


class ElevenLabsKind:
    """An agent of ElevenLabs."""

    def facts(self, config: Config) -> Facts:
        """Describe it with these settings."""
        settings = config.elevenlabs
        where = vendors.host(settings.url or VENDOR)
        return Facts(
            title=f"{settings.agent_id or 'an agent'} at {where}",
            cloud=True,
            leaves=(f"sound to {where}",),
            missing=lacking(config, "elevenlabs"),
        )

    def open(self, means: Means, handover: Handover) -> SocketSession:
        """Make a session."""
        return agent_session(means, handover)

    async def probe(self, means: Means) -> str:
        """Open a conversation and close it again."""
        return await probe(agent_session(means))


def agent_session(means: Means, handover: Handover = NOTHING) -> SocketSession:
    """Return a conversation with the agent; it connects when its events are iterated."""
    config = means.config
    backend = config.backend
    tools = tuple(means.catalogue())
    now = datetime.now().astimezone()
    terms = Terms(
        initiation(config, tools, now=now, persona=means.persona),
        stall=Seconds(backend.stall_s),
        tools=Seconds(config.tools.patience_s),
        context=context(handover),
        closing=frozenset(tool.name for tool in tools if tool.closes),
    )
    place = address(config.elevenlabs, config.keys.of("elevenlabs"))
    return SocketSession(place, AgentRules(terms, owed=handover.owed), limits(config))


KIND = ElevenLabsKind()
