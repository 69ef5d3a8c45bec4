"""The tools of privacy mode: from now on nothing leaves the house, or it may again."""

from collections.abc import Mapping
from typing import Protocol

from appliance.catalogue import ToolSpec
from appliance.ports import ToolResult
from appliance.tools import schema
from appliance.tools.ready import BuiltIn
from appliance.tools.wording import Wording


class Privacy(Protocol):
    """Whether anything may leave the house."""

    def get(self) -> bool:
        """Return whether the box is private now."""
        ...

    def set(self, private: bool) -> None:  # noqa: FBT001 - as ``Volume.set``
        """Ask for it, or take that back, which a switch on the box may refuse; at once."""
        ...


def privacy_tools(wording: Wording, privacy: Privacy) -> tuple[BuiltIn, ...]:
    """Make ``go_offline`` and ``go_online``."""
    return (
        _tool("go_offline", wording, privacy, private=True),
        _tool("go_online", wording, privacy, private=False),
    )


def _tool(name: str, wording: Wording, privacy: Privacy, *, private: bool) -> BuiltIn:
    def run(_: Mapping[str, object]) -> ToolResult:
        before = privacy.get()
        privacy.set(private)
        now = privacy.get()
        data = {"private": now}
        if now != private:
            return ToolResult("failed", wording.say(name, "say_refused", {}), data)
        if before == now:
            return ToolResult("unchanged", wording.say(name, "say_unchanged", {}), data)
        return ToolResult("done", wording.say(name, "say", {}), data)

    spec = ToolSpec(
        name=name,
        description=wording.text(name, "description"),
        parameters=schema.whole({}),
        examples=wording.texts(name, "examples"),
    )
    return BuiltIn(spec, run)
