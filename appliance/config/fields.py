"""Looks into the model of the settings: which keys there are, of what kind, within what limits."""

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from appliance.config.locate import Key
from appliance.config.model import Config
from appliance.config.section import Section

_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
    Path: "a path in quotes",
    SecretStr: "text in quotes",
}


def entries() -> Iterator[tuple[str, type[Section]]]:
    """Yield every table at the top of the file, by name, in order."""
    for name, info in Config.model_fields.items():
        inner = table(info)
        if inner is not None:
            yield name, inner


def tables(home: type[Section] = Config, place: Key = ()) -> Iterator[tuple[Key, type[Section]]]:
    """Yield every table within another, and those within it, in order; not those in lists."""
    for name, info in home.model_fields.items():
        inner = table(info)
        if inner is not None:
            yield (*place, name), inner
            yield from tables(inner, (*place, name))


def table(info: FieldInfo) -> type[Section] | None:
    """Return the model of what this key holds, if that is a table of settings."""
    return None if is_list(info) else _section_of(info.annotation)


def member(info: FieldInfo) -> type[Section] | None:
    """Return the model of what this key holds many of, if that is a list of tables."""
    return _section_of(info.annotation) if is_list(info) else None


def default(info: FieldInfo) -> object:
    """Return what counts if nothing is set; ``None`` also where something must be."""
    return None if info.is_required() else info.get_default(call_default_factory=True)


def section(key: Key) -> type[Section] | None:
    """Return the model of the table at a key; ``None`` if no table belongs there."""
    here: type[Section] = Config
    for name in key:
        if isinstance(name, int):
            continue
        info = here.model_fields.get(name)
        inner = None if info is None else _section_of(info.annotation)
        if inner is None:
            return None
        here = inner
    return here


def field(key: Key) -> FieldInfo | None:
    """Return what the model says of a key; ``None`` if it knows no such key."""
    names = [name for name in key if isinstance(name, str)]
    holder = section(tuple(names[:-1])) if names else None
    if holder is None and len(names) > 1:  # what people name themselves: headers, variables
        around = field(tuple(names[:-1]))
        return around if around is not None and is_map(around) else None
    return None if holder is None else holder.model_fields.get(names[-1])


def homes(name: str) -> list[str]:
    """Return the tables that have a key of this name."""
    return [".".join(map(str, key)) for key, model in tables() if name in model.model_fields]


def is_secret(info: FieldInfo | None) -> bool:
    """Say whether the value must not be shown."""
    return info is not None and SecretStr in _leaves(info.annotation)


def is_path(info: FieldInfo | None) -> bool:
    """Say whether the value is a path, or a list of paths."""
    return info is not None and Path in _leaves(info.annotation)


def is_list(info: FieldInfo) -> bool:
    """Say whether the value is a list."""
    return get_origin(info.annotation) is tuple


def is_map(info: FieldInfo) -> bool:
    """Say whether the value is a table whose keys people choose."""
    return get_origin(info.annotation) is dict


def is_text(info: FieldInfo | None) -> bool:
    """Say whether the value is written in quotes."""
    if info is None or is_list(info) or is_map(info):
        return False
    return bool({str, Path, SecretStr} & _leaves(info.annotation)) or bool(choices(info))


def choices(info: FieldInfo | None) -> tuple[str, ...]:
    """Return the only values that are allowed, if they can be counted."""
    if info is None:
        return ()
    return _words(info.annotation)


def kind(info: FieldInfo | None, *, member: bool = False) -> str:
    """Say in plain words what a value must be; ``member``: what is in the list or table."""
    if info is None:
        return "a table"
    if is_list(info) and not member:
        return f"a list: [{kind(info, member=True)}, ...]"
    if is_map(info) and not member:
        return f"a table: {{ name = {kind(info, member=True)}, ... }}"
    if words := choices(info):
        return "one of " + ", ".join(f'"{each}"' for each in words)
    leaves = _leaves(info.annotation)
    return next((words for leaf, words in _KINDS.items() if leaf in leaves), "a table")


def limits(info: FieldInfo | None) -> str:
    """Return the range as "0.2 to 5.0", "more than 0.0, up to 12.0", or nothing."""
    if info is None:
        return ""
    bounds = dict(_bounds(info.annotation, info.metadata))
    low = bounds.get("ge", bounds.get("gt"))
    high = bounds.get("le", bounds.get("lt"))
    if low is None or high is None:
        return ""
    return f"more than {low}, up to {high}" if "gt" in bounds else f"{low} to {high}"


def _section_of(annotation: object) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(
        (inner for each in get_args(annotation) if (inner := _section_of(each)) is not None), None
    )


def _words(annotation: object) -> tuple[str, ...]:
    """Return the words of a Literal, also of one that may be left out or stands in a list."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return tuple(str(each) for each in args)
    if origin is Annotated:
        return _words(args[0])
    if origin in (Union, types.UnionType, tuple):
        rest = [each for each in args if each not in (type(None), Ellipsis)]
        return _words(rest[0]) if len(rest) == 1 else ()
    return ()


def _leaves(annotation: object) -> set[object]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _leaves(get_args(annotation)[0])
    if origin in (Union, types.UnionType, tuple, dict):
        return set().union(*(_leaves(each) for each in get_args(annotation)))
    return {annotation}


def _bounds(annotation: object, metadata: list[Any]) -> Iterator[tuple[str, float]]:
    for mark in metadata:
        if isinstance(mark, FieldInfo):
            yield from _bounds(None, mark.metadata)
        for name in ("ge", "gt", "le", "lt"):
            if (bound := getattr(mark, name, None)) is not None:
                yield name, bound
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        yield from _bounds(inner, marks)
    elif get_origin(annotation) in (Union, types.UnionType):
        for each in get_args(annotation):
            yield from _bounds(each, [])
