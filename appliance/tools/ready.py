"""What a tool of ours is made of: its description and a function."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from appliance.catalogue import ToolSpec
from appliance.ports import ToolResult
from appliance.units import Seconds


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A tool that is a function of ours."""

    spec: ToolSpec
    run: Callable[[Mapping[str, object]], ToolResult]
    """Takes checked arguments; returns at once."""


@dataclass(frozen=True, slots=True)
class SlowBuiltIn:
    """A tool that is a function of ours and takes a while."""

    spec: ToolSpec
    run: Callable[[Mapping[str, object]], Awaitable[ToolResult]]
    """Takes checked arguments; may be cancelled at any time."""

    patience: Seconds
    """After so long it is cancelled, and the call has failed."""


Ready = BuiltIn | SlowBuiltIn
