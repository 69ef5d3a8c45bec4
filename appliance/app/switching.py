"""Who answers, as somebody chose by voice, button, MQTT or command; of whichever box is there."""

from collections.abc import Callable

from appliance.app.backends import Answering
from appliance.backend import choice as choosing
from appliance.backend.failover import Failover
from appliance.config import Config
from appliance.host.kept import Kept


class Switching:
    """The choice of a backend; it holds from the next turn on and outlives the program.

    It is a preference, no promise: a chosen backend that may not or cannot serve is replaced by
    the order. What keeps speech in the house is privacy mode. Event loop only.

    Args:
        config: The settings; a choice of before that is not in their order is forgotten.
        answering: Who there is to answer.
        kept: Where the choice outlives us; ``None``: nowhere.
    """

    def __init__(self, config: Config, answering: Answering, kept: Kept | None) -> None:
        self._answering = answering
        self._kept = kept
        self._failover: Failover | None = None
        self.told: list[Callable[[str], None]] = []
        """Are told who was chosen; empty: nobody in particular."""

        before = "" if kept is None else kept.facts["backend"]
        if kept is not None and before and before not in config.backend.order:
            kept.keep(backend="")
        self._chosen = before if before in answering.names else ""

    @property
    def names(self) -> tuple[str, ...]:
        """Who can be chosen, in the order of the settings."""
        return self._answering.names

    @property
    def cloud(self) -> frozenset[str]:
        """Those of them that are given speech beyond the house, or cost money."""
        return self._answering.cloud

    @property
    def chosen(self) -> str:
        """Who was chosen; empty: nobody in particular."""
        return self._chosen

    @property
    def serving(self) -> str:
        """Who answers now."""
        return self.names[0] if self._failover is None else self._failover.serving

    def attach(self, failover: Failover | None) -> None:
        """Choose for this conversation from now on; ``None``: for none."""
        self._failover = failover

    def obstacle(self, name: str) -> str:
        """Return what keeps a backend from serving: a code, ``privacy``, ``budget``."""
        if self._failover is None:
            return ""
        return choosing.obstacle(self._failover.choice, name) or ""

    def choose(self, name: str) -> bool:
        """Have a backend serve before all others; return whether there is one of that name.

        Args:
            name: One of ``names``; empty: nobody in particular.
        """
        if name and name not in self.names:
            return False
        self._chosen = name
        if self._kept is not None:
            self._kept.keep(backend=name)
        if self._failover is not None:
            self._failover.prefer(name or None)
        for tell in self.told:
            tell(name)
        return True
