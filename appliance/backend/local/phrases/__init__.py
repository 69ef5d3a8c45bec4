"""What the box itself says: one file for each language, no code."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from appliance.backend.local import language_files

Sentence = Annotated[str, Field(min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Phrases(_Table):
    not_understood: Sentence
    failed: Sentence
    no_tools: Sentence
    alone: Sentence
    working: Sentence
    cannot_answer: Sentence
    cannot_see: Sentence
    blocked: Sentence


class _Status(_Table):
    done: Sentence
    unchanged: Sentence
    unconfirmed: Sentence
    rejected: Sentence
    failed: Sentence


class _Sentences(_Table):
    abbreviations: tuple[str, ...] = ()


class _Spoken(_Table):
    match: re.Pattern[str]
    replacement: str = Field(alias="with")


class _File(_Table):
    phrases: _Phrases
    status: _Status
    sentences: _Sentences = _Sentences()
    spoken: tuple[_Spoken, ...] = ()


@dataclass(frozen=True, slots=True)
class Phrases:
    """The sentences and the writing habits of one language."""

    not_understood: str
    failed: str
    """A model failed."""

    no_tools: str
    """There is nothing that could be asked for."""

    alone: str
    """The first words of the backend to fall back on."""

    working: str
    """A tool takes long."""

    cannot_answer: str
    """In place of ``not_understood``, right behind ``alone``."""

    cannot_see: str
    """There was a picture with the request."""

    blocked: str
    """A reply broke a rule of the house."""

    status: Mapping[str, str]
    """For each status of a ``ToolResult``, what is said when the tool has nothing to say."""

    abbreviations: frozenset[str] = frozenset()
    """Lower-case words whose full stop does not end a sentence, without that stop."""

    spoken: tuple[tuple[re.Pattern[str], str], ...] = field(default=(), repr=False)
    """What is replaced before a text is spoken, in this order."""

    def spell_out(self, text: str) -> str:
        """Write numbers and units as they are spoken, where the voice would not."""
        for pattern, replacement in self.spoken:
            text = pattern.sub(replacement, text)
        return text


def languages() -> tuple[str, ...]:
    """Return the languages that have a file here."""
    return language_files.languages(_folder())


def load(language: str) -> Phrases:
    """Read the phrases of a language such as ``en`` or ``en-GB`` (which falls back to ``en``).

    Raises:
        ConfigError: There are none, or their file is wrong.
    """
    return _phrases(language_files.load(_folder(), language, _File))


def parse(text: str, *, source: str) -> Phrases:
    """Read phrases from TOML.

    Raises:
        ConfigError: Every problem, each with its place in ``source``.
    """
    return _phrases(language_files.parse(text, _File, source=source))


def _phrases(read: _File) -> Phrases:
    return Phrases(
        **read.phrases.model_dump(),
        status=read.status.model_dump(),
        abbreviations=frozenset(read.sentences.abbreviations),
        spoken=tuple((rule.match, rule.replacement) for rule in read.spoken),
    )


def _folder() -> Traversable:
    return resources.files(__name__)
