"""From Jinja's tree to functions: the blocks of strangers' templates. Pure."""

from collections.abc import Callable
from typing import Any, ClassVar

from jinja2 import nodes

from appliance.tools.discovery.homeassistant.bounds import Namespace, Run, text_of
from appliance.tools.discovery.homeassistant.expressions import (
    Evaluate,
    Expressions,
    TemplateRefused,
    guard_name,
)
from appliance.tools.discovery.homeassistant.filters import elements
from appliance.tools.templates import TemplateFailed

Execute = Callable[[Run, list[str]], None]

# ruff: noqa: ANN401 - templates' values


class _Break(Exception):
    """A loop ends."""


class _Continue(Exception):
    """A turn of a loop ends."""


def _print(run: Run, out: list[str], text: str) -> None:
    run.room -= len(text)
    if run.room < 0:
        raise TemplateFailed("it makes too much text")
    out.append(text)


class Grammar(Expressions):
    """Reads one template."""

    def template(self, tree: nodes.Template) -> Callable[[Run], str]:
        """Return a function that renders.

        Raises:
            TemplateRefused: It uses what is left out.
        """
        body = self._body(tree.body)

        def render(run: Run) -> str:
            out: list[str] = []
            body(run, out)
            return "".join(out)

        return render

    # blocks

    def _body(self, statements: list[nodes.Node]) -> Execute:
        made = [self._statement(one) for one in statements]
        if len(made) == 1:
            return made[0]

        def execute(run: Run, out: list[str]) -> None:
            for one in made:
                one(run, out)

        return execute

    def _statement(self, node: nodes.Node) -> Execute:
        make = self._STATEMENTS.get(type(node))
        if make is None:
            raise TemplateRefused
        self.enter()
        made = make(self, node)
        self.depth -= 1
        return made

    def _output(self, node: nodes.Output) -> Execute:
        pieces: list[str | Evaluate] = [
            one.data if isinstance(one, nodes.TemplateData) else self.expression(one)
            for one in node.nodes
        ]

        def execute(run: Run, out: list[str]) -> None:
            for piece in pieces:
                if isinstance(piece, str):
                    _print(run, out, piece)
                else:
                    value = piece(run)
                    run.weigh(value)
                    _print(run, out, text_of(value))

        return execute

    def _if(self, node: nodes.If) -> Execute:
        branches = [(self.expression(node.test), self._body(node.body))]
        branches += [(self.expression(one.test), self._body(one.body)) for one in node.elif_]
        otherwise = self._body(node.else_)

        def execute(run: Run, out: list[str]) -> None:
            for test, body in branches:
                if test(run):
                    body(run, out)
                    return
            otherwise(run, out)

        return execute

    def _for(self, node: nodes.For) -> Execute:
        if node.recursive:
            raise TemplateRefused
        source = self.expression(node.iter)
        before = self.nodes
        assign = self._target(node.target)
        self.own.add("loop")
        test = None if node.test is None else self.expression(node.test)
        body, otherwise = self._body(node.body), self._body(node.else_)
        cost = 2 + self.nodes - before

        def execute(run: Run, out: list[str]) -> None:
            value = source(run)
            run.weigh(value)
            every = elements(value)
            outer = run.scope
            try:
                if test is not None:
                    every = [one for one in every if _holds(run, outer, one)]
                run.charge(cost)
                for index, one in enumerate(every):
                    run.charge(cost + len(outer))
                    run.scope = {**outer, "loop": _loop(index, len(every))}
                    assign(run, one)
                    try:
                        body(run, out)
                    except _Continue:
                        continue
                    except _Break:
                        break
            finally:
                run.scope = outer
            if not every:
                otherwise(run, out)

        def _holds(run: Run, outer: dict[str, Any], one: Any) -> bool:
            run.charge(cost + len(outer))
            run.scope = dict(outer)
            assign(run, one)
            return bool(test(run)) if test is not None else True

        return execute

    def _assign(self, node: nodes.Assign) -> Execute:
        value = self.expression(node.node)
        assign = self._target(node.target)

        def execute(run: Run, _out: list[str]) -> None:
            assign(run, value(run))

        return execute

    def _assign_block(self, node: nodes.AssignBlock) -> Execute:
        if node.filter is not None:
            raise TemplateRefused
        body = self._body(node.body)
        assign = self._target(node.target)

        def execute(run: Run, _out: list[str]) -> None:
            inner: list[str] = []
            body(run, inner)
            assign(run, "".join(inner))

        return execute

    def _target(self, node: nodes.Node) -> Callable[[Run, Any], None]:
        if isinstance(node, nodes.Name):
            name = node.name
            if name.startswith("__"):
                raise TemplateRefused
            self.own.add(name)
            return lambda run, value: run.scope.__setitem__(name, value)
        if isinstance(node, nodes.NSRef):
            return self._namespace_target(node)
        if not isinstance(node, nodes.Tuple):
            raise TemplateRefused
        targets = [self._target(one) for one in node.items]

        def unpack(run: Run, value: Any) -> None:
            every = elements(value)
            if len(every) != len(targets):
                raise TemplateFailed("it cannot be taken apart")
            for target, one in zip(targets, every, strict=True):
                target(run, one)

        return unpack

    def _namespace_target(self, node: nodes.NSRef) -> Callable[[Run, Any], None]:
        name, key = node.name, node.attr
        guard_name(key)

        def assign(run: Run, value: Any) -> None:
            space = run.scope.get(name)
            if not isinstance(space, Namespace):
                raise TemplateFailed("it is no namespace")
            run.weigh(value)
            space[key] = value

        return assign

    def _do(self, node: nodes.ExprStmt) -> Execute:
        value = self.expression(node.node)

        def execute(run: Run, _out: list[str]) -> None:
            value(run)

        return execute

    def _break(self, _node: nodes.Break) -> Execute:
        return _raising(_Break)

    def _continue(self, _node: nodes.Continue) -> Execute:
        return _raising(_Continue)

    _STATEMENTS: ClassVar[dict[type, Callable[..., Execute]]] = {
        nodes.Output: _output, nodes.If: _if, nodes.For: _for,
        nodes.Assign: _assign, nodes.AssignBlock: _assign_block,
        nodes.ExprStmt: _do, nodes.Break: _break,
        nodes.Continue: _continue,
    }  # fmt: skip


def _raising(what: type[Exception]) -> Execute:
    def execute(_run: Run, _out: list[str]) -> None:
        raise what

    return execute


def _loop(index: int, length: int) -> dict[str, Any]:
    return {
        "index": index + 1, "index0": index, "first": index == 0, "last": index == length - 1,
        "length": length, "revindex": length - index, "revindex0": length - index - 1,
    }  # fmt: skip
