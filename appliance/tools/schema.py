"""The part of JSON Schema that a tool's parameters may use, and the values that fit it. Pure.

Parameters are numbers, words from a list, free words and yes-or-no: what a person can say. Left
out is what could reach the network (``$ref``), run for ever (``pattern``) or could not be said
(nested objects and lists).
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, UnknownType

Key = tuple[str | int, ...]
Finding = tuple[Key, str]
"""Where, below the schema, and what is wrong there."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TOP = ("type", "properties", "required", "additionalProperties", "minProperties", "description")
_PROPERTY = (
    "type", "enum", "const", "description", "title", "default", "examples", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "x-say",
    "x-unit",
)  # fmt: skip
_RULES = tuple(word for word in _PROPERTY if word not in ("default", "examples", "x-say"))
_TYPES = ("string", "number", "integer", "boolean")
RESERVED = ("target", "reported", "transaction", "response_topic", "true", "false", "none")
"""What means something else in templates, so that no parameter can be called so."""

_MOST_VALUES = 1_000
_LONGEST_VALUE = 500


def findings(schema: Mapping[str, object]) -> Iterator[Finding]:
    """Say everything that is wrong with the schema of a tool's parameters."""
    yield from _unknown((), schema, _TOP)
    if schema.get("type", "object") != "object":
        yield ("type",), 'must be "object"'
    if schema.get("additionalProperties", False) is not False:
        yield ("additionalProperties",), "must be false: a call has no arguments but these"
    properties = schema.get("properties", {})
    if not isinstance(properties, Mapping):
        yield ("properties",), "must be a table with one table for each parameter"
        return
    for name, prop in properties.items():
        key: Key = ("properties", name)
        if not _NAME.fullmatch(name):
            yield key, "a parameter's name has lower-case letters, digits and underscores only"
        elif name in RESERVED:
            yield key, f"`{name}` means something else in templates; name it otherwise"
        if isinstance(prop, Mapping):
            yield from ((key + below, text) for below, text in _property(prop))
        else:
            yield key, "must be a table"
    yield from _required(schema, properties)
    yield from _standard(schema)


def whole(schema: Mapping[str, object]) -> dict[str, object]:
    """Return a checked schema with what is always so written out."""
    properties = schema.get("properties", {})
    return {
        **schema,
        "type": "object",
        "properties": properties,
        "required": schema.get("required", []),
        "additionalProperties": False,
    }


def is_bounded(prop: Mapping[str, object]) -> bool:
    """Tell whether a parameter's values are known beforehand or numbers: no free text."""
    return bool({"enum", "const"} & prop.keys()) or prop.get("type") not in (None, "string")


