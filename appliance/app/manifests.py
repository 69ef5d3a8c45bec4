"""What is wrong with manifests as a whole, seen before anything runs."""

from collections.abc import Iterable

from appliance.config import Config
from appliance.errors import ConfigError
from appliance.tools import wording
from appliance.tools.manifest import Manifest
from appliance.tools.registry import ToolRegistry


def name_clashes(config: Config, manifests: Iterable[Manifest]) -> tuple[str, ...]:
    """Return one line for each manifest whose name belongs to a built-in tool.

    Blocks while it reads the phrases of the language; that there are none is a line, too.
    """
    try:
        words = wording.load(config.device.language)
    except ConfigError as error:
        return error.problems
    return ToolRegistry(words, None).set_files(manifests)
