"""A call, worked out but not carried out: what it would do, for the gate, and how it is done."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from appliance.catalogue import Risk, ToolSpec
from appliance.ports import ToolResult
from appliance.units import Seconds


@dataclass(frozen=True, slots=True)
class Act:
    """One change of one thing, in terms the gate can judge."""

    kind: str
    """``lock``, ``cover`` … (``devices.model.Kind``); ``mcp``; ``manifest``; ``builtin``."""

    trait: str = ""
    """What is changed (``devices.model.Trait``); empty: not known."""

    value: object = field(default=None, repr=False)
    """What it is changed to."""

    device: str = ""
    """Id of the thing, as the owner's rules name it."""

    name: str = ""
    """As people say it, cleaned."""

    device_class: str = ""
    opaque: bool = False
    """Of a scene or group of which nobody knows what it moves."""

    at_least: Risk = Risk.FREE
    """What whoever offers the tool says of it; the gate only ever goes higher, unless the owner
    has said otherwise."""


def marks(acts: Iterable[Act]) -> frozenset[str]:
    """Return what acts do and how risky they are, as texts that can be kept and compared."""
    return frozenset(
        json.dumps(
            [
                act.kind,
                act.trait,
                repr(act.value),
                act.device,
                act.device_class,
                act.opaque,
                act.at_least.value,
            ]
        )
        for act in acts
    )


@dataclass(frozen=True, slots=True)
class Sent:
    """One message that was published for a call, for the audit log."""

    topic: str
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a call would do. Making one changes nothing."""

    acts: tuple[Act, ...]
    """Everything it would change; empty: it only tells."""

    run: Callable[[], Awaitable[ToolResult]]
    """Does it; called at most once, after the gate. May be cancelled."""

    question: str = ""
    """What is to be confirmed, as a question in the language of the house, of fixed words and
    cleaned names: "Shall I unlock the front door?" Empty: the gate finds words."""

    patience: Seconds = Seconds(30.0)
    """After so long it is cancelled, and the call has failed."""

    untrusted: bool = False
    """Its result carries text that strangers wrote (states, MCP results)."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A tool whose risk depends on what it is asked to do."""

    spec: ToolSpec
    plan: Callable[[Mapping[str, object]], "Plan | ToolResult"]
    """Takes arguments that fit the schema; a ``ToolResult`` when nothing can be done: no such
    device, out of its range, not reachable. Pure, at once."""

    source: str = "built in"
    """Where it comes from, for people: ``devices``, ``mcp:label``."""
