"""Lights, by their schema. Pure."""

from collections.abc import Callable, Mapping

from appliance.tools.discovery.homeassistant.components import (
    light_basic,
    light_json,
    light_template,
)
from appliance.tools.discovery.homeassistant.entry import Draft, Unfit

_SCHEMAS: Mapping[str, Callable[[Draft], None]] = {
    "basic": light_basic.build,
    "default": light_basic.build,
    "json": light_json.build,
    "template": light_template.build,
}


def build(draft: Draft) -> None:
    """Make the thing.

    Raises:
        Unfit: There is no such schema, or its own reasons.
    """
    schema = _SCHEMAS.get(draft.text("schema", "basic").lower())
    if schema is None:
        raise Unfit
    schema(draft)
