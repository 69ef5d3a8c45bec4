"""The owner's own names for the things of his house: ``names.toml`` beside the configuration.

    [devices.reading_lamp]            # the id that `voice-appliance actions list` shows
    name = "lamp by the sofa"
    aliases = ["sofa light"]
    area = "living room"

    [devices."zigbee2mqtt:0x00158d0001abcdef"]    # or the key
    id = "front_door"
    hidden = false

The file is looked at every few seconds. A wrong one changes nothing; what was there goes on.
"""

import errno
import logging
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.config.locate import Key, line_of, locate
from appliance.errors import ConfigError
from appliance.tools.devices.naming import MOST_ALIASES, Given, Names, clean

log = logging.getLogger(__name__)

FILE = "names.toml"

LARGEST = 1024 * 1024
"""Bytes. A house of a thousand things, every one with aliases, has a tenth of that."""

_Text = Annotated[str, Field(max_length=200)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: _Text = ""
    aliases: Annotated[list[_Text], Field(max_length=MOST_ALIASES)] = []
    area: _Text = ""
    hidden: bool = False
    id: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")] = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    devices: Annotated[dict[str, _Table], Field(max_length=20_000)] = {}


def parse(data: bytes, *, source: str) -> Names:
    """Read the file.

    Args:
        data: All of it, UTF-8.
        source: Its name, for messages.

    Raises:
        ConfigError: With every problem, each with file, line and key.
    """
    if len(data) > LARGEST:
        raise ConfigError((f"{source}: is larger than {LARGEST // 1024} kB",))
    text = ""
    try:
        text = data.decode("utf-8-sig")
        table = tomllib.loads(text)
        lines = locate(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError((f"{source}:{line}: is not UTF-8 text here",)) from None
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is the first
        place = re.search(r"\(at (?:line (\d+), column \d+|end of document)\)$", str(error))
        where = "" if place is None else f":{place[1] or len(text.splitlines()) or 1}"
        raise ConfigError((f"{source}{where}: not valid TOML: {error}",)) from None
    try:
        file = _File.model_validate(table)
    except ValidationError as error:
        found = [(each["loc"], _words(each["type"], each["msg"])) for each in error.errors()]
        raise ConfigError(_placed(found, lines, source)) from None
    if problems := list(_problems(file)):
        raise ConfigError(_placed(problems, lines, source))
    return Names({name: _given(each) for name, each in file.devices.items()})


def _words(kind: str, text: str) -> str:
    if kind == "extra_forbidden":
        return f"there is no such key; there are: {', '.join(_Table.model_fields)}"
    return text[:1].lower() + text[1:]


def _problems(file: _File) -> Iterator[tuple[Key, str]]:
    """Yield what no single value can know."""
    ids: dict[str, str] = {}
    for name, given in file.devices.items():
        key: Key = ("devices", name)
        if given.name and not clean(given.name):
            yield (*key, "name"), "no letter of it can be said"
        if given.id and ":" not in name:
            yield (*key, "id"), "only where the table is named by a key, not by an id"
        elif given.id and (first := ids.setdefault(given.id, name)) != name:
            yield (*key, "id"), f"`{given.id}` is the id of `{first}` already"


def _placed(
    problems: list[tuple[Key, str]], lines: Mapping[Key, int], source: str
) -> tuple[str, ...]:
    placed = sorted((line_of(key, lines) or 1, key, text) for key, text in problems)
    return tuple(
        f"{source}:{line}: {'.'.join(map(str, key))}: {text}" for line, key, text in placed
    )


def _given(table: _Table) -> Given:
    return Given(table.name, tuple(table.aliases), table.area, table.hidden, table.id)


@dataclass(frozen=True, slots=True)
class _Stamp:
    changed: int
    size: int


class NamesFile:
    """The file, and what it said when it was last right. One thread at a time.

    Args:
        path: The file; it need not be there. ``None``: there is none.
        tell: Is told new names, on the thread that calls ``look``.
    """

    def __init__(self, path: Path | None, tell: Callable[[Names], None]) -> None:
        self._path = path
        self._tell = tell
        self._stamp: _Stamp | None = None
        self.problems: tuple[str, ...] = ()
        """What is wrong with it now, one line each."""

    def look(self) -> None:
        """Read it if it has changed. Blocks."""
        if self._path is None:
            return
        try:
            stamp = self._stamp_of(self._path)
            if stamp == self._stamp:
                return
            data = b"" if stamp is None else _read(self._path)
        except OSError as error:
            self._complain((f"{self._path}: cannot be read: {error.strerror}",))
            return
        self._stamp = stamp
        try:
            names = parse(data, source=str(self._path))
        except ConfigError as error:
            self._complain(error.problems)
            return
        self.problems = ()
        log.info("names: %d things have names of the owner's", len(names.things))
        self._tell(names)

    def _complain(self, problems: tuple[str, ...]) -> None:
        if problems != self.problems:
            for line in problems:
                log.warning("%s; the names stay as they were", line)
        self.problems = problems

    @staticmethod
    def _stamp_of(path: Path) -> _Stamp | None:
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        return _Stamp(found.st_mtime_ns, found.st_size)


def _read(path: Path) -> bytes:
    if not path.is_file():  # a pipe would be waited for
        raise OSError(errno.EINVAL, "not a file")
    with path.open("rb") as file:
        return file.read(LARGEST + 1)
