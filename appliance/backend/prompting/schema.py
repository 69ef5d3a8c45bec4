"""Tools as models see them: a name, a description, a JSON Schema. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from appliance.catalogue import Risk, Target, ToolSpec

Fields = dict[str, object]

LONGEST_DESCRIPTION: Final = 1_000
LONGEST_TARGETS: Final = 6_000
"""Characters with which a tool's things are told by name; the ids are always told."""

LONGEST_NAME: Final = 80


def callable_tools(tools: Iterable[ToolSpec]) -> list[ToolSpec]:
    """Return the tools that a model may call at all."""
    return [tool for tool in tools if tool.risk is not Risk.NEVER]


def function(tool: ToolSpec) -> Fields:
    """Return a tool as every vendor's function: ``name``, ``description``, ``parameters``.

    The parameters are a plain JSON Schema, in which the things that it can act on are named.
    """
    parameters = _schema(tool.parameters)
    properties = parameters.get("properties")
    listed = [target for target in tool.targets if target.listed]
    if listed and isinstance(properties, dict):
        here = properties.get(tool.target_parameter)
        if isinstance(here, dict):
            about = f"{here.get('description', '')} {_things(listed)}".strip()
            properties[tool.target_parameter] = {**here, "description": about}
    return {
        "name": tool.name,
        "description": _cut(tool.description, LONGEST_DESCRIPTION),
        "parameters": parameters,
    }


def _schema(schema: Mapping[str, object]) -> Fields:
    """Return a JSON Schema without our own words; a unit goes into the description."""
    plain: Fields = {
        name: _schema_part(value) for name, value in schema.items() if not name.startswith("x-")
    }
    if unit := schema.get("x-unit"):
        plain["description"] = f"{plain.get('description', '')} (in {unit})".strip()
    return plain


def _schema_part(value: object) -> object:
    match value:
        case Mapping():
            return _schema(value)
        case list() | tuple():
            return [_schema_part(each) for each in value]
        case _:
            return value


def _things(targets: Sequence[Target]) -> str:
    """Return which id is which thing, as people call it, as far as there is room."""
    told: list[str] = []
    length = 0
    for target in targets:
        text = _thing(target)
        length += len(text) + 2
        if length > LONGEST_TARGETS:
            return f"Ids: {'; '.join(told)}; and {len(targets) - len(told)} more, named by id."
        told.append(text)
    return f"Ids: {'; '.join(told)}."


def _thing(target: Target) -> str:
    more = [f"in {_cut(target.area, LONGEST_NAME)}"] if target.area else []
    more += [f"also {_cut(alias, LONGEST_NAME)}" for alias in target.aliases[:5]]
    aside = f" ({', '.join(more)})" if more else ""
    return f"{target.id} = {_cut(target.name, LONGEST_NAME)}{aside}"


def _cut(text: str, longest: int) -> str:
    """Return one line of text, at most so long."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
