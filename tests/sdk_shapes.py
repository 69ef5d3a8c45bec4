"""Checks what we send, and what our scripted servers send, against the types of vendors' SDKs."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - a type, or what stands for one
    """Make what checks a type; once, for it takes a moment."""
    return TypeAdapter(kind)


def fits(kind: Any, value: object) -> None:  # noqa: ANN401 - as above
    """Assert that a value is one of a type, and has nothing in it that the type does not know.

    Iterables of an SDK's types are checked only as they are read: so everything is.
    """
    checked = _read(adapter(kind).validate_python(value))
    assert checked == value


def _read(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _read(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_read(each) for each in value]
    if isinstance(value, Iterator) or type(value).__name__ == "ValidatorIterator":
        return [_read(each) for each in value]  # type: ignore[attr-defined]
    return value
