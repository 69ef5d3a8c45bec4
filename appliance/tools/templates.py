"""The small language of a manifest's templates: Jinja2 with everything dangerous left out.

Whoever may write to the broker may write a manifest, and its templates run on the event loop. So
a template can choose and calculate, but it cannot loop, call, assign, reach an attribute of an
object or make text without end: its cost is bounded by its length. Pure.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import StrictUndefined, Undefined, meta, nodes
from jinja2 import Template as _Compiled
from jinja2.environment import TemplateExpression
from jinja2.filters import FILTERS
from jinja2.sandbox import SandboxedEnvironment

LONGEST_SOURCE = 8_192
"""Characters in one template."""

LONGEST_OUTPUT = 65_536
"""Characters that a template or one filter in it may make."""

LONGEST_TOPIC = 1_024
"""Characters of a topic. MQTT allows 65 535 bytes; no house needs that."""

_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.CondExpr,
    nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Test,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos,
    nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Concat,
    nodes.Dict, nodes.Pair, nodes.List, nodes.Tuple, nodes.Keyword,
)  # fmt: skip

_PLAIN_FILTERS = (
    "abs", "capitalize", "default", "d", "first", "float", "int", "last", "length", "lower", "max",
    "min", "round", "string", "title", "trim", "upper",
)  # fmt: skip

_TESTS = (
    "defined", "undefined", "none", "number", "string", "boolean", "true", "false", "in",
    "mapping", "sequence",
)  # fmt: skip


class TemplateFailed(Exception):
    """A template cannot be read or gave nothing usable; never leaves ``appliance.tools``."""


class _Environment(SandboxedEnvironment):
    """Values are JSON data: there is nothing behind a dot but the keys of an object."""

    intercepted_binops = frozenset({"*", "%", "+"})

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401 - Jinja's signature
        """Look a key up; no object's attributes are ever reached."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:  # noqa: ANN401 - Jinja's signature
        """Look a key or a number up in JSON data."""
        if isinstance(obj, Mapping | list | tuple | str):
            try:
                return obj[argument]
            except (KeyError, IndexError, TypeError):
                pass
        return self.undefined(obj=obj, name=str(argument))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401
        """Calculate with numbers only: text times a number could fill the memory."""
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            for side in (left, right):
                if isinstance(side, Undefined):
                    str(side)  # raises, with its name
            raise TemplateFailed(f"`{operator}` is for numbers; `~` joins text")
        return super().call_binop(context, operator, left, right)


def _tojson(value: object) -> str:
    if isinstance(value, Undefined):
        str(value)  # raises, with its name
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _replace(text: object, old: str, new: str) -> str:
    whole = str(text)
    if len(whole) + whole.count(old) * len(new) > LONGEST_OUTPUT:
        raise TemplateFailed("`replace` makes too much text")
    return whole.replace(old, new)


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    def bounded(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - any filter's
        out = function(*args, **options)
        if isinstance(out, str) and len(out) > LONGEST_OUTPUT:
            raise TemplateFailed("a filter makes too much text")
        return out

    for mark in ("jinja_pass_arg",):
        if hasattr(function, mark):
            setattr(bounded, mark, getattr(function, mark))
    return bounded


def _environment() -> _Environment:
    made = _Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False)
    made.globals.clear()
    made.filters = {name: _bounded(FILTERS[name]) for name in _PLAIN_FILTERS}
    made.filters |= {"tojson": _bounded(_tojson), "replace": _replace}
    made.tests = {name: made.tests[name] for name in _TESTS}
    return made


_ENVIRONMENT = _environment()


