"""From Jinja's tree to functions: the expressions of strangers' templates. Pure."""

from collections.abc import Callable
from typing import Any, ClassVar

from jinja2 import nodes

from appliance.tools.discovery.homeassistant import calculating
from appliance.tools.discovery.homeassistant.bounds import Run, Undefined, text_of
from appliance.tools.discovery.homeassistant.filters import FILTERS, Function, item_of
from appliance.tools.discovery.homeassistant.functions import (
    CONSTANTS,
    FUNCTIONS,
    METHOD_NAMES,
    METHODS,
    NEEDS_THE_HOUSE,
    TESTS,
)
from appliance.tools.templates import TemplateFailed

MOST_NODES = 1_000
"""In one template."""

DEEPEST = 60
"""Expressions and blocks within each other."""

Evaluate = Callable[[Run], Any]

# ruff: noqa: ANN401 - templates' values


class TemplateRefused(Exception):
    """A template uses what is left out; ``rule`` says by which rule (docs/devices.md)."""

    def __init__(self, rule: str = "template_refused") -> None:
        super().__init__(rule)
        self.rule = rule


def guard_name(name: str) -> None:
    """Let a name through.

    Raises:
        TemplateRefused: It belongs to Python, or to Home Assistant.
    """
    if name.startswith("__"):
        raise TemplateRefused
    if name in NEEDS_THE_HOUSE:
        raise TemplateRefused("needs_homeassistant")


_OPERATORS: dict[type, calculating.Operator] = {
    nodes.Add: calculating.add, nodes.Sub: calculating.subtract, nodes.Mul: calculating.multiply,
    nodes.Div: calculating.divide, nodes.FloorDiv: calculating.floor_divide,
    nodes.Mod: calculating.remainder, nodes.Pow: calculating.power,
}  # fmt: skip


