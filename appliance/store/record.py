"""What the store remembers about a model's folder, in the file ``.record.json`` beside the models.

Two things that the files cannot say themselves: when each was last found to be right, so that a
start need not read them all, and what was made here where that may differ from machine to machine.
A record that cannot be read counts as none: then everything is looked at again.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from appliance.store.disk import write_whole
from appliance.store.manifest import Content

_NAME = ".record.json"


@dataclass(frozen=True, slots=True)
class Checked:
    """How a file looked from outside when its content was last found right."""

    sha256: str
    size: int
    modified_ns: int
    """Nanoseconds, as the file system says."""


@dataclass(frozen=True, slots=True)
class Made:
    """A file that was made here."""

    content: Content
    ingredient: str
    """SHA-256 of what it was made from."""

    recipe: str
    tools: str
    """Versions that made it."""


@dataclass(frozen=True, slots=True)
class Record:
    """The memory of one folder."""

    checked: Mapping[str, Checked] = field(default_factory=dict)
    made: Mapping[str, Made] = field(default_factory=dict)


_ADAPTER = TypeAdapter(Record)


def load(folder: Path) -> Record:
    """Read a folder's record; an empty one if there is none that makes sense."""
    try:
        return _ADAPTER.validate_json((folder / _NAME).read_bytes())
    except (OSError, ValidationError):
        return Record()


def save(folder: Path, record: Record) -> None:
    """Write a folder's record; where the folder is read-only, it is simply not remembered."""
    text = json.dumps(asdict(record), indent=1, sort_keys=True)
    with suppress(OSError):
        write_whole(folder / _NAME, text.encode())
