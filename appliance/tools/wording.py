"""What the tools say in a language, from the files in ``languages/<language>/``."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from appliance.errors import ConfigError
from appliance.tools.templates import TemplateFailed, compile_template

_compiled = lru_cache(maxsize=1024)(compile_template)
"""A language has some hundred texts, and reading one takes longer than all else in a call."""


@dataclass(frozen=True, slots=True)
class Wording:
    """The phrases of one language."""

    answers: Mapping[str, str] = field(repr=False)
    """How calls end: ``done``, ``unchanged``, ``unconfirmed``, ``no_house`` …"""

    days: tuple[str, ...] = field(repr=False)
    """From Monday on."""

    months: tuple[str, ...] = field(repr=False)
    tools: Mapping[str, Mapping[str, object]] = field(repr=False)
    """For each built-in tool its description, its examples and what it says."""

    def text(self, tool: str, key: str) -> str:
        """Return a text of a built-in tool."""
        return str(self.tools[tool][key])

    def texts(self, tool: str, key: str) -> tuple[str, ...]:
        """Return a list of texts of a built-in tool."""
        found = self.tools[tool][key]
        return tuple(found) if isinstance(found, list) else ()

    def say(self, tool: str, key: str, values: Mapping[str, object]) -> str:
        """Fill in what a built-in tool says."""
        try:
            return _compiled(self.text(tool, key)).render(values)
        except TemplateFailed as error:  # a test renders every text of every language
            raise ConfigError((f"languages: tools.{tool}.{key}: {error}",)) from error


def load(language: str) -> Wording:
    """Read the phrases of a language (``en``, ``en-GB``).

    Raises:
        ConfigError: There are none; the message lists the languages there are.
    """
    folder = files("appliance.tools") / "languages"
    short = language.partition("-")[0]
    known = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    for name in (language, short):
        if name in known:
            return _merged(folder / name)
    raise ConfigError(
        (f"device.language: the tools do not speak `{language}`; there are: {', '.join(known)}",)
    )


def _merged(folder: Traversable) -> Wording:
    """Read every file of a language: each adds its own answers and tools."""
    answers: dict[str, str] = {}
    tools: dict[str, Mapping[str, object]] = {}
    calendar: Mapping[str, list[str]] = {}
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        answers |= table.get("answers", {})
        tools |= table.get("tools", {})
        calendar = table.get("calendar", calendar)
    return Wording(
        answers=answers,
        days=tuple(calendar["days"]),
        months=tuple(calendar["months"]),
        tools=tools,
    )
