"""Reads the settings: file, environment and secrets; reports every problem at once."""

import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from appliance.config import checks, credentials, fields, notes
from appliance.config.locate import Key, line_of, locate
from appliance.config.model import Config
from appliance.config.problems import DATE, Problem, TomlValue, dotted, from_pydantic
from appliance.errors import ConfigError

SYSTEM_FILE: Final = Path("/etc/voice-appliance/config.toml")
VARIABLE: Final = "VOICE_APPLIANCE_CONFIG"
OVERRIDE: Final = "VOICE_APPLIANCE__"
"""``VOICE_APPLIANCE__SPEECH__TRAILING_SILENCE_S=1.0`` goes over the file."""

LARGEST: Final = 256 * 1024
"""Bytes. The example with every key and its explanation has under 10 kB."""

_Table = dict[str, TomlValue]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and where they come from."""

    config: Config
    path: Path | None
    """The file; ``None``: there is none, and the defaults are used."""

    sources: Mapping[str, str]
    """Where each value that is not a default was set: ``{"speech.threshold": "config.toml:12"}``,
    an environment variable, or a credential. Never a value."""

    notes: tuple[str, ...] = ()
    """What is not wrong but should be known, one line each, in the order of the file."""


def load(
    path: Path | None = None,
    *,
    env: Mapping[str, str] = os.environ,
    system: Path = SYSTEM_FILE,
) -> Loaded:
    """Read and check the settings.

    Args:
        path: The file to read. Otherwise the one that ``$VOICE_APPLIANCE_CONFIG`` names, then
            ``system`` if it exists, then no file at all.
        env: The environment.
        system: Where the file of an installed appliance is.

    Raises:
        ConfigError: With every problem found, in the order of the file.
    """
    found = find(path, env=env, system=system)
    text = "" if found is None else _read(found)
    try:
        draft = _Draft(_parse(text, found), found, locate(text))
        draft.override(env)
        config = draft.check(env)
    except RecursionError:
        raise ConfigError((f"{found}: tables within tables without end",)) from None
    if draft.problems:
        raise ConfigError(draft.report(draft.problems))
    return Loaded(config, found, draft.sources(), draft.report(notes.notes(config)))


def find(path: Path | None, *, env: Mapping[str, str], system: Path = SYSTEM_FILE) -> Path | None:
    """Return the file that ``load`` would read."""
    if path is not None:
        return path
    if named := env.get(VARIABLE):
        return Path(named)
    try:
        return system if system.exists() else None
    except OSError:  # a folder that we may not look into: reading it will say so
        return system


@dataclass(slots=True)
class _Draft:
    """A table on its way to be a configuration."""

    table: _Table
    path: Path | None
    lines: Mapping[Key, int]
    problems: list[Problem] = field(default_factory=list)
    variables: dict[Key, str] = field(default_factory=dict)
    found: dict[Key, str] = field(default_factory=dict)

    def override(self, env: Mapping[str, str]) -> None:
        """Put the environment's settings over the file's."""
        for variable in sorted(env):
            if not variable.startswith(OVERRIDE):
                continue
            key: Key = tuple(variable.removeprefix(OVERRIDE).lower().split("__"))
            self.variables[key] = variable
            here: TomlValue = self.table
            for part in key[:-1]:
                here = here.setdefault(str(part), {}) if isinstance(here, dict) else here
            if isinstance(here, dict) and len(key) > 1:
                here[str(key[-1])] = _from_environment(key, env[variable])
            elif isinstance(here, list):
                self.problems.append(Problem(key, "a list is given as a whole: [{ ... }, ...]"))
            else:
                self.problems.append(Problem(key, f"write {OVERRIDE}TABLE__KEY"))

    def check(self, env: Mapping[str, str]) -> Config:
        """Collect every problem; return the configuration, with defaults where there is one."""
        if self.path is not None:
            _anchor(self.table, self.path.absolute().parent)
        config, wrong = validate(self.table)
        self.problems += wrong
        added = credentials.add(config, env=env, path=self.path, variables=self.variables)
        config = added.config
        self.problems += added.problems
        self.found = added.sources
        known = {problem.key for problem in self.problems}
        self.problems += [each for each in checks.problems(config) if each.key not in known]
        return config

    def report(self, problems: Iterable[Problem]) -> tuple[str, ...]:
        """Return one line for each, in the order of the file."""
        placed = [
            (line_of(problem.key, self.lines) or 0, self._place(problem.key), problem)
            for problem in problems
        ]
        placed.sort(key=lambda each: each[0])
        lines = (f"{place}: {dotted(problem.key)}: {problem.text}" for _, place, problem in placed)
        return tuple(lines)

    def sources(self) -> dict[str, str]:
        """Return where each value that is not a default was set."""
        keys = [(*table, name) for table, name in _leaves(self.table)]
        return {dotted(key): self.found.get(key) or self._place(key) for key in keys} | {
            dotted(key): source for key, source in self.found.items()
        }

    def _place(self, key: Key) -> str:
        for place, variable in self.variables.items():
            above = place[: len(key)] == key and key not in self.lines
            if above or key[: len(place)] == place:
                return f"environment {variable}"
        if self.path is None:
            return "environment" if self.variables else "defaults"
        line = line_of(key, self.lines)
        return f"{self.path}:{line}" if line is not None else str(self.path)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except IsADirectoryError:
        raise ConfigError((f"{path}: is a folder; name the file in it",)) from None
    except FileNotFoundError:
        raise ConfigError((f"{path}: there is no such file",)) from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ConfigError((f"{path}: cannot be read: {reason}",)) from error
    if len(raw) > LARGEST:
        raise ConfigError((f"{path}: is larger than {LARGEST // 1024} kB; is it the right file?",))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problem = f"{path}:{line}: is not UTF-8 text here; save it as UTF-8"
        raise ConfigError((problem,)) from None  # the cause would carry the whole file


def _parse(text: str, path: Path | None) -> _Table:
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and what int() says of 5000 digits
        said = str(error)
        match = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", said)
        if match is None:
            raise ConfigError((f"{path}: {said}",)) from None
        what, line, column = match.groups()
        place = f"{line}: column {column}" if line else f"{len(text.splitlines()) or 1}"
        raise ConfigError((f"{path}:{place}: not valid TOML: {what}",)) from None


def validate(table: _Table) -> tuple[Config, list[Problem]]:
    """Check the table; what is wrong in it is left out, so that the rest can be looked at."""
    problems: list[Problem] = []
    rest = deepcopy(table)
    while True:
        try:
            # JSON, because strict validation of Python objects would want Path and tuple here
            config = Config.model_validate_json(json.dumps(rest, default=_no_json), strict=True)
        except ValidationError as error:
            found = error.errors(include_url=False)
            inner = {each["loc"][:-1] for each in found}  # a list whose members are wrong is not
            wrong = [
                from_pydantic(each, rest)
                for each in found
                if each["type"] != "too_short" or each["loc"] not in inner
            ]
            problems += wrong
            for problem in wrong:
                _remove(rest, problem.key)
        else:
            return config, problems


def _no_json(value: object) -> object:
    if isinstance(value, datetime | date | time):
        return {DATE: True}
    raise TypeError(type(value).__name__)


def _remove(table: _Table, key: Key) -> None:
    """Take a key out; of an array, all of it, for its members are known by number."""
    numbers = [place for place, part in enumerate(key) if isinstance(part, int)]
    names = [str(part) for part in (key[: numbers[0]] if numbers else key)]
    here: TomlValue = table
    for name in names[:-1]:
        here = here.get(name, {}) if isinstance(here, dict) else {}
    if isinstance(here, dict):
        here.pop(names[-1], None)


def _anchor(table: _Table, folder: Path) -> None:
    """Make relative paths mean: beside the configuration file."""
    for place, name in list(_leaves(table)):
        key = (*place, name)
        if not fields.is_path(fields.field(key)):
            continue
        holder: TomlValue = table
        for part in place:
            holder = holder[part]  # type: ignore[index]  # _leaves came this way
        if isinstance(holder, dict):
            holder[name] = _beside(holder[name], folder)


def _beside(value: TomlValue, folder: Path) -> TomlValue:
    match value:
        case str() if value and "\0" not in value:
            return str(folder / Path(value).expanduser())
        case list():
            return [_beside(each, folder) for each in value]
        case _:
            return value


def _leaves(table: TomlValue, place: Key = ()) -> Iterator[tuple[Key, str]]:
    """Yield table and name of every setting, also those in arrays of tables."""
    if isinstance(table, dict):
        for name, value in table.items():
            if isinstance(value, dict) or _is_array_of_tables(value):
                yield from _leaves(value, (*place, name))
            else:
                yield place, name
    elif isinstance(table, list):
        for number, each in enumerate(table):
            yield from _leaves(each, (*place, number))


def _is_array_of_tables(value: TomlValue) -> bool:
    return isinstance(value, Sequence) and bool(value) and isinstance(value[0], dict)


def _from_environment(key: Key, raw: str) -> TomlValue:
    """Read a variable as TOML; as text where text is wanted, or where it is no TOML."""
    if fields.is_text(fields.field(key)) and not raw.startswith('"'):
        return raw
    try:
        parsed = tomllib.loads(f"value = {raw}")
    except tomllib.TOMLDecodeError:
        return raw
    value: TomlValue = parsed["value"] if len(parsed) == 1 else raw
    return value
