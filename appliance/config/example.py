"""Makes ``docs/config.example.toml`` of the model: every key, what it means, and its default.

``python -m appliance.config.example > docs/config.example.toml``; a test keeps the file true.
Settings are commented out with ``#`` and no space, so that a copied file changes nothing.
"""

import sys
from collections.abc import Iterator
from textwrap import wrap

from pydantic.fields import FieldInfo

from appliance.config import fields, write
from appliance.config.locate import Key
from appliance.config.model import Config
from appliance.config.problems import dotted
from appliance.config.section import Section

_HEAD = """\
# Settings of the voice appliance, with their defaults.
#
# Copy to /etc/voice-appliance/config.toml and take the "#" away from what you want to change.
# "voice-appliance check" finds every mistake; "voice-appliance config" shows what is in effect.
# Relative paths begin at the folder of this file. docs/configuration.md tells the rest.
"""


def example() -> str:
    """Return the whole file."""
    return "\n".join([_HEAD, *_tables((), Config)])


def _tables(place: Key, model: type[Section]) -> Iterator[str]:
    """Yield the tables within one, each with those within it; those that can be many come last."""
    for name, info in model.model_fields.items():
        if (inner := fields.table(info)) is not None:
            key = (*place, name)
            yield (
                "\n".join([*_prose(_explain(info)), f"[{dotted(key)}]", *_settings(inner)]) + "\n"
            )
            yield from _tables(key, inner)
    for name, info in model.model_fields.items():
        if (inner := fields.member(info)) is not None:
            header = f"#[[{dotted((*place, name))}]]"
            settings = _settings(inner, shown=True)
            yield "\n".join([*_prose(_explain(info)), header, *settings]) + "\n"
    if not place:
        yield from _named()


def _named() -> Iterator[str]:
    """Yield the tables at the top of the file that people name themselves, by an example."""
    for name, info in Config.model_fields.items():
        if not fields.is_map(info):
            continue
        for inner, settings in info.examples[0].items() if info.examples else ():
            lines = [f"#{key} = {write.value(value)}" for key, value in settings.items()]
            header = f"#[{dotted((name, inner))}]"
            yield "\n".join([*_prose(_explain(info)), header, *lines]) + "\n"


def _settings(model: type[Section], *, shown: bool = False) -> Iterator[str]:
    for key, info in model.model_fields.items():
        if fields.table(info) is None and fields.member(info) is None:
            yield from ("", *_prose(_explain(info)), _setting(key, info, shown=shown))


def _explain(info: FieldInfo) -> str:
    about = " ".join((info.description or "").split()).replace("``", '"')
    if choices := fields.choices(info):
        return f"{about} One of: {', '.join(choices)}."
    if limits := fields.limits(info):
        return f"{about} {limits[0].upper()}{limits[1:]}."
    return about


def _setting(key: str, info: FieldInfo, *, shown: bool) -> str:
    """Write one setting; ``shown``: with an example rather than with the default."""
    default = fields.default(info)
    if shown and info.examples:
        return f"#{key} = {write.value(info.examples[0])}"
    if default is not None:
        return f"#{key} = {write.value(default)}"
    note = "" if info.is_required() else "  # not set; an example"
    return f"#{key} = {write.value((info.examples or [''])[0])}{note}"


def _prose(text: str) -> list[str]:
    return wrap(text, width=96, initial_indent="# ", subsequent_indent="# ")


if __name__ == "__main__":
    sys.stdout.write(example())
