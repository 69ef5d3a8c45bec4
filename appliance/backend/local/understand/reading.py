"""What reading a request starts from, gives, and leaves behind."""

import time
from dataclasses import dataclass, field, replace

from appliance.backend.local.understand.house import House
from appliance.backend.local.understand.sentences import Request
from appliance.backend.local.understand.slots import Slot
from appliance.backend.local.understand.types import StageTrace
from appliance.units import Seconds


@dataclass(frozen=True, slots=True)
class Scene:
    """Where something is said."""

    house: House
    before: tuple[tuple[Request, ...], ...] = field(default=(), repr=False)
    """What was asked for before, by turn or clause, the newest first: what "it" may be."""

    def after(self, requests: tuple[Request, ...]) -> "Scene":
        """Return the same behind a clause that asks for something."""
        return replace(self, before=(requests, *self.before))


@dataclass(frozen=True, slots=True)
class Reading:
    """What something may mean."""

    requests: tuple[Request, ...]
    stage: str
    lacks: Slot | None = None
    """The value to ask for, where no schema demands one: "brighter" of an unknown brightness."""

    partly: bool = False
    """Whether a part was not understood."""


@dataclass(slots=True)
class Trace:
    """Collects what the stages did."""

    stages: tuple[StageTrace, ...] = ()
    _last: float = field(default_factory=time.perf_counter)

    def note(self, stage: str, clause: str, outcome: str) -> None:
        """Add one stage, with the time since the one before."""
        now = time.perf_counter()
        self.stages += (StageTrace(stage, clause, outcome, Seconds(now - self._last)),)
        self._last = now
