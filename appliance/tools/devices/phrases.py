"""What is said of devices, in a language: the tables of ``[tools.devices]``. Pure."""

import unicodedata
from collections.abc import Mapping
from typing import cast

from appliance.errors import ConfigError
from appliance.tools.templates import Template, TemplateFailed, compile_template
from appliance.tools.wording import Wording

LONGEST_TEXT = 60
"""Characters of a stranger's text that are said or shown."""

_TABLES = "devices"
_MARKS = frozenset("<>{}[]|`\\")


def plain(text: object, longest: int = LONGEST_TEXT) -> str:
    """Return a stranger's text as one line without anything that is not shown, cut to length."""
    raw = unicodedata.normalize("NFKC", str(text)[: 8 * longest])
    shown = "".join(
        " " if letter.isspace() or letter in _MARKS else letter
        for letter in raw
        if letter.isspace() or unicodedata.category(letter)[0] != "C"
    )
    return " ".join(shown.split())[:longest].rstrip()


class Phrases:
    """The texts of devices; each is compiled once.

    Args:
        words: The phrases of the language.
    """

    def __init__(self, words: Wording) -> None:
        self._tables = words.tools[_TABLES]
        self._compiled: dict[tuple[str, str], Template] = {}

    def table(self, name: str) -> Mapping[str, object]:
        """Return a table of texts; empty: there is none."""
        found = self._tables.get(name)
        return cast("Mapping[str, object]", found) if isinstance(found, Mapping) else {}

    def has(self, table: str, key: str) -> bool:
        """Tell whether there is such a text."""
        return key in self.table(table)

    def text(self, table: str, key: str, default: str = "") -> str:
        """Return a text as it stands."""
        return str(self.table(table).get(key, default))

    def say(self, table: str, key: str, **values: object) -> str:
        """Fill a text in.

        Raises:
            ConfigError: The language's own text is wrong; a test renders every one.
        """
        try:
            template = self._compiled.get((table, key))
            if template is None:
                template = compile_template(self.text(table, key))
                self._compiled[table, key] = template
            return template.render(values)
        except TemplateFailed as error:
            raise ConfigError((f"languages: tools.devices.{table}.{key}: {error}",)) from error

    def the(self, name: str) -> str:
        """Return a name as it stands in a sentence: "the front door"."""
        first = name.partition(" ")[0].casefold()
        bare = first in self.text("names", "bare").split()
        return name if bare else self.say("names", "article", name=name)

    def listed(self, parts: tuple[str, ...], *, link: str = "and") -> str:
        """Join parts as one says them: "a, b and c"."""
        if len(parts) < 2:
            return "".join(parts)
        return f"{', '.join(parts[:-1])} {self.text('names', link)} {parts[-1]}"
