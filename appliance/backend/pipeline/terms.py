"""What a session of the pipeline goes by."""

import math
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from appliance.units import Seconds

LONGEST_TURN = Seconds(35.0)
"""Sound that a turn may have; what comes after it is left out."""

PATIENCE = Seconds(2.5)
"""How long the user waits for the answers to calls before being told that it takes longer."""

NEVER = Seconds(math.inf)


class Words(Protocol):
    """What the session says by itself, in the language of the house."""

    @property
    def failed(self) -> str:
        """A model of the box failed."""
        ...

    @property
    def working(self) -> str:
        """A tool takes long."""
        ...

    @property
    def cannot_see(self) -> str:
        """There was a picture with the request."""
        ...

    @property
    def alone(self) -> str:
        """The sign: the first words of the backend to fall back on; empty: there is none."""
        ...

    @property
    def abbreviations(self) -> AbstractSet[str]:
        """Lower-case words whose full stop does not end a sentence, without that stop."""
        ...


@dataclass(frozen=True, slots=True)
class Sayings:
    """Words as they stand."""

    failed: str = ""
    working: str = ""
    cannot_see: str = ""
    alone: str = ""
    abbreviations: frozenset[str] = frozenset()


NO_WORDS = Sayings()
"""Nothing is said but what the mind says."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How long things may take, and what the session is called."""

    name: str = "pipeline"
    """What the names of its replies begin with; at most 12 letters."""

    title: str = "the pipeline"
    """For messages."""

    longest_turn: Seconds = LONGEST_TURN
    patience: Seconds = PATIENCE
    """Infinite: as long as the tools like."""

    connect: Seconds = NEVER
    """From the first sentence to its first sound."""

    stall: Seconds = NEVER
    """How long a part may give nothing while it is waited for."""

    unhurried: frozenset[str] = frozenset()
    """Stages that may take as long as they like: nobody else would be faster than the box."""

    stages: bool = True
    """Whether it tells what each part took (``StageTook``)."""

    def within(self, stage: str, *, first: bool = False) -> Seconds:
        """Return how long a stage may give nothing; ``first``: before its first sound."""
        if stage in self.unhurried:
            return NEVER
        return self.connect if first else self.stall
