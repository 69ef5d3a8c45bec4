"""A tool manifest, read and checked: what a tool is and how the house carries it out.

``appliance.tools.parse`` makes these of TOML and JSON; docs/manifests.md explains them to those
who write them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from appliance.catalogue import ToolSpec
from appliance.tools.templates import Expression, Template
from appliance.units import Seconds


@dataclass(frozen=True, slots=True)
class Match:
    """What a message must say: every part that is given holds. With none, any message will do."""

    equals: Template | None = None
    """The whole payload as text."""

    fields: Mapping[str, Template] = field(default_factory=dict)
    """From a dotted path into the JSON payload to what must stand there. Numbers compare as
    numbers; a template that renders to nothing asks for nothing."""

    tolerance: float = 0.0
    """How far a number in ``fields`` may be off."""

    expression: Expression | None = None
    """May look at ``reported`` (the payload: JSON data, or text) and at the call's values."""


@dataclass(frozen=True, slots=True)
class Command:
    """The message that does it; never retained."""

    topic: Template
    payload: Template
    qos: int = 1


@dataclass(frozen=True, slots=True)
class Confirm:
    """The house shows that it is done by a state."""

    topic: Template
    match: Match
    send_anyway: bool = False
    """Whether the command is sent although the known state already is the wanted one."""


@dataclass(frozen=True, slots=True)
class Response:
    """The device answers each request: by MQTT 5 correlation data, or by a field of its answer."""

    match: Match
    """What an answer says that means yes; another answer to this request means no."""

    topic: Template | None = None
    """``None``: our own, which the request carries as its MQTT 5 response topic."""

    correlation: str | None = None
    """Path into a JSON answer where the request's ``transaction`` stands, for devices or brokers
    without MQTT 5."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One tool."""

    spec: ToolSpec
    command: Command
    confirm: Confirm | None
    response: Response | None
    timeout: Seconds
    """How long the confirmation is waited for."""

    say: Mapping[str, Template]
    """What is said when the call is ``done``, ``unchanged``, ``unconfirmed`` or ``failed``; where
    there is none, the phrases of the language serve."""

    variables: Mapping[str, Mapping[str, object]]
    """For each target's id, what templates see as ``target``."""

    source: str
    """The file, or the topic, it was read from."""

    @property
    def name(self) -> str:
        """The tool's name."""
        return self.spec.name
