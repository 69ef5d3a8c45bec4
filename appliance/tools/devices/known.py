"""What the tools see of the devices: their names among people, and what is done with them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from appliance.tools.devices.model import Thing, Trait, Value
from appliance.tools.plan import Sent


@dataclass(frozen=True, slots=True)
class Known:
    """A thing that can be asked for."""

    id: str
    """What a call carries: ``[a-z0-9_]``, 1 to 64 characters, unique in the house, the same after
    a restart as long as the house is the same."""

    thing: Thing
    name: str
    """As people say it, cleaned and length-limited; the owner's, if he gave one."""

    aliases: tuple[str, ...] = ()
    area: str | None = None
    """The room, as people say it."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted of one thing."""

    id: str
    wanted: Mapping[Trait, Value]
    """Settable traits within their shapes; never empty."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an order ended."""

    status: str
    """See ``ports.ToolResult``: ``done``, ``unchanged``, ``unconfirmed``, ``rejected``,
    ``failed``."""

    reason: str = ""
    """Where the status does not say it all: ``underway`` (done, but it takes its time), ``sent``
    (nothing could confirm it), ``offline``, ``refused``, ``lost`` (the connection), ``no_house``,
    ``unwritable``, ``gone``."""

    now: Mapping[Trait, Value] = field(default_factory=dict, repr=False)
    """What is known of the thing afterwards."""

    sent: tuple[Sent, ...] = ()


class Household(Protocol):
    """The devices of the house. Event loop only."""

    def known(self) -> Mapping[str, Known]:
        """Return what can be asked for, by id: the same object until it changes."""
        ...

    def now(self, name: str) -> Mapping[Trait, Value]:
        """Return what is known of a thing's state; empty: nothing."""
        ...

    def reachable(self, name: str) -> bool:
        """Return whether its device can be reached, as far as anybody says."""
        ...

    def on_change(self, tell: Callable[[], None]) -> None:
        """Have ``tell`` called, soon, after ``known`` has changed; many changes are told once."""
        ...

    async def carry_out(self, order: Order) -> Outcome:
        """Send an order once and wait for its confirmation. Never raises."""
        ...
