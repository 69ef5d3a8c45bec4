"""What the house offers, as data: tools, the things they act on, and how people name those.

Written by ``appliance.tools``, read by every backend: a realtime model is given the names and JSON
schemas, the on-device understanding also the examples, targets and intents. Nothing here is ever
an instruction; names come from people and brokers and are only compared and shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Risk(StrEnum):
    """What it takes before a call is carried out."""

    FREE = "free"
    CONFIRM = "confirm"
    PIN = "pin"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Target:
    """A thing in the house that a tool acts on."""

    id: str
    """What a call's argument carries, such as ``kitchen_light``; unique in its tool."""

    name: str
    """As people say it: "kitchen light"."""

    aliases: tuple[str, ...] = ()
    area: str | None = None
    """The room, as people say it."""

    kind: str = ""
    """The domain of its intents: ``light``, ``switch``, ``cover``, ``climate`` …"""

    listed: bool = True
    """Whether a model is told of it beforehand; else it asks a tool that finds things."""


@dataclass(frozen=True, slots=True)
class IntentBinding:
    """Says that a ready-made intent (home-assistant-intents) is a call of this tool.

    A sentence such as "turn off the lamp" is recognised as ``HassTurnOff`` with the slots ``name``
    and ``domain``; the binding turns it into the arguments of the call.
    """

    intent: str
    """``HassTurnOn``, ``HassLightSet`` …"""

    arguments: Mapping[str, object] = field(default_factory=dict)
    """Arguments that always go with it: ``{"state": "on"}``."""

    slots: Mapping[str, str] = field(default_factory=dict)
    """From the intent's slot to our parameter: ``{"brightness": "brightness_pct"}``."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One tool, as a backend sees it."""

    name: str
    """``[a-z][a-z0-9_]*``, unique among all tools."""

    description: str
    """When to use it, in one sentence."""

    parameters: Mapping[str, object]
    """A JSON Schema of type ``object``. An enum's spoken forms may stand beside it in ``x-say``:
    ``{"enum": ["large"], "x-say": {"large": ["big"]}}``."""

    examples: tuple[str, ...] = ()
    """How people ask for it; ``{parameter}`` marks a slot: "make me a {size} {drink}"."""

    targets: tuple[Target, ...] = ()
    """The values of ``target_parameter``."""

    target_parameter: str | None = None
    """Which parameter takes a target's ``id``."""

    intents: tuple[IntentBinding, ...] = ()
    risk: Risk = Risk.FREE
    closes: bool = False
    """The conversation ends with this call: "stop", "never mind"."""

    sees: bool = False
    """It answers with a picture: only for backends that can see."""
