"""What operators do in a stranger's template: JSON data only, and nothing grows without asking.

Also ``%`` and ``.format`` on text, which make hexadecimal colours in many announcements. Pure.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from appliance.tools.discovery.homeassistant.bounds import (
    LONGEST_OUTPUT,
    MOST_BITS,
    Run,
    Undefined,
    text_of,
)
from appliance.tools.templates import TemplateFailed

Operator = Callable[[Run, Any, Any], Any]

_DIRECTIVE = re.compile(r"%(?:%|[-+ #0]{0,3}\d{0,2}(?:\.\d{1,2})?[diouxXeEfFgGsc])")
_HOLE = re.compile(r"\{\{|\}\}|\{(\d{0,2})(?::([^{}]{0,16}))?\}")
_SPEC = re.compile(r"(?:.?[<>=^])?[-+ ]?#?0?\d{0,2},?(?:\.\d{1,2})?[bcdeEfFgGnosxX%]?", re.DOTALL)


def numeric(*values: object) -> bool:
    """Whether all are numbers (truth values count as 0 and 1)."""
    return all(isinstance(value, int | float) for value in values)


def bounded(value: Any) -> Any:  # noqa: ANN401 - a template's value
    """Let a number through unless it is very large.

    Raises:
        TemplateFailed: It is.
    """
    if isinstance(value, complex) or (isinstance(value, int) and value.bit_length() > MOST_BITS):
        raise TemplateFailed("a number is too large")
    return value


def _unfit(*values: object) -> TemplateFailed:
    for value in values:
        if isinstance(value, Undefined):
            return TemplateFailed(f"`{value.name}` is not there")
    return TemplateFailed("an operator cannot take that")


def add(run: Run, left: Any, right: Any) -> Any:  # noqa: ANN401 - templates' values, as below
    """Add numbers; join texts or lists."""
    if numeric(left, right):
        return bounded(left + right)
    if type(left) is type(right) and isinstance(left, str | list | tuple):
        made = left + right
        run.weigh(made)
        return made
    raise _unfit(left, right)


def subtract(_run: Run, left: Any, right: Any) -> Any:  # noqa: ANN401
    """Subtract."""
    if numeric(left, right):
        return bounded(left - right)
    raise _unfit(left, right)


def multiply(run: Run, left: Any, right: Any) -> Any:  # noqa: ANN401
    """Multiply numbers; repeat a text."""
    if numeric(left, right):
        return bounded(left * right)
    if isinstance(left, int):
        left, right = right, left
    if isinstance(left, str) and isinstance(right, int):
        if len(left) * right > LONGEST_OUTPUT:
            raise TemplateFailed("it makes too much text")
        run.charge(max(0, len(left) * right) >> 6)
        return left * right
    raise _unfit(left, right)


def divide(_run: Run, left: Any, right: Any) -> Any:  # noqa: ANN401
    """Divide."""
    if numeric(left, right):
        return left / right
    raise _unfit(left, right)


def floor_divide(_run: Run, left: Any, right: Any) -> Any:  # noqa: ANN401
    """Divide and round down."""
    if numeric(left, right):
        return left // right
    raise _unfit(left, right)


def remainder(run: Run, left: Any, right: Any) -> Any:  # noqa: ANN401
    """Return the remainder; or fill the holes of a text."""
    if numeric(left, right):
        return left % right
    if isinstance(left, str):
        return percent_format(run, left, right if isinstance(right, tuple) else (right,))
    raise _unfit(left, right)


def power(_run: Run, left: Any, right: Any) -> Any:  # noqa: ANN401
    """Raise to a power."""
    if not numeric(left, right):
        raise _unfit(left, right)
    whole = isinstance(left, int) and isinstance(right, int)
    if whole and right > 0 and left.bit_length() * right > MOST_BITS:
        raise TemplateFailed("a number is too large")
    return bounded(left**right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Operator:
    def ordered(_run: Run, left: Any, right: Any) -> bool:  # noqa: ANN401
        if numeric(left, right) or (isinstance(left, str) and isinstance(right, str)):
            return compare(left, right)
        raise _unfit(left, right)

    return ordered


def contains(_run: Run, item: Any, container: Any) -> bool:  # noqa: ANN401
    """Whether a list holds something, an object a key, or a text a text."""
    if isinstance(container, str):
        return isinstance(item, str) and item in container
    if isinstance(container, dict):
        return isinstance(item, str | int | float) and item in container
    if isinstance(container, list | tuple):
        return item in container
    if isinstance(container, Undefined):
        return False
    raise _unfit(container)


COMPARISONS: dict[str, Operator] = {
    "eq": lambda _, left, right: bool(left == right),
    "ne": lambda _, left, right: bool(left != right),
    "lt": _ordered(lambda left, right: left < right),
    "lteq": _ordered(lambda left, right: left <= right),
    "gt": _ordered(lambda left, right: left > right),
    "gteq": _ordered(lambda left, right: left >= right),
    "in": contains,
    "notin": lambda run, left, right: not contains(run, left, right),
}


def _plain(values: Sequence[object]) -> tuple[object, ...]:
    return tuple(
        value if isinstance(value, str | int | float) else text_of(value) for value in values
    )


def percent_format(run: Run, template: str, values: Sequence[object]) -> str:
    """Fill the ``%`` holes of a text; widths have two digits at most.

    Raises:
        TemplateFailed: A hole is of another kind, or a value does not fit.
    """
    if "%" in _DIRECTIVE.sub("", template):
        raise TemplateFailed("`%` has a hole that cannot be used here")
    run.charge(len(template) >> 2)
    for value in values:
        run.weigh(value)
    made = template % _plain(values)
    run.weigh(made)
    return made


def brace_format(run: Run, template: str, values: Sequence[object]) -> str:
    """Fill the ``{}`` holes of a text: numbers of values and simple forms only.

    Raises:
        TemplateFailed: A hole is of another kind, or a value does not fit.
    """
    run.charge(len(template) >> 2)
    plain = _plain(values)
    pieces: list[str] = []
    at = count = 0
    for hole in _HOLE.finditer(template):
        pieces.append(_between_holes(template[at : hole.start()]))
        at = hole.end()
        if hole[0] in ("{{", "}}"):
            pieces.append(hole[0][0])
            continue
        spec = hole[2] or ""
        index = int(hole[1]) if hole[1] else count
        count += 1
        if index >= len(plain) or not _SPEC.fullmatch(spec):
            raise TemplateFailed("`format` has a hole that cannot be used here")
        pieces.append(format(plain[index], spec))
        run.weigh(pieces[-1])
    pieces.append(_between_holes(template[at:]))
    made = "".join(pieces)
    run.weigh(made)
    return made


def _between_holes(text: str) -> str:
    if "{" in text or "}" in text:
        raise TemplateFailed("`format` has a hole that cannot be used here")
    return text
