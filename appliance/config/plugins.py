"""Backends that came with packages of their own: which names there are."""

from importlib.metadata import EntryPoint, entry_points
from typing import Final

from appliance.config.lacking import BUILT_IN

GROUP: Final = "voice_appliance.backends"
"""The group of entry points; each gives a ``backend.kinds.Kind``."""


def plugins() -> dict[str, EntryPoint]:
    """Return those that are installed, by name; ours cannot be replaced. Reads many files."""
    found = entry_points(group=GROUP)
    return {each.name: each for each in found if each.name not in BUILT_IN}


def known(name: str) -> bool:
    """Say whether there is a backend of this name."""
    return name in BUILT_IN or name in plugins()
