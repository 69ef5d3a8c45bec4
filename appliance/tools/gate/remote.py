"""Tools that a vendor's model would call by itself: the box only gives leave. Pure."""

from collections.abc import Iterable
from typing import assert_never

from appliance.catalogue import Risk
from appliance.config.cloud import McpServer

REMOTE = "mcp:"
"""Begins the name of a tool that the realtime service would call by itself: ``mcp:label/tool``."""


def is_remote(tool: str) -> bool:
    """Say whether a call only asks for leave to have a remote tool called."""
    return tool.startswith(REMOTE)


def remote_risk(tool: str, servers: Iterable[McpServer]) -> Risk:
    """Return the risk of a remote tool.

    Args:
        tool: ``mcp:label/tool``.
        servers: Those of the configuration.
    """
    label, _, name = tool.removeprefix(REMOTE).partition("/")
    for server in servers:
        if server.label != label:
            continue
        if not name or (server.allowed_tools and name not in server.allowed_tools):
            return Risk.NEVER
        return Risk.FREE if name in server.free_tools else Risk.CONFIRM
    return Risk.NEVER  # nobody configured this server


def unasked(servers: Iterable[McpServer]) -> bool:
    """Say whether some remote tools run without the box being asked for leave at all.

    What they return enters the conversation unseen, so every such conversation counts as touched
    by strangers.
    """
    return any(server.free_tools or server.free_read_only for server in servers)


def refusal(risk: Risk) -> str | None:
    """Return why no leave is given, as a key of the phrases; ``None``: it is given."""
    match risk:
        case Risk.FREE:
            return None
        case Risk.CONFIRM | Risk.PIN:
            return "gated"  # the vendor waits for an answer, not for a person
        case Risk.NEVER:
            return "never"
        case _:
            assert_never(risk)
