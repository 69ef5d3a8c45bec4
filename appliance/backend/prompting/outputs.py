"""What tools answered, as models read it. Pure."""

from typing import Final

from appliance.backend.socket import reading
from appliance.ports import ToolResult

CANCELLED: Final = "CANCELLED"
"""The output of a call that was not carried out because the conversation moved on."""

LONGEST: Final = 64 * 1024
"""Characters of one output."""


def was_cancelled(result: ToolResult) -> bool:
    """Whether the call was not even tried."""
    return result.data.get("cancelled") is True


def output_text(result: ToolResult, *, longest: int = LONGEST) -> str:
    """Return a result as text: JSON with ``status``, ``say`` and the data, or ``CANCELLED``.

    Data that is too long, or cannot be JSON, is left out.
    """
    if was_cancelled(result):
        return CANCELLED
    short = {"status": result.status, "say": result.say}
    try:
        output = reading.dump({**result.data, **short})
    except (TypeError, ValueError):  # keys that are no texts; a circle
        return reading.dump(short)
    return output if len(output) <= longest else reading.dump(short)
