"""The prompt library: named instruction sets with variables, one TOML file each. Pure.

The vendor's reusable prompts end on 2026-11-30; these live on the box and hold for every backend.
"""

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.backend.prompting.persona import PLAIN, Persona
from appliance.config.locate import Key, line_of, locate
from appliance.errors import ConfigError

LARGEST: Final = 64 * 1024
"""Bytes of a file; instructions of 20,000 characters are the most that vendors take."""

LONGEST: Final = 20_000
"""Characters of instructions, variables filled in."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_PLACE: Final = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_STRAY: Final = re.compile(r"\{\{|\}\}")

Variable = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Value = Annotated[str, Field(max_length=4_000)]


class _File(BaseModel):
    """What may stand in a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    instructions: Annotated[str, Field(min_length=1, max_length=LONGEST)]
    description: Annotated[str, Field(max_length=200)] = ""
    wake_words: tuple[str, ...] = ()
    language: Annotated[str, Field(pattern=r"^([a-z]{2}(-[A-Z]{2})?)?$")] = ""
    voices: dict[str, str] = Field(default_factory=dict)
    variables: dict[Variable, Value] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prompt:
    """One instruction set, its variables filled in."""

    name: str
    """That of its file."""

    instructions: str = field(repr=False)
    description: str = ""
    wake_words: tuple[str, ...] = ()
    """The box is this one when it is called by one of these."""

    language: str = ""
    voices: Mapping[str, str] = field(default_factory=dict)
    """By the name of a backend."""

    source: str = ""
    """The file."""

    def persona(self, backend: str) -> Persona:
        """Return who the box is where this backend answers."""
        voice = self.voices.get(backend, "")
        return Persona(self.name, self.instructions, voice, self.language)


@dataclass(frozen=True, slots=True)
class Written:
    """A file of the library as it was found."""

    name: str
    """Without its ending."""

    source: str
    """For messages."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Library:
    """All instruction sets."""

    prompts: Mapping[str, Prompt] = field(default_factory=dict)
    use: str = ""
    """The one that counts where no wake word has its own; empty: none."""

    problems: tuple[str, ...] = ()
    """One line each; what is wrong is left out, the others stay."""

    def called(self, word: str) -> Prompt | None:
        """Return the one for a wake word; empty: for no word at all, but a button or a text."""
        own = (each for each in self.prompts.values() if word and word in each.wake_words)
        return next(own, self.prompts.get(self.use))

    def persona(self, word: str, backend: str) -> Persona:
        """Return who the box is when called by this word, where this backend answers."""
        prompt = self.called(word)
        return PLAIN if prompt is None else prompt.persona(backend)


def gather(
    files: Iterable[Written],
    variables: Mapping[str, str],
    *,
    use: str = "",
    words: Collection[str] | None = None,
) -> Library:
    """Read all files of a library; what is wrong is told and left out.

    Args:
        files: In any order.
        variables: What the settings and the box itself say; a file's own go over them.
        use: The name of the one that counts.
        words: The wake words that there are; ``None``: not known.
    """
    prompts: dict[str, Prompt] = {}
    problems: list[str] = []
    taken: dict[str, str] = {}
    for written in sorted(files, key=lambda each: each.name):
        try:
            prompt = read(written, variables)
        except ConfigError as error:
            problems += error.problems
            continue
        prompts[prompt.name] = prompt
        for word in prompt.wake_words:
            if words is not None and word not in words:
                known = ", ".join(sorted(words)) or "none"
                problems.append(
                    f"{written.source}: wake_words: the box does not listen for {word} ({known})"
                )
            other = taken.setdefault(word, prompt.name)
            if other != prompt.name:
                problems.append(f"{written.source}: wake_words: {word} is that of {other} already")
    if use and use not in prompts:
        listed = ", ".join(prompts) or "none"
        problems.append(f"prompts.use: there is no {use} in the library ({listed})")
    return Library(prompts, use, tuple(problems))


def read(written: Written, variables: Mapping[str, str]) -> Prompt:
    """Read one file and fill in its variables.

    Raises:
        ConfigError: With every problem, each with its line.
    """
    source = written.source
    if not _NAME.fullmatch(written.name):
        raise ConfigError((f"{source}: name it with small letters, digits, _ and - only",))
    if len(written.data) > LARGEST:
        raise ConfigError((f"{source}: is too long; {LARGEST} bytes are allowed",))
    try:
        text = written.data.decode("utf-8")
        table = tomllib.loads(text)
        lines = locate(text)
    except (UnicodeDecodeError, RecursionError) as error:
        raise ConfigError((f"{source}: is not TOML in UTF-8",)) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError((f"{source}: {error}",)) from error
    try:
        file = _File.model_validate(table)
    except ValidationError as error:
        problems = [(each["loc"], each["msg"]) for each in error.errors()]
        raise ConfigError([_line(source, lines, key, told) for key, told in problems]) from error
    known = {**variables, **file.variables}
    wrong = [_line(source, lines, ("instructions",), told) for told in _misplaced(file, known)]
    if wrong:
        raise ConfigError(wrong)
    return Prompt(
        written.name,
        fill_in(file.instructions, known).strip(),
        file.description,
        file.wake_words,
        file.language,
        file.voices,
        source,
    )


def fill_in(text: str, variables: Mapping[str, str]) -> str:
    """Replace every ``{{ name }}`` once; what a variable holds is not looked into again."""
    return _PLACE.sub(lambda place: variables[place[1]], text)


def _misplaced(file: _File, known: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys(_PLACE.findall(file.instructions)):
        if name not in known:
            yield f"there is no variable `{name}`; there are: {', '.join(sorted(known))}"
    if _STRAY.search(_PLACE.sub("", file.instructions)):
        yield "a `{{` or `}}` belongs to no variable"
    if len(_PLACE.sub(lambda place: known.get(place[1], ""), file.instructions)) > LONGEST:
        yield f"is too long with its variables; {LONGEST} characters are allowed"


def _line(source: str, lines: Mapping[Key, int], key: Key, text: str) -> str:
    line = line_of(key, lines)
    where = f"{source}:{line}" if line else source
    return f"{where}: {'.'.join(str(part) for part in key)}: {text}"