@dataclass(frozen=True, slots=True)
class Template:
    """A text with holes. Equal where the source is."""

    source: str
    names: frozenset[str] = field(compare=False)
    """The variables it may look at."""

    target_keys: frozenset[str] = field(compare=False)
    """What it asks of ``target``: ``{"topic"}`` for ``{{ target.topic }}``."""

    _compiled: _Compiled = field(compare=False, repr=False)

    def render(self, values: Mapping[str, object], *, longest: int = LONGEST_OUTPUT) -> str:
        """Fill the holes.

        Raises:
            TemplateFailed: A value is missing or unfit, or the text is too long.
        """
        pieces: list[str] = []
        room = longest
        for piece in _guarded(self._compiled.generate(values)):
            room -= len(piece)
            if room < 0:
                raise TemplateFailed(f"it makes more than {longest} characters")
            pieces.append(piece)
        return "".join(pieces)


@dataclass(frozen=True, slots=True)
class Expression:
    """A question about values: ``reported.state == state``. Equal where the source is."""

    source: str
    names: frozenset[str] = field(compare=False)
    target_keys: frozenset[str] = field(compare=False)
    _compiled: TemplateExpression = field(compare=False, repr=False)

    def holds(self, values: Mapping[str, object]) -> bool:
        """Say whether it is so; what it cannot find is not so."""
        try:
            return bool(self._compiled(values))
        except Exception:  # noqa: BLE001 - a stranger's program: whatever it does is its fault
            return False


def compile_template(source: str) -> Template:
    """Read a template.

    Raises:
        TemplateFailed: It cannot be read, or uses what is left out of the language.
    """
    tree = _read(source)
    try:
        compiled = _ENVIRONMENT.from_string(source)
    except Exception as error:
        raise TemplateFailed(_why(error)) from error
    return Template(source, _names(tree), _target_keys(tree), compiled)


def compile_expression(source: str) -> Expression:
    """Read an expression, written without braces.

    Raises:
        TemplateFailed: It cannot be read, or uses what is left out of the language.
    """
    tree = _read("{{ " + source + " }}")
    try:
        compiled = _ENVIRONMENT.compile_expression(source, undefined_to_none=False)
    except Exception as error:
        raise TemplateFailed(_why(error)) from error
    return Expression(source, _names(tree), _target_keys(tree), compiled)


def _read(source: str) -> nodes.Template:
    if len(source) > LONGEST_SOURCE:
        raise TemplateFailed(f"it has more than {LONGEST_SOURCE} characters")
    try:
        tree = _ENVIRONMENT.parse(source)
        found = list(tree.find_all(nodes.Node))
    except Exception as error:  # a template is a stranger's program: whatever it does is its fault
        raise TemplateFailed(_why(error)) from error
    for node in found:
        if not isinstance(node, _NODES):
            what = type(node).__name__.lower()
            raise TemplateFailed(f"`{what}` cannot be used here; docs/manifests.md says what can")
        if isinstance(node, nodes.Filter) and node.name not in _ENVIRONMENT.filters:
            known = ", ".join(sorted(_ENVIRONMENT.filters))
            raise TemplateFailed(f"there is no filter `{node.name}`; there are: {known}")
        if isinstance(node, nodes.Test) and node.name not in _ENVIRONMENT.tests:
            known = ", ".join(sorted(_ENVIRONMENT.tests))
            raise TemplateFailed(f"there is no test `{node.name}`; there are: {known}")
    return tree


def _names(tree: nodes.Template) -> frozenset[str]:
    return frozenset(meta.find_undeclared_variables(tree))


def _target_keys(tree: nodes.Template) -> frozenset[str]:
    keys: set[str] = set()
    for node in tree.find_all(nodes.Getattr):
        if isinstance(node.node, nodes.Name) and node.node.name == "target":
            keys.add(node.attr)
    for item in tree.find_all(nodes.Getitem):
        constant = item.arg.value if isinstance(item.arg, nodes.Const) else None
        if isinstance(item.node, nodes.Name) and item.node.name == "target":
            keys.add(str(constant))
    return frozenset(keys)


def _guarded(pieces: Iterator[Any]) -> Iterator[Any]:
    """Let nothing but ``TemplateFailed`` out of somebody else's program."""
    try:
        yield from pieces
    except TemplateFailed:
        raise
    except Exception as error:
        raise TemplateFailed(_why(error)) from error


def _why(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
