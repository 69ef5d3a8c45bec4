"""What a server of tools says, made into ours. Pure.

The owner chose the server, but what it says was written by others and may carry the words of yet
others (mails, web pages): descriptions are cut and cleaned, schemas are made of known keywords
only, results are cut, and the conversation counts as touched by strangers afterwards.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from appliance.catalogue import ToolSpec
from appliance.ports import ToolResult
from appliance.text import one_line

LONGEST_DESCRIPTION = 300
"""Characters of what a model is told of a tool, and of a parameter."""

LONGEST_RESULT = 4_000
"""Characters of a result that a model is told."""

LONGEST_SAID = 300
"""Characters of a result that are said aloud."""

MOST_TOOLS = 64
"""Of one server."""

LARGEST_SCHEMA = 16_384
"""Characters of the parameters' schema, as JSON."""

DEEPEST = 5
"""Levels of objects and lists within each other."""

_NUMBERS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")
_TYPES = ("string", "number", "integer", "boolean", "object", "array")


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool of a server, as it was found."""

    name: str
    """As the server calls it."""

    description: str
    schema: Mapping[str, object]
    read_only: bool = False
    """It says of itself that it changes nothing."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A tool of a server that can be called."""

    name: str
    """As the server calls it."""

    spec: ToolSpec
    read_only: bool


def tool_name(label: str, name: str) -> str:
    """Return how a model calls a server's tool: ``shopping_add_item``."""
    word = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return f"{label}_{word}"[:64].rstrip("_")


def read_tools(
    label: str, offered: Sequence[Offered], allowed: Sequence[str] = ()
) -> tuple[tuple[Remote, ...], tuple[str, ...]]:
    """Make tools of what a server offers.

    Args:
        label: Of the server.
        offered: What it offers.
        allowed: The only ones wanted, by its own names; empty: all.

    Returns:
        The tools, and one line for each that was left out.
    """
    made: dict[str, Remote] = {}
    problems: list[str] = []
    for each in offered:
        if allowed and each.name not in allowed:
            continue
        name = tool_name(label, each.name)
        shown = clean(each.name, 60)
        parameters = _parameters(each.schema)
        if len(made) == MOST_TOOLS:
            problems.append(f"mcp {label}: more than {MOST_TOOLS} tools; {shown} is left out")
        elif name in made or name == label:
            problems.append(f"mcp {label}: {shown}: its name is taken")
        elif parameters is None:
            problems.append(f"mcp {label}: {shown}: its parameters cannot be described")
        else:
            words = clean(each.description, LONGEST_DESCRIPTION)
            description = f"Of the tool server {label}: {words}"
            spec = ToolSpec(name=name, description=description, parameters=parameters)
            made[name] = Remote(each.name, spec, each.read_only)
    return tuple(made.values()), tuple(problems)


def read_result(label: str, texts: Sequence[str], *, failed: bool, said: str) -> ToolResult:
    """Make an answer of a server's result.

    Args:
        label: Of the server.
        texts: The parts of it that are text.
        failed: It says that the call went wrong.
        said: What is said aloud where there is no text.
    """
    text = clean("\n".join(texts)[: 4 * LONGEST_RESULT], LONGEST_RESULT)
    data = {"from": label, "text": text}
    if failed:
        return ToolResult("failed", said, data)
    return ToolResult("done", clean(text, LONGEST_SAID) or said, data)


def clean(text: str, longest: int) -> str:
    """Return a text of one line without characters that cannot be seen, cut to a length."""
    words = one_line(text, longest)
    return words if len(words) <= longest else f"{words[: longest - 1].rstrip()}…"


def _parameters(schema: Mapping[str, object]) -> dict[str, object] | None:
    """Return a schema of known keywords only; ``None``: it says too much, or nothing usable."""
    try:
        if len(json.dumps(schema)) > LARGEST_SCHEMA:
            return None
    except (TypeError, ValueError, RecursionError):
        return None
    kinds = schema.get("$defs", {})
    part = _Part(kinds if isinstance(kinds, Mapping) else {})
    made = part.read({**schema, "type": "object"}, 0)
    if made is None:
        return None
    return {
        "type": "object",
        "properties": made.get("properties", {}),
        "required": made.get("required", []),
        "additionalProperties": False,
    }


@dataclass(frozen=True, slots=True)
class _Part:
    """Reads a schema, and what it names of its own definitions; a loop of names ends by depth."""

    definitions: Mapping[str, object]

    def read(self, schema: object, depth: int) -> dict[str, object] | None:
        if not isinstance(schema, Mapping) or depth > DEEPEST:
            return None
        if isinstance(name := schema.get("$ref"), str):
            return self.read(self.definitions.get(name.removeprefix("#/$defs/")), depth + 1)
        kind = _kind(schema)
        made: dict[str, object] = {} if kind is None else {"type": kind}
        if isinstance(words := schema.get("description"), str):
            made["description"] = clean(words, LONGEST_DESCRIPTION)
        values = schema.get("enum")
        if isinstance(values, list) and 0 < len(values) <= 500:
            made["enum"] = [each for each in values if isinstance(each, str | int | float | bool)]
        for name in _NUMBERS:
            limit = schema.get(name)
            if isinstance(limit, int | float) and not isinstance(limit, bool):
                made[name] = limit
        if kind == "array" and not self._list(schema, made, depth):
            return None
        if kind == "object" and not self._object(schema, made, depth):
            return None
        return made if kind is not None or "enum" in made else None

    def _list(self, schema: Mapping[str, object], made: dict[str, object], depth: int) -> bool:
        items = self.read(schema.get("items", {"type": "string"}), depth + 1)
        made["items"] = items
        return items is not None

    def _object(self, schema: Mapping[str, object], made: dict[str, object], depth: int) -> bool:
        """Add the properties of an object; say whether all that are required can be described."""
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        if not isinstance(properties, Mapping) or not isinstance(required, list):
            return False
        parts = {
            str(name)[:64]: part
            for name, each in properties.items()
            if (part := self.read(each, depth + 1)) is not None
        }
        made["properties"] = parts
        made["required"] = [name for name in required if isinstance(name, str)]
        return all(isinstance(name, str) and name in parts for name in required)


def _kind(schema: Mapping[str, object]) -> str | None:
    """Return the type; of several, as of an optional parameter, the first that is one."""
    kind = schema.get("type")
    either = schema.get("anyOf")
    if kind is None and isinstance(either, list):
        kinds = [each.get("type") for each in either if isinstance(each, Mapping)]
        kind = next((each for each in kinds if each in _TYPES and each != "object"), None)
    if isinstance(kind, list):
        kind = next((each for each in kind if each in _TYPES), None)
    return kind if isinstance(kind, str) and kind in _TYPES else None