class Expressions:
    """Reads the expressions of one template."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        """Variables that it looks at and does not make itself."""

        self.own: set[str] = set()
        """Variables that it makes."""

        self.nodes = 0
        self.depth = 0

    def enter(self) -> None:
        """Count one more node, within the others.

        Raises:
            TemplateRefused: There are too many.
        """
        self.nodes += 1
        self.depth += 1
        if self.nodes > MOST_NODES or self.depth > DEEPEST:
            raise TemplateRefused

    def expression(self, node: nodes.Node) -> Evaluate:
        """Return a function that evaluates.

        Raises:
            TemplateRefused: It uses what is left out.
        """
        make = self._EXPRESSIONS.get(type(node))
        if make is None:
            raise TemplateRefused
        self.enter()
        made = make(self, node)
        self.depth -= 1
        return made

    def _name(self, node: nodes.Name) -> Evaluate:
        name = node.name
        if name not in self.own:
            guard_name(name)
            self.names.add(name)
        missing = CONSTANTS.get(name, Undefined(name))
        return lambda run: run.scope.get(name, missing)

    def _const(self, node: nodes.Const) -> Evaluate:
        value = node.value
        Run({}).weigh(value)
        return lambda _run: value

    def _data(self, node: nodes.TemplateData) -> Evaluate:
        value = node.data
        return lambda _run: value

    def _list(self, node: nodes.List | nodes.Tuple) -> Evaluate:
        items = [self.expression(one) for one in node.items]
        kind: Callable[[list[Any]], Any] = tuple if isinstance(node, nodes.Tuple) else list

        def evaluate(run: Run) -> Any:
            made = kind([one(run) for one in items])
            run.weigh(made)
            return made

        return evaluate

    def _dict(self, node: nodes.Dict) -> Evaluate:
        pairs = [(self.expression(one.key), self.expression(one.value)) for one in node.items]

        def evaluate(run: Run) -> Any:
            made = {key(run): value(run) for key, value in pairs}
            run.weigh(made)
            return made

        return evaluate

    def _choice(self, node: nodes.CondExpr) -> Evaluate:
        test, yes = self.expression(node.test), self.expression(node.expr1)
        no = None if node.expr2 is None else self.expression(node.expr2)

        def evaluate(run: Run) -> Any:
            if test(run):
                return yes(run)
            return Undefined("else") if no is None else no(run)

        return evaluate

    def _getattr(self, node: nodes.Getattr) -> Evaluate:
        base, key = self.expression(node.node), node.attr
        if key.startswith("__"):
            raise TemplateRefused
        return lambda run: item_of(base(run), key)

    def _getitem(self, node: nodes.Getitem) -> Evaluate:
        base = self.expression(node.node)
        if isinstance(node.arg, nodes.Slice):
            return self._slice(base, node.arg)
        key = self.expression(node.arg)
        if isinstance(node.arg, nodes.Const) and str(node.arg.value).startswith("__"):
            raise TemplateRefused
        return lambda run: item_of(base(run), key(run))

    def _slice(self, base: Evaluate, node: nodes.Slice) -> Evaluate:
        ends = [
            None if one is None else self.expression(one)
            for one in (node.start, node.stop, node.step)
        ]

        def evaluate(run: Run) -> Any:
            value = base(run)
            if not isinstance(value, str | list | tuple):
                raise TemplateFailed("it cannot be cut")
            made = value[slice(*(None if one is None else one(run) for one in ends))]
            run.weigh(made)
            return made

        return evaluate

    def _concat(self, node: nodes.Concat) -> Evaluate:
        items = [self.expression(one) for one in node.nodes]

        def evaluate(run: Run) -> Any:
            values = [one(run) for one in items]
            for value in values:
                run.weigh(value)
            made = "".join(text_of(value) for value in values)
            run.weigh(made)
            return made

        return evaluate

    def _operation(self, node: nodes.BinExpr) -> Evaluate:
        left, right = self.expression(node.left), self.expression(node.right)
        operate = _OPERATORS[type(node)]

        def evaluate(run: Run) -> Any:
            return operate(run, left(run), right(run))

        return evaluate

    def _sign(self, node: nodes.UnaryExpr) -> Evaluate:
        operand = self.expression(node.node)
        factor = -1 if isinstance(node, nodes.Neg) else 1
        return lambda run: calculating.multiply(run, factor, _number(operand(run)))

    def _and(self, node: nodes.And) -> Evaluate:
        left, right = self.expression(node.left), self.expression(node.right)
        return lambda run: left(run) and right(run)

    def _or(self, node: nodes.Or) -> Evaluate:
        left, right = self.expression(node.left), self.expression(node.right)
        return lambda run: left(run) or right(run)

    def _not(self, node: nodes.Not) -> Evaluate:
        operand = self.expression(node.node)
        return lambda run: not operand(run)

    def _compare(self, node: nodes.Compare) -> Evaluate:
        first = self.expression(node.expr)
        others = [(calculating.COMPARISONS[one.op], self.expression(one.expr)) for one in node.ops]

        def evaluate(run: Run) -> bool:
            left = first(run)
            run.weigh(left)
            for compare, other in others:
                right = other(run)
                run.weigh(right)
                if not compare(run, left, right):
                    return False
                left = right
            return True

        return evaluate

    def _filter(self, node: nodes.Filter) -> Evaluate:
        if node.name in NEEDS_THE_HOUSE:
            raise TemplateRefused("needs_homeassistant")
        function = FILTERS.get(node.name)
        if function is None or node.node is None:
            raise TemplateRefused
        return self._applied(function, node.node, node)

    def _test(self, node: nodes.Test) -> Evaluate:
        if node.name in NEEDS_THE_HOUSE:
            raise TemplateRefused("needs_homeassistant")
        function = TESTS.get(node.name)
        if function is None:
            raise TemplateRefused
        return self._applied(function, node.node, node)

    def _call(self, node: nodes.Call) -> Evaluate:
        called = node.node
        if isinstance(called, nodes.Name):
            guard_name(called.name)
            function = FUNCTIONS.get(called.name)
            if function is None or called.name in self.own:
                raise TemplateRefused
            return self._applied(function, None, node)
        if not isinstance(called, nodes.Getattr) or called.attr not in METHOD_NAMES:
            raise TemplateRefused
        name = called.attr

        def method(run: Run, value: Any, *args: Any, **options: Any) -> Any:
            found = METHODS.get(type(value), {}).get(name)
            if found is None:
                raise TemplateFailed(f"`{name}` cannot be asked of that")
            return found(run, value, *args, **options)

        return self._applied(method, called.node, node)

    def _applied(
        self,
        function: Function,
        base: nodes.Node | None,
        node: nodes.Call | nodes.Filter | nodes.Test,
    ) -> Evaluate:
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise TemplateRefused
        given = [] if base is None else [self.expression(base)]
        given += [self.expression(one) for one in node.args]
        options = [(str(one.key), self.expression(one.value)) for one in node.kwargs]

        def evaluate(run: Run) -> Any:
            values = [one(run) for one in given]
            named: dict[str, Any] = {key: one(run) for key, one in options} if options else {}
            for value in values:
                run.weigh(value)
            for value in named.values():
                run.weigh(value)
            made = function(run, *values, **named)
            run.weigh(made)
            return made

        return evaluate

    _EXPRESSIONS: ClassVar[dict[type, Callable[..., Evaluate]]] = {
        nodes.Name: _name, nodes.Const: _const, nodes.TemplateData: _data,
        nodes.List: _list, nodes.Tuple: _list, nodes.Dict: _dict,
        nodes.CondExpr: _choice, nodes.Getattr: _getattr,
        nodes.Getitem: _getitem, nodes.Concat: _concat, nodes.Neg: _sign,
        nodes.Pos: _sign, nodes.And: _and, nodes.Or: _or,
        nodes.Not: _not, nodes.Compare: _compare, nodes.Filter: _filter,
        nodes.Test: _test, nodes.Call: _call,
        nodes.Add: _operation, nodes.Sub: _operation, nodes.Mul: _operation, nodes.Div: _operation,
        nodes.FloorDiv: _operation, nodes.Mod: _operation, nodes.Pow: _operation,
    }  # fmt: skip


def _number(value: Any) -> Any:
    if isinstance(value, int | float):
        return value
    raise TemplateFailed("only a number has a sign")
