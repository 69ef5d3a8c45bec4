"""The templates of Home Assistant's discovery, run in a language of our own.

Jinja reads a template into its tree; the tree is made into small functions here, out of a list of
what is allowed. Nothing is compiled to Python, values are JSON data without attributes, and the
cost is counted (``bounds``): a hostile template is refused or ends after a bounded number of
steps. The language is wider than a manifest's (``tools.templates``), because these templates are
what devices already send: loops, variables, slices and some methods of text and objects. Pure.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from jinja2 import Environment

from appliance.tools.discovery.homeassistant.bounds import MOST_STEPS, Run, text_of
from appliance.tools.discovery.homeassistant.expressions import TemplateRefused
from appliance.tools.discovery.homeassistant.filters import item_of
from appliance.tools.discovery.homeassistant.grammar import Grammar
from appliance.tools.templates import LONGEST_SOURCE, TemplateFailed

_ENVIRONMENT = Environment(  # noqa: S701 - it only reads; what is made is no HTML
    extensions=("jinja2.ext.loopcontrols", "jinja2.ext.do")
)
_KEPT = 1_024
"""Templates that are kept ready; many devices share one."""

_LONGEST_KEPT = 512
"""Characters of such a template."""

_PATH = re.compile(
    r"\{\{-?\s*value_json((?:\.[A-Za-z][A-Za-z0-9_]{0,63}|\[\s*(?:'[^'\\]{1,64}'|\"[^\"\\]{1,64}\")"
    r"\s*\]){1,8})\s*(?:\|\s*(is_defined|int|float)\s*)?-?\}\}",
    re.ASCII,
)
_KEY = re.compile(r"\.(\w+)|\[\s*(?:'([^']+)'|\"([^\"]+)\")\s*\]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Template:
    """A template that can be run. Equal where the source is."""

    source: str
    names: frozenset[str] = field(compare=False)
    """The variables it may look at."""

    path: tuple[str, ...] = field(compare=False)
    """Of one that only looks a value up, ``{{ value_json.a.b }}``: the keys."""

    _render: Callable[[Run], str] = field(compare=False, repr=False)

    def render(self, values: Mapping[str, object], *, steps: int = MOST_STEPS) -> str:
        """Run it; surrounding space is cut off, as Home Assistant does.

        Args:
            values: Its variables: JSON data.
            steps: What it may cost.

        Raises:
            TemplateFailed: It failed, or took too many steps. Nothing else.
        """
        try:
            return self._render(Run(dict(values), steps)).strip()
        except TemplateFailed:
            raise
        except Exception as error:  # a stranger's program: whatever it does is its fault
            raise TemplateFailed(type(error).__name__) from error


def compile_template(source: str) -> Template:
    """Read a template.

    Raises:
        TemplateRefused: It cannot be read, or uses what is left out.
    """
    if len(source) <= _LONGEST_KEPT:
        made = _kept(source)
    else:
        made = _compiled(source) if len(source) <= LONGEST_SOURCE else "template_refused"
    if isinstance(made, str):
        raise TemplateRefused(made)
    return made


@lru_cache(maxsize=_KEPT)
def _kept(source: str) -> Template | str:
    return _compiled(source)


def _compiled(source: str) -> Template | str:
    """Return it, or by which rule it is refused: refused ones are read once, too."""
    simple = _PATH.fullmatch(source.strip())
    if simple is not None:
        keys = tuple(next(filter(None, found)) for found in _KEY.findall(simple[1]))
        if not any(key.startswith("__") for key in keys):
            return _looking_up(source, keys, simple[2])
    try:
        tree = _ENVIRONMENT.parse(source)
        grammar = Grammar()
        render = grammar.template(tree)
        return Template(source, frozenset(grammar.names), (), render)
    except TemplateRefused as refused:
        return refused.rule
    except Exception:  # noqa: BLE001 - Jinja on a stranger's text
        return "template_refused"


def _looking_up(source: str, keys: tuple[str, ...], how: str | None) -> Template:
    convert: dict[str | None, Callable[[Any], str]] = {
        "int": lambda value: str(int(float(value))),
        "float": lambda value: str(float(value)),
    }
    printed = convert.get(how, text_of)

    def render(run: Run) -> str:
        value = run.scope.get("value_json")
        if value is None:
            raise TemplateFailed("the message is not JSON")
        for key in keys:
            value = item_of(value, key)
        if isinstance(value, str | int | float):
            return printed(value)
        if how is not None:
            raise TemplateFailed("it is no number")
        run.weigh(value)
        return text_of(value)

    return Template(source, frozenset({"value_json"}), () if how else keys, render)
