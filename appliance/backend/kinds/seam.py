"""What a kind of backend is: facts, a way to open a session, a way to try the service."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from appliance.backend.context import Handover
from appliance.backend.local.parts import Parts
from appliance.backend.prompting.persona import PLAIN, Persona
from appliance.catalogue import ToolSpec
from appliance.config import Config
from appliance.ports import Backend


@dataclass(frozen=True, slots=True)
class Means:
    """What a session is made from."""

    config: Config
    """The settings, checked, with the keys."""

    catalogue: Callable[[], Sequence[ToolSpec]]
    """Gives the tools that can be called now; event loop only."""

    parts: Parts | None = None
    """The models of the box, loaded; ``None``: there are none, as in a probe."""

    persona: Persona = PLAIN
    """Who the box is in this session."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is to know of a backend before it is asked."""

    title: str
    """What answers, and where: ``gpt-realtime-2.1 at api.openai.com``. No key, no parameters."""

    cloud: bool
    """It is given speech or text beyond the house, or costs money: not in privacy mode, and not
    when no money is left. A server in the own network is not, nor are parts on the box."""

    leaves: tuple[str, ...] = ()
    """What leaves the house and where to: ``sound to api.openai.com``; empty: nothing does."""

    missing: tuple[str, ...] = ()
    """What it still lacks, each with its remedy, in words; empty: nothing. A key, a setting, an
    extra (`pip install "voice-appliance[…]"`), a model."""

    usd_minute: float | None = None
    """About what a minute of conversation costs; 0: nothing; ``None``: not known."""

    sees: bool = False
    """It can be shown pictures."""

    idle_close_s: float | None = None
    """Its sessions are closed after so long without use, if that is sooner than
    ``backend.idle_close_s``: each second of them is paid. ``None``: they are not."""


class Kind(Protocol):
    """One kind of backend. Every method may be called more than once; none keeps state."""

    def facts(self, config: Config) -> Facts:
        """Describe it with these settings. Quick; opens no connection; never raises."""
        ...

    def open(self, means: Means, handover: Handover) -> Backend:
        """Make a session; it connects when its ``events`` are iterated. Event loop; quick.

        What is wrong is said by the session, as a ``BackendError`` from ``events``.
        """
        ...

    async def probe(self, means: Means) -> str:
        """Reach the service and say how that went, in words; nothing is said, so little is billed.

        Raises:
            BackendError: It will not have us, or cannot be reached.
        """
        ...
