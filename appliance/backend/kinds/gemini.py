"""Gemini Live as a kind of backend (``backend.kinds.Kind``)."""

from datetime import datetime

from appliance.backend.context import NOTHING, Handover
from appliance.backend.gemini.address import GOOGLE, address
from appliance.backend.gemini.rules import GeminiRules
from appliance.backend.gemini.setup import model_name, setup
from appliance.backend.gemini.terms import Terms
from appliance.backend.kinds.seam import Facts, Means
from appliance.backend.prompting.telling import past
from appliance.backend.socket.client import SocketSession, limits
from appliance.backend.socket.probing import probe
from appliance.config import Config, vendors
from appliance.config.lacking import lacking
from appliance.units import Seconds


class GeminiKind:
    """Google's Gemini Live."""

    def facts(self, config: Config) -> Facts:
        """Describe it with these settings."""
        settings = config.gemini
        where = vendors.host(settings.url or GOOGLE)
        return Facts(
            title=f"{settings.model} at {where}",
            cloud=True,
            leaves=(f"sound to {where}",),
            missing=lacking(config, "gemini"),
            sees=True,
        )

    def open(self, means: Means, handover: Handover) -> SocketSession:
        """Make a session."""
        return gemini_session(means, handover)

    async def probe(self, means: Means) -> str:
        """Open a session and close it again."""
        return await probe(gemini_session(means))


def gemini_session(means: Means, handover: Handover = NOTHING) -> SocketSession:
    """Return a session of Gemini Live; it connects when its events are iterated."""
    config = means.config
    backend = config.backend
    tools = tuple(means.catalogue())
    terms = Terms(
        setup(
            config,
            tools,
            now=datetime.now().astimezone(),
            handover=handover,
            persona=means.persona,
        ),
        model_name(config.gemini.model).removeprefix("models/"),
        stall=Seconds(backend.stall_s),
        tools=Seconds(config.tools.patience_s),
        history=tuple(past(handover.lines)),
        closing=frozenset(tool.name for tool in tools if tool.closes),
    )
    place = address(config.gemini, config.keys.of("gemini"))
    return SocketSession(place, GeminiRules(terms, owed=handover.owed), limits(config))


KIND = GeminiKind()
