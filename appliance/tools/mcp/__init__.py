"""Tools over MCP, in both directions (docs/mcp.md); needs the extra ``mcp``.

``reading`` (pure) makes tools of what servers offer, and answers of what they return; ``client``
talks to a server; ``serving`` is the box as a server for other agents.
"""
