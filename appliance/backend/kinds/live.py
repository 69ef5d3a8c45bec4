"""OpenAI Live as a kind of backend (``backend.kinds.Kind``)."""

from datetime import datetime

from appliance.backend.context import NOTHING, Handover
from appliance.backend.kinds.seam import Facts, Means
from appliance.backend.live.address import address, host
from appliance.backend.live.rules import LiveRules
from appliance.backend.live.session import session_object
from appliance.backend.live.terms import Patience, Terms
from appliance.backend.money import estimate, prices
from appliance.backend.socket.client import SocketSession, limits
from appliance.backend.socket.probing import probe
from appliance.config import Config, vendors
from appliance.config.lacking import lacking
from appliance.errors import ConfigError
from appliance.units import SampleRate, Seconds


class LiveKind:
    """OpenAI Live, on OpenAI's servers or Azure's."""

    def facts(self, config: Config) -> Facts:
        """Describe it with these settings."""
        live = config.live
        where = host(live) or live.url
        inside = vendors.is_in_the_house(live.url)
        return Facts(
            title=f"{live.model} with {live.delegate_model} at {where}",
            cloud=not inside,
            leaves=() if inside else (f"sound to {where}",),
            missing=lacking(config, "live"),
            usd_minute=_minute(config),
            sees=True,
            idle_close_s=live.idle_close_s,
        )

    def open(self, means: Means, handover: Handover) -> SocketSession:
        """Make a session."""
        return live_session(means, handover)

    async def probe(self, means: Means) -> str:
        """Open a session and close it again; the service bills its few seconds."""
        return await probe(live_session(means))


def live_session(means: Means, handover: Handover = NOTHING) -> SocketSession:
    """Return a session of the Live service; it connects when its events are iterated.

    Args:
        means: What it is made from.
        handover: What the conversation has come to.
    """
    config = means.config
    live, backend = config.live, config.backend
    tools = tuple(means.catalogue())
    now = datetime.now().astimezone()
    terms = Terms(
        session_object(config, tools, now=now, handover=handover, persona=means.persona),
        Patience(
            setup=Seconds(backend.connect_s),
            stall=Seconds(backend.stall_s),
            tools=Seconds(config.tools.patience_s),
        ),
        live.model,
        live.delegate_model,
        rate=SampleRate(live.rate),
        free=_free(config),
        closing=frozenset(tool.name for tool in tools if tool.closes),
    )
    place = address(live, config.keys.of("openai"))
    return SocketSession(place, LiveRules(terms, owed=handover.owed), limits(config))


def _free(config: Config) -> bool:
    """Whether nobody asks for money: a server of the own network, and no prices for it."""
    return config.money.prices_file is None and vendors.is_own_network(host(config.live))


def _minute(config: Config) -> float | None:
    if _free(config):
        return 0.0
    try:
        table = prices.read(config.money.prices_file)
    except ConfigError:  # ``check`` tells of it
        return None
    return estimate.by_time(table, config.live.model)


KIND = LiveKind()
