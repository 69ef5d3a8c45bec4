"""Says in plain words what is wrong with a value, and what to write instead."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from difflib import get_close_matches
from typing import assert_never

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from appliance.config import fields
from appliance.config.locate import Key

TomlValue = (
    str | int | float | bool | datetime | date | time | list["TomlValue"] | dict[str, "TomlValue"]
)
"""What ``tomllib`` gives."""

DATE = "date or time"
"""Stands for a TOML date where values are handed on as JSON; no setting is one."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend."""

    key: Key
    text: str


def dotted(key: Key) -> str:
    """Return a key as people write it: ``wake.custom[0].name``."""
    out = ""
    for part in key:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else part
    return out


def from_pydantic(error: ErrorDetails, table: Mapping[str, TomlValue]) -> Problem:
    """Turn one of pydantic's findings into a problem."""
    key: Key = error["loc"]
    if key and key[-1] == "[key]":  # pydantic's word for a name that will not do, not its value
        key = key[:-1]
    if key and key[-1] == DATE:
        key = key[:-1]
        return Problem(key, _wrong_kind(key, None, "a date"))
    info = fields.field(key)
    value = _value(key, table)
    secret = fields.is_secret(info)
    shown = "this" if secret else show(value)
    if out := _out_of_bounds(error, shown):
        return Problem(key, f"{out}{_allowed(info)}")
    match error["type"]:
        case "extra_forbidden":
            return Problem(key, _unknown(key))
        case "missing":
            return Problem(key, f"is missing; it must be {fields.kind(info)}")
        case "literal_error":
            near = meant(value, fields.choices(info)) if isinstance(value, str) else ""
            words = fields.kind(info, member=_is_member(key))
            return Problem(key, f"{shown} will not do; write {words}{near}")
        case "too_short":
            return Problem(key, f"is empty; it must be {fields.kind(info)}")
        case "string_pattern_mismatch":
            return Problem(key, f"{shown} will not do. {_documentation(info)}".rstrip())
        case _:
            return Problem(key, _wrong_kind(key, info, _describe(value, secret=secret)))


def _out_of_bounds(error: ErrorDetails, shown: str) -> str:
    bound = next(iter(error.get("ctx", {}).values()), None)
    match error["type"]:
        case "less_than_equal" | "less_than":
            return f"{shown} is more than {bound}"
        case "greater_than_equal":
            return f"{shown} is less than {bound}"
        case "greater_than":
            return f"{shown} is not more than {bound}"
        case "string_too_long":
            return f"is too long; {bound} characters are allowed"
        case _:
            return ""


def meant(word: str, options: tuple[str, ...]) -> str:
    """Return " (did you mean `x`?)" if an option is close, else nothing."""
    near = get_close_matches(word.lower(), options, n=1, cutoff=0.6)
    return f" (did you mean `{near[0]}`?)" if near else ""


def show(value: object) -> str:
    """Return a value as TOML would write it, cut where it is long."""
    match value:
        case bool():
            text = "true" if value else "false"
        case str():
            text = f'"{value}"'.replace("\n", "\\n")
        case _:
            text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _unknown(key: Key) -> str:
    name = str(key[-1])
    home = fields.section(key[:-1])
    known = tuple(home.model_fields) if home is not None else ()
    if near := meant(name, known):
        return f"there is no such key{near}"
    if elsewhere := fields.homes(name):
        return f"there is no such key here; it belongs under [{elsewhere[0]}]"
    what = "no such table" if len(key) == 1 else "no such key"
    return f"there is {what}; there are: {', '.join(known)}"


def _wrong_kind(key: Key, info: FieldInfo | None, found: str) -> str:
    expected = fields.field(key) if info is None else info
    kind = "a table" if len(key) == 1 else fields.kind(expected, member=_is_member(key))
    return f"must be {kind}, not {found}"


def _is_member(key: Key) -> bool:
    """Say whether a key is of something in a list, or in a table whose names people choose."""
    around = fields.field(key[:-1])
    return isinstance(key[-1], int) or (around is not None and fields.is_map(around))


def _allowed(info: FieldInfo | None) -> str:
    limits = fields.limits(info)
    return f"; {limits} is allowed" if limits else ""


def _documentation(info: FieldInfo | None) -> str:
    return " ".join((info.description or "").replace("``", '"').split()) if info else ""


def _value(key: Key, table: Mapping[str, TomlValue]) -> TomlValue | None:
    here: TomlValue | None = dict(table)
    for part in key:
        if isinstance(here, dict) and isinstance(part, str):
            here = here.get(part)
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        else:
            return None
    return here


def _describe(value: TomlValue | None, *, secret: bool) -> str:
    shown = "" if secret else f" {show(value)}"
    match value:
        case None:
            return "nothing"
        case bool():
            return shown.strip() or "true or false"
        case str():
            return f"the text{shown}"
        case int() | float():
            return f"the number{shown}" if shown else "a number"
        case datetime() | date() | time():
            return "a date"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            assert_never(value)
