"""Finds a kind by its name: ours, and those that other packages bring."""

from importlib import import_module
from typing import Final

from appliance.backend.kinds.brought import BroughtKind, broken
from appliance.backend.kinds.seam import Facts, Kind
from appliance.config import Config
from appliance.config.lacking import BUILT_IN, add_extra
from appliance.config.plugins import plugins
from appliance.errors import ConfigError

_OURS: Final = "appliance.backend.kinds"
"""One module for each, with a ``KIND``; imported when it is asked for, for some need extras."""

_EXTRAS: Final = {"httpx2": "cloud", "xllamacpp": "llm"}
"""Which extra brings what a kind may miss."""


def kind(name: str) -> Kind:
    """Return a kind by its name.

    Raises:
        ConfigError: There is none of this name, or what brings it is broken or lacks a package.
    """
    try:
        if name in BUILT_IN:
            found: Kind = import_module(f"{_OURS}.{name}").KIND
            return found
        return _brought(name)
    except ImportError as error:
        missing = error.name or "a package"
        extra = _EXTRAS.get(missing.partition(".")[0])
        remedy = f" ({add_extra(extra)})" if extra else ""
        what = f"{name} cannot be used: no {missing}{remedy}"
        raise ConfigError((f"backend.order: {what}",)) from error


def names() -> tuple[str, ...]:
    """Return the name of every kind: ours, then what other packages bring."""
    return (*BUILT_IN, *sorted(plugins()))


def _brought(name: str) -> Kind:
    entry = plugins().get(name)
    if entry is None:
        raise ConfigError((f"backend.order: there is no backend {name}",))
    try:
        found = entry.load()
        brought: Kind = found() if isinstance(found, type) else found
    except ImportError:
        raise
    except (Exception, SystemExit) as error:  # whatever somebody else's package does
        what = f"{entry.value} fails: {type(error).__name__}"
        raise ConfigError((f"backend.order: {name} cannot be used: {what}",)) from error
    return BroughtKind(name, brought)


def facts(name: str, config: Config) -> Facts:
    """Describe a kind by its name; one that cannot be used lacks something. Never raises."""
    try:
        return kind(name).facts(config)
    except ConfigError as error:
        own = (each.removeprefix("backend.order: ") for each in error.problems)
        return broken("; ".join(each.removeprefix(f"{name} cannot be used: ") for each in own))
