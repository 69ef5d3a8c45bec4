"""Makes ``docs/config.example.toml`` of the model: every key, what it means, and its default.

``python -m appliance.config.example > docs/config.example.toml``; a test keeps the file true.
Settings are commented out with ``#`` and no space, so that a copied file changes nothing.
"""

import sys
from textwrap import wrap

from pydantic.fields import FieldInfo

from appliance.config import fields, write
from appliance.config.model import Config, CustomWakeWord
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
    return "\n".join([_HEAD, *(_table(name, model) for name, model in fields.entries())])


def _table(name: str, model: type[Section]) -> str:
    lines = [*_prose(Config.model_fields[name].description or ""), f"[{name}]"]
    last: list[str] = []
    for key, info in model.model_fields.items():
        if fields.section((name, key)) is CustomWakeWord:  # a table of its own stands at the end
            last += ["", *_prose(_explain(info)), f"#[[{name}.{key}]]"]
            for inner, about in CustomWakeWord.model_fields.items():
                last += [*_prose(_explain(about)), _setting(inner, about)]
        else:
            lines += ["", *_prose(_explain(info)), _setting(key, info)]
    return "\n".join([*lines, *last]) + "\n"


def _explain(info: FieldInfo) -> str:
    about = " ".join((info.description or "").split()).replace("``", '"')
    if choices := fields.choices(info):
        return f"{about} One of: {', '.join(choices)}."
    if limits := fields.limits(info):
        return f"{about} {limits[0].upper()}{limits[1:]}."
    return about


def _setting(key: str, info: FieldInfo) -> str:
    if info.is_required() or info.default is None:
        note = "" if info.is_required() else "  # not set; an example"
        return f"#{key} = {write.value((info.examples or [''])[0])}{note}"
    return f"#{key} = {write.value(info.default)}"


def _prose(text: str) -> list[str]:
    return wrap(text, width=96, initial_indent="# ", subsequent_indent="# ")


if __name__ == "__main__":
    sys.stdout.write(example())
