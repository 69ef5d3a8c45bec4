"""The filters of strangers' templates: those that real announcements use, on JSON data. Pure.

Each takes the rendering, what is filtered, and its arguments. What goes in and comes out is
weighed by ``jinja``; filters that do more than pass over their input once charge for it here.
"""

import base64
import json
import math
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from appliance.tools.discovery.homeassistant.bounds import (
    LONGEST_OUTPUT,
    MOST_STEPS,
    Run,
    Undefined,
    number_of,
    text_of,
)
from appliance.tools.discovery.homeassistant.calculating import (
    add,
    bounded,
    multiply,
    percent_format,
)
from appliance.tools.discovery.homeassistant.regex_filters import (
    regex_findall,
    regex_match,
    regex_replace,
    regex_search,
)
from appliance.tools.templates import TemplateFailed

Function = Callable[..., Any]
NOT_GIVEN = Undefined("default")
"""Stands for an argument that was not given."""

_TRUE = ("true", "yes", "on", "enable", "1")
_FALSE = ("false", "no", "off", "disable", "0")

# ruff: noqa: ANN401 - templates' values


def elements(value: Any) -> list[Any]:
    """Return what can be gone through: a list's elements, a text's characters, an object's keys.

    Raises:
        TemplateFailed: It holds nothing.
    """
    if isinstance(value, list | tuple | str | dict):
        if len(value) > MOST_STEPS:
            raise TemplateFailed("it has too many elements")
        return list(value)
    if isinstance(value, Undefined):
        return []
    raise TemplateFailed("it cannot be gone through")


def or_default(make: Callable[[], Any], default: Any) -> Any:
    """Return what ``make`` makes, or the default where it cannot.

    Raises:
        TemplateFailed: It cannot, and there is no default.
    """
    try:
        made = make()
    except (TemplateFailed, ValueError, TypeError, ArithmeticError):
        if default is NOT_GIVEN:
            raise TemplateFailed("it is no number") from None
        return default
    return made


def as_int(_run: Run, value: Any, default: Any = NOT_GIVEN, base: Any = 10) -> Any:
    """Return a whole number."""

    def make() -> int:
        if isinstance(value, str) and base != 10:
            if not 2 <= base <= 36 or len(value) > 64:
                raise TemplateFailed("no such base")
            return int(value, base)
        if isinstance(value, str) and len(value) <= 64:
            try:
                return int(value)
            except ValueError:
                pass
        return int(number_of(value))

    return or_default(make, default)


def as_float(_run: Run, value: Any, default: Any = NOT_GIVEN) -> Any:
    """Return a number with a fraction."""
    return or_default(lambda: float(number_of(value)), default)


def as_bool(_run: Run, value: Any, default: Any = NOT_GIVEN) -> Any:
    """Return what a word or a number says: so or not so."""

    def make() -> bool:
        if isinstance(value, bool):
            return value
        word = text_of(value).strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        return number_of(value) != 0

    return or_default(make, default)


def rounded(
    _run: Run, value: Any, precision: Any = 0, method: Any = "common", default: Any = NOT_GIVEN
) -> Any:
    """Round a number."""

    def make() -> int | float:
        number = float(number_of(value))
        places = max(-12, min(int(precision), 12))
        if method in ("ceil", "floor"):
            whole = math.ceil if method == "ceil" else math.floor
            number = whole(number * 10**places) / 10**places
        elif method == "half":
            number = round(number * 2) / 2
        else:
            number = round(number, places)
        return int(number) if places == 0 and method != "half" else number

    return or_default(make, default)


def _default(_run: Run, value: Any, other: Any = "", boolean: Any = False) -> Any:  # noqa: FBT002
    return other if isinstance(value, Undefined) or (boolean and not value) else value


def _is_defined(_run: Run, value: Any) -> Any:
    if isinstance(value, Undefined):
        raise TemplateFailed(f"`{value.name}` is not there")
    return value


