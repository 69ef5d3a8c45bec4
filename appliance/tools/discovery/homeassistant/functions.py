"""The tests, functions and methods of strangers' templates, and filters made of them. Pure.

Methods are looked up here by name and by what the value is; no attribute of any object is reached.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from appliance.tools.discovery.homeassistant.bounds import (
    LARGEST_RANGE,
    Namespace,
    Run,
    Undefined,
    number_of,
    text_of,
)
from appliance.tools.discovery.homeassistant.calculating import COMPARISONS, brace_format, contains
from appliance.tools.discovery.homeassistant.filters import (
    FILTERS,
    NOT_GIVEN,
    Function,
    as_bool,
    as_float,
    as_int,
    elements,
    iif,
    item_of,
    numbers_of,
    or_default,
    replaced,
)
from appliance.tools.discovery.homeassistant.regex_filters import regex_match, regex_search
from appliance.tools.templates import TemplateFailed

# ruff: noqa: ANN401 - templates' values

_LONGEST_PADDING = 1_024

NEEDS_THE_HOUSE = frozenset(
    [
        "area_devices",
        "area_entities",
        "area_id",
        "area_name",
        "areas",
        "as_datetime",
        "as_local",
        "config_entry_id",
        "device_attr",
        "device_entities",
        "device_id",
        "device_name",
        "distance",
        "entity_id",
        "entity_name",
        "expand",
        "floor_id",
        "floor_name",
        "has_value",
        "integration_entities",
        "is_device_attr",
        "is_hidden_entity",
        "is_state",
        "is_state_attr",
        "label_id",
        "label_name",
        "labels",
        "now",
        "relative_time",
        "state_attr",
        "state_translated",
        "states",
        "strptime",
        "this",
        "time_since",
        "time_until",
        "timestamp_custom",
        "timestamp_local",
        "today_at",
        "utcnow",
        "closest",
        "closest_entity",
        "version",
        "typeof",
    ]
)
"""What only Home Assistant knows or only a clock tells: a template that asks for it is left out
by a rule of its own."""


def _is_number(value: Any) -> bool:
    try:
        return math.isfinite(number_of(value))
    except TemplateFailed:
        return False


def _parity(odd: int) -> Function:
    return lambda _, value: int(number_of(value)) % 2 == odd


def _plain(check: Callable[[Any], bool]) -> Function:
    return lambda _, value: check(value)


TESTS: dict[str, Function] = {
    "defined": _plain(lambda value: not isinstance(value, Undefined)),
    "undefined": _plain(lambda value: isinstance(value, Undefined)),
    "none": _plain(lambda value: value is None),
    "number": _plain(lambda value: isinstance(value, int | float)),
    "integer": _plain(lambda value: isinstance(value, int) and not isinstance(value, bool)),
    "float": _plain(lambda value: isinstance(value, float)),
    "string": _plain(lambda value: isinstance(value, str)),
    "boolean": _plain(lambda value: isinstance(value, bool)),
    "true": _plain(lambda value: value is True),
    "false": _plain(lambda value: value is False),
    "mapping": _plain(lambda value: isinstance(value, dict)),
    "sequence": _plain(lambda value: isinstance(value, str | list | tuple | dict)),
    "iterable": _plain(lambda value: isinstance(value, str | list | tuple | dict)),
    "list": _plain(lambda value: isinstance(value, list)),
    "is_number": _plain(_is_number),
    "odd": _parity(1),
    "even": _parity(0),
    "lower": _plain(lambda value: text_of(value).islower()),
    "upper": _plain(lambda value: text_of(value).isupper()),
    "divisibleby": lambda _, value, by: number_of(value) % number_of(by) == 0,
    "in": contains,
    "contains": lambda run, value, item: contains(run, item, value),
    "match": regex_match,
    "search": regex_search,
    **{
        name: COMPARISONS[operator]
        for operator, names in {
            "eq": ("eq", "equalto", "=="),
            "ne": ("ne", "!="),
            "lt": ("lt", "lessthan", "<"),
            "lteq": ("le", "<="),
            "gt": ("gt", "greaterthan", ">"),
            "gteq": ("ge", ">="),
        }.items()
        for name in names
    },
}


def _known(table: dict[str, Function], name: Any) -> Function:
    found = table.get(name) if isinstance(name, str) else None
    if found is None:
        raise TemplateFailed("there is no such filter or test")
    return found


def _map(run: Run, value: Any, name: Any = None, *args: Any, **options: Any) -> list[Any]:
    every = elements(value)
    run.charge(3 * len(every))
    if name is None:
        attribute = options.get("attribute")
        default = options.get("default", NOT_GIVEN)
        found = [item_of(one, attribute) for one in every]
        return [
            default if default is not NOT_GIVEN and isinstance(one, Undefined) else one
            for one in found
        ]
    function = _known(FILTERS, name)
    for _ in every:
        for one in args:
            run.weigh(one)
    return [function(run, one, *args, **options) for one in every]


def _chosen(*, wanted: bool, by_key: bool) -> Function:
    def chosen(run: Run, value: Any, *args: Any) -> list[Any]:
        every = elements(value)
        run.charge(3 * len(every))
        key = None
        if by_key:
            key, *rest = args
            args = tuple(rest)
        test = _known(TESTS, args[0]) if args else None
        kept = []
        for one in every:
            for other in args:
                run.weigh(other)
            looked_at = item_of(one, key) if by_key else one
            holds = bool(looked_at) if test is None else test(run, looked_at, *args[1:])
            if bool(holds) is wanted:
                kept.append(one)
        return kept

    return chosen


FILTERS |= {
    "map": _map,
    "select": _chosen(wanted=True, by_key=False),
    "reject": _chosen(wanted=False, by_key=False),
    "selectattr": _chosen(wanted=True, by_key=True),
    "rejectattr": _chosen(wanted=False, by_key=True),
    "contains": lambda run, value, item: contains(run, item, value),
    "is_number": lambda _, value: _is_number(value),
}


def _range(run: Run, *args: Any) -> list[int]:
    if not all(isinstance(one, int) for one in args):
        raise TemplateFailed("`range` is for whole numbers")
    made = range(*args)
    if len(made) > LARGEST_RANGE:
        raise TemplateFailed("a `range` is too long")
    run.charge(len(made) >> 3)
    return list(made)


def _namespace(_run: Run, **values: Any) -> Namespace:
    return Namespace(values)


def _log(_run: Run, value: Any, base: Any = math.e, default: Any = NOT_GIVEN) -> Any:
    return or_default(lambda: math.log(number_of(value), number_of(base)), default)


def _mathematical(function: Callable[[float], float]) -> Function:
    def calculate(_run: Run, value: Any, default: Any = NOT_GIVEN) -> Any:
        return or_default(lambda: function(float(number_of(value))), default)

    return calculate


def _as_timestamp(_run: Run, value: Any, default: Any = NOT_GIVEN) -> Any:
    """Return seconds since 1970 of an ISO date that says its time zone, or of a number."""

    def make() -> float:
        if isinstance(value, str) and not _is_number(value):
            moment = datetime.fromisoformat(value[:64])
            if moment.tzinfo is None:
                raise TemplateFailed("the time zone is not known")
            return moment.timestamp()
        return float(number_of(value))

    return or_default(make, default)


def _timestamp_utc(_run: Run, value: Any, default: Any = NOT_GIVEN) -> Any:
    return or_default(
        lambda: datetime.fromtimestamp(float(number_of(value)), UTC).isoformat(), default
    )


def _zip(_run: Run, *lists: Any) -> list[tuple[Any, ...]]:
    return list(zip(*(elements(one) for one in lists), strict=False))


_MATHEMATICAL = ("sqrt", "sin", "cos", "tan", "asin", "acos", "atan")

FUNCTIONS: dict[str, Function] = {
    "int": as_int,
    "float": as_float,
    "bool": as_bool,
    "iif": iif,
    "range": _range,
    "namespace": _namespace,
    "dict": lambda _, **values: values,
    "list": lambda _, value=(): elements(value),
    "min": lambda _, value, *others: min(numbers_of(value, *others)),
    "max": lambda _, value, *others: max(numbers_of(value, *others)),
    "is_number": lambda _, value: _is_number(value),
    "zip": _zip,
    "log": _log,
    "as_timestamp": _as_timestamp,
    "slugify": FILTERS["slugify"],
    "average": FILTERS["average"],
    "median": FILTERS["median"],
    **{name: _mathematical(getattr(math, name)) for name in _MATHEMATICAL},
}
FILTERS |= {name: FUNCTIONS[name] for name in ("log", "as_timestamp", *_MATHEMATICAL)}
FILTERS["timestamp_utc"] = _timestamp_utc

CONSTANTS: dict[str, float] = {"pi": math.pi, "e": math.e, "tau": math.tau}


def _padded(pad: Callable[..., str]) -> Function:
    def padded(_run: Run, text: str, width: Any, *fill: Any) -> str:
        if not isinstance(width, int) or width > _LONGEST_PADDING:
            raise TemplateFailed("a text is padded too far")
        return pad(text, width, *fill)

    return padded


def _string(method: Callable[..., Any]) -> Function:
    return lambda _run, text, *args: method(text, *args)


def _split(method: Callable[..., list[str]]) -> Function:
    def split(run: Run, text: str, *args: Any, **options: Any) -> list[str]:
        run.charge(len(text) >> 3)
        made = method(text, *args, **options)
        run.weigh(made)
        return made

    return split


def _join(run: Run, text: str, value: Any) -> str:
    return str(FILTERS["join"](run, value, text))


_PLAIN_METHODS = (
    "strip", "lstrip", "rstrip", "upper", "lower", "title", "capitalize", "swapcase",
    "startswith", "endswith", "find", "rfind", "index", "count", "isdigit", "isnumeric",
    "isdecimal", "isalpha", "isalnum", "isupper", "islower", "isspace", "removeprefix",
    "removesuffix", "partition", "rpartition", "casefold",
)  # fmt: skip

METHODS: dict[type, dict[str, Function]] = {
    str: {
        **{name: _string(getattr(str, name)) for name in _PLAIN_METHODS},
        "split": _split(str.split),
        "rsplit": _split(str.rsplit),
        "splitlines": _split(str.splitlines),
        "zfill": _padded(str.zfill),
        "ljust": _padded(str.ljust),
        "rjust": _padded(str.rjust),
        "center": _padded(str.center),
        "replace": replaced,
        "join": _join,
        "format": lambda run, text, *values: brace_format(run, text, values),
    },
    dict: {
        "get": lambda _, data, key, default=None: data.get(key, default),
        "items": lambda _, data: list(data.items()),
        "keys": lambda _, data: list(data.keys()),
        "values": lambda _, data: list(data.values()),
    },
    list: {
        "index": lambda _, data, item: data.index(item),
        "count": lambda _, data, item: data.count(item),
    },
}
METHODS[tuple] = METHODS[list]
METHODS[float] = {"is_integer": lambda _, number: number.is_integer()}

METHOD_NAMES = frozenset(name for methods in METHODS.values() for name in methods)
