"""Text to tool calls, in stages that can each be looked into.

``text`` (words) → ``clauses`` (several commands, corrections) → ``sentences`` (known word for
word) → ``nearest`` (like an example, slots filled) → an honest nothing; ``staged`` joins them.
"""

from appliance.backend.local.understand.staged import StagedUnderstander

__all__ = ["StagedUnderstander"]
