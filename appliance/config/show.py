"""Shows the configuration in effect: what counts now, and where each value was set."""

from collections.abc import Iterator

from appliance.config import fields, write
from appliance.config.load import Loaded
from appliance.config.locate import Key
from appliance.config.problems import dotted
from appliance.config.section import Section

MASK = "********"

_MEANS_MORE_WHEN_WRITTEN: tuple[Key, ...] = (("backend", "order"),)
"""Settings that say something by being in a file at all; as defaults they stay comments."""


def show(loaded: Loaded) -> str:
    """Return the settings as TOML that ``load`` takes; a secret only as a comment, masked."""
    origin = str(loaded.path) if loaded.path is not None else "none; these are the defaults"
    lines = ["# The configuration in effect.", f"# File: {origin}"]
    lines += _tables(loaded, (), loaded.config)
    return "\n".join(lines) + "\n"


def _tables(loaded: Loaded, place: Key, section: Section) -> Iterator[str]:
    """Yield the tables within one; those that can be many come last."""
    several: list[str] = []
    for name, info in type(section).model_fields.items():
        key, value = (*place, name), getattr(section, name)
        if fields.member(info) is not None:
            for number, each in enumerate(value):
                several += ["", f"[[{dotted(key)}]]", *_settings(loaded, (*key, number), each)]
        elif isinstance(value, Section):
            yield from ("", f"[{dotted(key)}]", *_settings(loaded, key, value))
            yield from _tables(loaded, key, value)
    yield from several


def _settings(loaded: Loaded, place: Key, section: Section) -> Iterator[str]:
    for name, info in type(section).model_fields.items():
        value = getattr(section, name)
        if fields.table(info) is not None or (fields.member(info) is not None and value):
            continue  # tables of their own
        source = _source(loaded, dotted((*place, name)))
        secret = fields.is_secret(info) and value != {}
        comment = (*place, name) in _MEANS_MORE_WHEN_WRITTEN and source == "default"
        yield _line(name, value, secret=secret, comment=comment, source=source)


def _source(loaded: Loaded, key: str) -> str:
    if key in loaded.sources:
        return loaded.sources[key]
    inside = [
        source
        for each, source in loaded.sources.items()
        if each.startswith((f"{key}[", f"{key}."))
    ]
    return inside[0] if inside else "default"


def _line(name: str, value: object, *, secret: bool, comment: bool, source: str) -> str:
    if value is None:
        setting = f"# {name} is not set"
        return setting if source == "default" else f"{setting}  # {source}"
    setting = f"{name} = " + (f'"{MASK}"' if secret else write.value(value))
    if secret or comment:
        setting = f"# {setting}"
    return f"{setting:<40}  # {source}"