def fit(
    schema: Mapping[str, object], arguments: Mapping[str, object]
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Check a call's arguments.

    Args:
        schema: A checked schema, as ``whole`` returns it.
        arguments: What the backend asks for.

    Returns:
        The arguments with defaults filled in and whole numbers as ``int``; and what is wrong with
        them, by parameter, never with the value itself (it may be what somebody said).
    """
    properties = schema["properties"]
    assert isinstance(properties, Mapping)  # noqa: S101 - ``whole`` made it so
    wanted = {
        name: prop["default"] for name, prop in properties.items() if "default" in prop
    } | dict(arguments)
    if any(isinstance(value, float) and not math.isfinite(value) for value in wanted.values()):
        return wanted, ("a number is not finite",)
    problems = [
        _misfit(error.validator, error.absolute_path, error.validator_value, wanted)
        for error in Draft202012Validator(schema).iter_errors(wanted)
    ]
    for name, value in wanted.items():
        prop = properties.get(name, {})
        if prop.get("type") == "integer" and isinstance(value, float) and value.is_integer():
            wanted[name] = int(value)
    return wanted, tuple(sorted(problems))


def _misfit(rule: str, path: object, limit: object, arguments: Mapping[str, object]) -> str:
    name = ".".join(str(part) for part in list(path))  # type: ignore[call-overload]
    match rule:
        case "required":
            missing = [word for word in list(limit) if word not in arguments]  # type: ignore[call-overload]
            return f"{', '.join(missing)}: missing"
        case "additionalProperties":
            return "there is an argument that the tool does not take"
        case "enum":
            return f"{name}: must be one of {json.dumps(limit, ensure_ascii=False)[:300]}"
        case "minProperties":
            return f"at least {limit} arguments are needed"
        case _:
            return f"{name}: does not fit {rule} {limit}"


def _property(prop: Mapping[str, object]) -> Iterator[Finding]:
    yield from _unknown((), prop, _PROPERTY)
    kind = prop.get("type")
    if kind is None and "enum" not in prop and "const" not in prop:
        yield (), f"needs a `type` ({', '.join(_TYPES)}) or an `enum`"
    elif kind is not None and kind not in _TYPES:
        yield ("type",), f"must be one of {', '.join(_TYPES)}"
    values = prop.get("enum")
    if isinstance(values, list):
        if not values or len(values) > _MOST_VALUES:
            yield ("enum",), f"must have 1 to {_MOST_VALUES} values"
        for number, value in enumerate(values):
            if not isinstance(value, str | int | float | bool):
                yield ("enum", number), "must be a text, a number, true or false"
            elif len(str(value)) > _LONGEST_VALUE:
                yield ("enum", number), f"has more than {_LONGEST_VALUE} characters"
    yield from _spoken(prop, values)
    if "default" in prop and not fits(prop, prop["default"]):
        yield ("default",), "does not fit the parameter's own rules"


def _spoken(prop: Mapping[str, object], values: object) -> Iterator[Finding]:
    if "x-say" not in prop:
        return
    forms = prop["x-say"]
    if not isinstance(forms, Mapping) or not isinstance(values, list):
        yield ("x-say",), "must be a table of spoken forms for the values of `enum`"
        return
    words = tuple(str(value) for value in values)
    for value, spoken in forms.items():
        if value not in words:
            near = get_close_matches(value, words, n=1, cutoff=0.6)
            hint = f" (did you mean `{near[0]}`?)" if near else ""
            yield ("x-say", value), f"is not a value of `enum`{hint}"
        if not isinstance(spoken, list) or not all(isinstance(form, str) for form in spoken):
            yield ("x-say", value), "must be a list of texts"


def _required(schema: Mapping[str, object], properties: Mapping[str, object]) -> Iterator[Finding]:
    required = schema.get("required", [])
    if not isinstance(required, list):
        yield ("required",), "must be a list of parameters"
        return
    for number, name in enumerate(required):
        if not isinstance(name, str) or name not in properties:
            near = get_close_matches(str(name), list(properties), n=1, cutoff=0.6)
            hint = f" (did you mean `{near[0]}`?)" if near else ""
            yield ("required", number), f"there is no parameter `{name}`{hint}"


def _standard(schema: Mapping[str, object]) -> Iterator[Finding]:
    """Ask the standard's own schema about the values of the keywords."""
    for error in Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(dict(schema)):
        path = tuple(error.absolute_path)
        if path and path[-1] not in ("required", "properties", "type", "additionalProperties"):
            yield path, f"is not as JSON Schema wants it ({error.validator})"


def fits(prop: Mapping[str, object], value: object) -> bool:
    """Tell whether a value keeps a parameter's own rules."""
    rules = {word: prop[word] for word in _RULES if word in prop}  # nothing that could be fetched
    try:
        return bool(Draft202012Validator(rules).is_valid(value))
    except (SchemaError, UnknownType, TypeError, ValueError, ArithmeticError):
        return False


def _unknown(key: Key, table: Mapping[str, object], known: tuple[str, ...]) -> Iterator[Finding]:
    for word in table:
        if word not in known:
            near = get_close_matches(word.lower(), known, n=1, cutoff=0.6)
            hint = f" (did you mean `{near[0]}`?)" if near else f"; there are: {', '.join(known)}"
            yield (*key, word), f"cannot be used in a parameter{hint}"


def sample(prop: Mapping[str, object]) -> object:
    """Return a value that a parameter may well have."""
    values = prop.get("enum")
    if isinstance(values, list):
        return values[0]
    for word in ("const", "default", "maximum", "minimum"):
        if word in prop:
            return prop[word]
    match prop.get("type"):
        case "boolean":
            return True
        case "string":
            return "word"
        case _:
            return 1