def iif(_run: Run, value: Any, yes: Any = True, no: Any = False, none: Any = NOT_GIVEN) -> Any:  # noqa: FBT002
    """Choose between two values."""
    if value is None and none is not NOT_GIVEN:
        return none
    return yes if value else no


def to_json(run: Run, value: Any, *_: Any, **__: Any) -> str:
    """Return the JSON of data."""
    made = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    run.weigh(made)
    return made


def _tojson(run: Run, value: Any, *_: Any, **__: Any) -> str:
    made = json.dumps(value, ensure_ascii=False, allow_nan=False)
    run.weigh(made)
    return made


def from_json(run: Run, value: Any, default: Any = NOT_GIVEN) -> Any:
    """Read JSON."""
    text = text_of(value)
    run.charge(1 + (len(text) >> 4))
    try:
        made = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        if default is NOT_GIVEN:
            raise TemplateFailed("that is not JSON") from None
        return default
    run.weigh(made)
    return made


def replaced(run: Run, value: Any, old: Any, new: Any) -> str:
    """Replace a text by another."""
    text, old, new = text_of(value), text_of(old), text_of(new)
    if len(text) + (text.count(old)) * len(new) > LONGEST_OUTPUT:
        raise TemplateFailed("`replace` makes too much text")
    made = text.replace(old, new)
    run.weigh(made)
    return made


def joined(run: Run, value: Any, separator: Any = "", attribute: Any = None) -> str:
    """Join texts."""
    between = text_of(separator)
    pieces: list[str] = []
    room = LONGEST_OUTPUT
    for one in elements(value):
        piece = text_of(one if attribute is None else item_of(one, attribute))
        room -= len(piece) + len(between)
        run.charge(1 + (len(piece) + len(between) >> 6))
        if room < 0:
            raise TemplateFailed("`join` makes too much text")
        pieces.append(piece)
    return between.join(pieces)


def item_of(value: Any, key: Any) -> Any:
    """Look a key or a place up in data; there is nothing else behind a dot."""
    if isinstance(value, dict):
        if isinstance(key, str | int | float | None):
            return value.get(key, Undefined(str(key)[:64]))
    elif isinstance(value, list | tuple | str):
        if isinstance(key, int) and -len(value) <= key < len(value):
            return value[key]
    elif isinstance(value, Undefined):
        raise TemplateFailed(f"`{value.name}` is not there")
    return Undefined(str(key)[:64])


def _sorted(run: Run, value: Any, reverse: Any = False, *_: Any, attribute: Any = None) -> Any:  # noqa: FBT002
    every = elements(value)
    run.charge(4 * len(every))
    keys = [one if attribute is None else item_of(one, attribute) for one in every]
    if not all(isinstance(key, int | float) for key in keys):
        keys = [text_of(key).lower() for key in keys]
    order = sorted(range(len(every)), key=keys.__getitem__, reverse=bool(reverse))
    return [every[index] for index in order]


def _unique(run: Run, value: Any) -> list[Any]:
    kept: list[Any] = []
    for one in elements(value):
        run.charge(1 + len(kept))
        if one not in kept:
            kept.append(one)
    return kept


def numbers_of(value: Any, *others: Any) -> list[int | float]:
    """Return the numbers of a list, or of several arguments.

    Raises:
        TemplateFailed: One is none, or there are none.
    """
    made = [number_of(one) for one in ((value, *others) if others else elements(value))]
    if not made:
        raise TemplateFailed("there are no numbers")
    return made


def _median(_run: Run, value: Any, *others: Any) -> float:
    ordered = sorted(numbers_of(value, *others))
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def _mean(_run: Run, value: Any, *others: Any) -> float:
    made = numbers_of(value, *others)
    return sum(made) / len(made)


