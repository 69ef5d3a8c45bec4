"""What a call must pass before it is carried out. Pure.

The gate stands outside of every model: whatever a model asks for, and however it asks, what needs
more than a word is not done until something can ask the user for it. What is not known is refused.
"""

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


def refusal(risk: Risk) -> str | None:
    """Return why a call of this risk is not carried out now, as a key of the phrases."""
    match risk:
        case Risk.FREE:
            return None
        case Risk.CONFIRM | Risk.PIN:
            return "gated"  # nothing here can ask for a confirmation or a PIN yet
        case Risk.NEVER:
            return "never"
        case _:
            assert_never(risk)
