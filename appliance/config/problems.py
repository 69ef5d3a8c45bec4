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
    if key and key[-1] == DATE:
        key = key[:-1]
        return Problem(key, _wrong_kind(key, None, "a date"))
    info = fields.field(key)
    value = _value(key, table)
    secret = fields.is_secret(info)
    shown = "this" if secret else show(value)
    match error["type"]:
        case "extra_forbidden":
            return Problem(key, _unknown(key))
        case "missing":
            return Problem(key, f"is missing; it must be {fields.kind(info)}")
        case "less_than_equal" | "less_than":
            bound = error["ctx"].get("le", error["ctx"].get("lt"))
            return Problem(key, f"{shown} is more than {bound}{_allowed(info)}")
        case "greater_than_equal":
            return Problem(key, f"{shown} is less than {error['ctx']['ge']}{_allowed(info)}")
        case "greater_than":
            return Problem(key, f"{shown} is not more than {error['ctx']['gt']}{_allowed(info)}")
        case "literal_error":
            near = meant(value, fields.choices(info)) if isinstance(value, str) else ""
            return Problem(key, f"{shown} will not do; write {fields.kind(info)}{near}")
        case "string_pattern_mismatch":
            return Problem(key, f"{shown} will not do. {_documentation(info)}".rstrip())
        case _:
            return Problem(key, _wrong_kind(key, info, _describe(value, secret=secret)))


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
    kind = "a table" if len(key) == 1 else fields.kind(expected, member=isinstance(key[-1], int))
    return f"must be {kind}, not {found}"


def _allowed(info: FieldInfo | None) -> str:
    limits = fields.limits(info)
    return f"; {limits} is allowed" if limits else ""


def _documentation(info: FieldInfo | None) -> str:
    return " ".join((info.description or "").split()) if info is not None else ""


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
