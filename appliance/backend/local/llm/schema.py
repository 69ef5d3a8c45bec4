"""The one JSON Schema that holds the model's answer to what can be called. Pure.

Only words that llama.cpp's grammar takes (xllamacpp 2026.10): it knows neither ``minProperties``
nor ``multipleOf`` nor the range of a ``number``. What it cannot hold, ``reading`` refuses.
"""

from collections.abc import Iterator, Mapping, Sequence

from appliance.backend.local.llm.offer import LONGEST_TEXT, Offered, Property

MOST_CALLS = 3
"""Calls of one answer: people who want more say it in words that need no model."""

LONGEST_SAID = 240
"""Characters of an answer in words."""

Schema = dict[str, object]


def answers(tools: Sequence[Offered], *, speaks: bool = False) -> Schema:
    """Return the schema of an answer: ``{"calls": [{"tool": …, "arguments": {…}}, …]}``.

    Args:
        tools: What can be called.
        speaks: Whether it may say something instead: ``{"calls": [], "say": "…"}``.
    """
    forms = [form for tool in tools for form in _forms(tool)]
    calls: Schema = {"type": "array", "items": {"anyOf": forms}, "maxItems": MOST_CALLS}
    if not forms:
        calls = {"type": "array", "items": {"type": "null"}, "maxItems": 0}
    if not speaks:
        return _object({"calls": calls}, ("calls",))
    says = {"type": "string", "maxLength": LONGEST_SAID}
    return _object({"calls": calls, "say": says}, ("calls", "say"))


def _forms(tool: Offered) -> Iterator[Schema]:
    """Yield the shapes of a call.

    What can be left out is left out, unless it was said: small models fill in whatever they can.
    Only where something must come beside the required may they choose one thing that was not said.
    """
    optional = [name for name in tool.properties if name not in tool.required]
    said = [name for name in optional if name in tool.said]
    if len(tool.required) >= tool.least:
        yield _form(tool, (*tool.required, *said), tool.required)
        return
    for name in optional:
        needed = (*tool.required, name)
        yield _form(tool, (*needed, *(other for other in said if other != name)), needed)


def _form(tool: Offered, names: Sequence[str], needed: Sequence[str]) -> Schema:
    properties = {name: _value(prop) for name, prop in tool.properties.items() if name in names}
    arguments = _object(properties, needed)
    return _object({"tool": {"const": tool.name}, "arguments": arguments}, ("tool", "arguments"))


def _value(prop: Property) -> Schema:
    if "enum" in prop:
        return {"enum": prop["enum"]}
    if "const" in prop:
        return {"const": prop["const"]}
    kind = prop["type"]
    if kind == "integer":
        limits = {word: prop[word] for word in ("minimum", "maximum") if word in prop}
        return {"type": kind, **limits}
    if kind == "string":
        return {"type": kind, "maxLength": LONGEST_TEXT}
    return {"type": kind}


def _object(properties: Mapping[str, object], required: Sequence[str]) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }
