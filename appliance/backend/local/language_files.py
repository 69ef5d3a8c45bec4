"""Files of which there is one for each language: found, read and checked."""

import tomllib
from importlib.resources.abc import Traversable
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from appliance.errors import ConfigError

File = TypeVar("File", bound=BaseModel)


def languages(folder: Traversable) -> tuple[str, ...]:
    """Return the languages that have a file in a folder."""
    names = (file.name for file in folder.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def load(folder: Traversable, language: str, kind: type[File]) -> File:
    """Read the file of a language such as ``en`` or ``en-GB`` (which falls back to ``en``).

    Raises:
        ConfigError: There is none, or it is wrong.
    """
    known = languages(folder)
    chosen = next((name for name in (language, language.partition("-")[0]) if name in known), None)
    if chosen is None:
        problem = f"device.language: there are no {folder.name} for {language!r}, only for"
        raise ConfigError([f"{problem} {', '.join(known)}"])
    text = (folder / f"{chosen}.toml").read_text(encoding="utf-8")
    return parse(text, kind, source=f"{folder.name}/{chosen}.toml")


def parse(text: str, kind: type[File], *, source: str) -> File:
    """Read a file's text.

    Raises:
        ConfigError: Every problem, each with its place in ``source``.
    """
    try:
        return kind.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{source}: {error}"]) from error
    except ValidationError as error:
        places = ((".".join(map(str, one["loc"])), one["msg"]) for one in error.errors())
        raise ConfigError([f"{source}: {place}: {what}" for place, what in places]) from error
