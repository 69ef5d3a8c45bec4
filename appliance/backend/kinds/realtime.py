"""The realtime service as a kind of backend (``backend.kinds.Kind``)."""

from collections.abc import Callable, Sequence
from datetime import datetime

from appliance.backend.context import NOTHING, Handover
from appliance.backend.kinds.seam import Facts, Means
from appliance.backend.money import estimate, prices
from appliance.backend.prompting.persona import PLAIN, Persona
from appliance.backend.realtime.address import address
from appliance.backend.realtime.history import replay
from appliance.backend.realtime.protocol import RealtimeProtocol
from appliance.backend.realtime.session import session_object
from appliance.backend.realtime.terms import Patience, Terms
from appliance.backend.socket.client import SocketSession, limits
from appliance.backend.socket.probing import probe
from appliance.catalogue import ToolSpec
from appliance.config import Config, vendors
from appliance.config.lacking import lacking
from appliance.errors import ConfigError
from appliance.units import Seconds


class RealtimeKind:
    """OpenAI Realtime, and every server with the same protocol."""

    def facts(self, config: Config) -> Facts:
        """Describe it with these settings."""
        settings = config.realtime
        where = vendors.host(settings.url) or settings.url
        inside = vendors.is_in_the_house(settings.url)
        tools = tuple(f"what its tools are asked, to {server.label}" for server in settings.mcp)
        return Facts(
            title=f"{settings.model} at {where}",
            cloud=not inside or bool(tools) or config.money.prices_file is not None,
            leaves=(*(() if inside else (f"sound to {where}",)), *tools),
            missing=lacking(config, "realtime"),
            usd_minute=_minute(config),
            sees=True,
        )

    def open(self, means: Means, handover: Handover) -> SocketSession:
        """Make a session."""
        return realtime_session(means.config, means.catalogue, handover, persona=means.persona)

    async def probe(self, means: Means) -> str:
        """Open a session and close it again."""
        return await probe(realtime_session(means.config, lambda: ()))


def realtime_session(
    config: Config,
    catalogue: Callable[[], Sequence[ToolSpec]],
    handover: Handover = NOTHING,
    *,
    persona: Persona = PLAIN,
) -> SocketSession:
    """Return a session of the realtime service; it connects when its events are iterated.

    Args:
        config: The settings, with a key where one is needed.
        catalogue: Gives the tools that can be called now.
        handover: What the conversation has come to.
        persona: Who the box is.
    """
    realtime, backend = config.realtime, config.backend
    tools = tuple(catalogue())
    detection = realtime.turn_detection
    ends_turns = detection.kind != "device"
    resumed = bool(handover.lines) or handover.owed is not None
    now = datetime.now().astimezone()
    terms = Terms(
        session_object(config, tools, now=now, resumed=resumed, persona=persona),
        Patience(
            setup=Seconds(backend.connect_s),
            stall=Seconds(backend.stall_s),
            tools=Seconds(config.tools.patience_s),
        ),
        realtime.model,
        transcription_model=realtime.transcription.model,
        free=_free(config),
        ends_turns=ends_turns,
        auto_response=ends_turns and detection.create_response,
        closing=frozenset(tool.name for tool in tools if tool.closes),
    )
    told = replay(handover, dialect=realtime.dialect)
    protocol = RealtimeProtocol(terms, history=told.items, owed=told.owed)
    return SocketSession(address(realtime), protocol, limits(config))


def _free(config: Config) -> bool:
    """Whether nobody asks for money: a server of the own network, and no prices for it."""
    server = vendors.host(config.realtime.url)
    return config.money.prices_file is None and vendors.is_own_network(server)


def _minute(config: Config) -> float | None:
    if _free(config):
        return 0.0
    settings = config.realtime
    try:
        table = prices.read(config.money.prices_file)
    except ConfigError:  # ``check`` tells of it
        return None
    return estimate.speech_to_speech(table, settings.model, settings.transcription.model)


KIND = RealtimeKind()