def slugify(_run: Run, value: Any, separator: Any = "_") -> str:
    """Make an identifier of a text."""
    plain = unicodedata.normalize("NFKD", text_of(value)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", text_of(separator)[:4], plain.lower()).strip("_-")


def _bits(operate: Callable[[int, int], int]) -> Function:
    def bits(_run: Run, left: Any, right: Any) -> int:
        return operate(int(number_of(left)), int(number_of(right)))

    return bits


def _shaped(shape: Callable[[str], Any]) -> Function:
    return lambda _run, value: shape(text_of(value))


def _edge(index: int) -> Function:
    def edge(_run: Run, value: Any) -> Any:
        every = elements(value)
        return every[index] if every else Undefined("first" if index == 0 else "last")

    return edge


def _regex_findall_index(
    run: Run,
    value: Any,
    find: Any = "",
    index: Any = 0,
    ignorecase: Any = False,  # noqa: FBT002 - the filter's own order
) -> Any:
    return item_of(regex_findall(run, value, find, ignorecase), index)


def _items(_run: Run, value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, Undefined):
        return []
    raise TemplateFailed("`items` is for objects")


def _sum(_run: Run, value: Any, attribute: Any = None, start: Any = 0) -> int | float:
    every = [one if attribute is None else item_of(one, attribute) for one in elements(value)]
    return bounded(sum((number_of(one) for one in every), number_of(start)))  # type: ignore[no-any-return]


def _decoded(_run: Run, value: Any) -> str:
    return base64.b64decode(text_of(value), validate=True).decode()


def _truncated(_run: Run, value: Any, length: Any = 255, *_: Any) -> str:
    return text_of(value)[: max(0, int(length))]


def _tried(calculate: Callable[..., Any]) -> Function:
    """Calculate with numbers, with a default for what cannot be."""

    def tried(run: Run, value: Any, amount: Any, default: Any = NOT_GIVEN) -> Any:
        return or_default(lambda: calculate(run, number_of(value), number_of(amount)), default)

    return tried


def _length(value: Any) -> int:
    return len(elements(value))


FILTERS: dict[str, Function] = {
    "int": as_int, "float": as_float, "bool": as_bool, "round": rounded, "default": _default,
    "d": _default, "is_defined": _is_defined, "iif": iif, "to_json": to_json, "tojson": _tojson,
    "from_json": from_json, "replace": replaced, "join": joined, "sort": _sorted,
    "unique": _unique, "median": _median, "average": _mean, "slugify": slugify,
    "min": lambda _, value, *others: min(numbers_of(value, *others)),
    "max": lambda _, value, *others: max(numbers_of(value, *others)),
    "multiply": _tried(multiply), "add": _tried(add),
    "bitwise_and": _bits(lambda left, right: left & right),
    "bitwise_or": _bits(lambda left, right: left | right),
    "bitwise_xor": _bits(lambda left, right: left ^ right),
    "upper": _shaped(str.upper), "lower": _shaped(str.lower), "title": _shaped(str.title),
    "capitalize": _shaped(str.capitalize), "string": _shaped(str), "ord": _shaped(ord),
    "trim": lambda _, value, chars=None: text_of(value).strip(chars),
    "base64_decode": _decoded,
    "base64_encode": _shaped(lambda text: base64.b64encode(text.encode()).decode()),
    "abs": lambda _, value: abs(number_of(value)),
    "length": lambda _, value: _length(value), "count": lambda _, value: _length(value),
    "first": _edge(0), "last": _edge(-1), "list": lambda _, value: elements(value),
    "reverse": lambda _, value: (
        value[::-1] if isinstance(value, str) else elements(value)[::-1]
    ),
    "items": _items,
    "dictsort": lambda run, value: sorted(_items(run, value), key=lambda one: text_of(one[0])),
    "sum": _sum, "truncate": _truncated,
    "format": lambda run, value, *values: percent_format(run, text_of(value), values),
    "regex_replace": regex_replace, "regex_match": regex_match, "regex_search": regex_search,
    "regex_findall": regex_findall, "regex_findall_index": _regex_findall_index,
    "safe": lambda _, value: value,
}  # fmt: skip
