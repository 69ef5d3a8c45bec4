"""Models that are run once before anything is measured, one after another."""

from collections.abc import Sequence

from appliance.backend.local import warm
from appliance.backend.local.parts import Parts
from appliance.catalogue import ToolSpec


def warm_up(parts: Parts, catalogue: Sequence[ToolSpec]) -> None:
    """Run every part once."""
    warm.hear(parts.transcriber, parts.trim)
    warm.speak(parts.voice, parts.phrases)
    warm.understand(parts.understander, catalogue)
