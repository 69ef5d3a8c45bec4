"""Calls that somebody else made → the requests that would have led to them. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from appliance.backend.local.understand.sentences import Request
from appliance.backend.local.understand.types import Call
from appliance.catalogue import ToolSpec


def requests(calls: Sequence[Call], catalogue: Sequence[ToolSpec]) -> tuple[Request, ...]:
    """Return the requests of one turn; calls that differ in their target only are one."""
    tools = {tool.name: tool for tool in catalogue}
    found: list[Request] = []
    for call in calls:
        request = _request(call, tools.get(call.tool))
        if request is None:
            continue
        last = found[-1] if found else None
        if last is not None and replace(last, targets=request.targets) == request:
            found[-1] = replace(last, targets=(*last.targets, *request.targets))
        else:
            found.append(request)
    return tuple(found)


def _request(call: Call, tool: ToolSpec | None) -> Request | None:
    """Return one call as a request; ``None`` if it is not about anything that there is."""
    if tool is None:
        return None
    arguments = dict(call.arguments)
    if tool.target_parameter is None or tool.target_parameter not in arguments:
        return Request(tool.name, arguments)
    named = arguments.pop(tool.target_parameter)
    ids = named if isinstance(named, list | tuple) else (named,)
    known = tuple(target.id for target in tool.targets if target.id in ids)
    return Request(tool.name, arguments, known) if known else None
