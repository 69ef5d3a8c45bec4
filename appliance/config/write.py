"""Writes settings as TOML."""

import json
import re
from collections.abc import Mapping
from pathlib import Path


def value(setting: object) -> str:
    """Return a setting as a TOML value on one line.

    Raises:
        TypeError: TOML has no such value.
    """
    match setting:
        case bool():
            return "true" if setting else "false"
        case str() | Path():
            # TOML's basic strings have JSON's escapes, and DEL must be escaped, too
            return json.dumps(str(setting), ensure_ascii=False).replace("\x7f", "\\u007f")
        case int() | float():
            return repr(setting)
        case tuple() | list():
            return "[" + ", ".join(value(each) for each in setting) + "]"
        case Mapping():
            inner = ", ".join(f"{key(name)} = {value(each)}" for name, each in setting.items())
            return "{ " + inner + " }" if inner else "{}"
        case _:
            raise TypeError(type(setting).__name__)


def key(name: str) -> str:
    """Return a key as TOML wants it: in quotes where it must be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name, re.ASCII) else value(name)
