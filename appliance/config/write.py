"""Writes settings as TOML."""

import json
from pathlib import Path

from pydantic import BaseModel


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
        case BaseModel():
            fields = type(setting).model_fields
            inner = ", ".join(f"{name} = {value(getattr(setting, name))}" for name in fields)
            return "{ " + inner + " }"
        case _:
            raise TypeError(type(setting).__name__)
