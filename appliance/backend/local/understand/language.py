"""What understanding has to know about a language: one TOML file each, no code."""

import re
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from appliance.backend.local import language_files

Words = tuple[str, ...]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Say(_Table):
    """What understanding asks or admits."""

    not_understood: str
    which: str
    """With ``{thing}``: asks which device is meant."""

    which_of: str
    """With ``{thing}`` and ``{names}``: the same, where there are few."""

    what: str
    """With ``{thing}``: asks for a value that is missing."""

    meant: str
    """With ``{word}``: asks what "it" is."""

    nothing_before: str
    """There is nothing to do again."""

    rest: str
    """Said after the part of a request that was understood: the other part was not."""

    either: str
    """Between the last two values of a question: "or"."""

    kinds: dict[str, str] = {}
    """What things of a kind are called, where that is another word: ``climate``, ``cover`` …"""


class Clean(_Table):
    """Words that say nothing."""

    polite: Words
    fillers: Words


class Clauses(_Table):
    """Words between commands."""

    conjunctions: Words
    corrections: Words
    """What announces that something else was meant."""

    exceptions: Words = ()
    """What announces that something is left out: "all the lights except the hall light"."""

    change: Words
    """What announces another value for what has just been done: "make it"."""


class Step(_Table):
    """A little more or less: "brighter"."""

    kind: str
    """Of the things that it is said of: ``light``, ``climate``."""

    unit: str
    by: float


class Back(_Table):
    """Words that point back to what was asked before."""

    one: Words
    """For the last thing: "it"."""

    several: Words
    """For all things of the last request: "them"."""

    repeat: Words
    """Whole sentences that want the last request once more."""

    idle: Words = ()
    """Words that say nothing beside one that points back: "again"."""

    stand_ins: Words = ()
    """Words that stand for a thing in an answer to "which?": "the desk one"."""

    ordinals: Words = ()
    """How the words begin that count the things of a question, from the first on."""

    beside: Words = ()
    """Words that may stand beside a step, besides those that carry nothing: "a little"."""

    steps: dict[str, Step] = {}


class Guards(_Table):
    """What shows that a sentence asks for nothing now."""

    negations: Words
    questions: Words
    """First words of questions."""

    subjects: Words
    """First words of sentences in which somebody does something."""

    reports: Words
    """First words of sentences that tell of something."""

    statements: Words = ()
    """Words that make a sentence one that tells, unless it is a question: "is"."""

    undecided: Words = ()
    """What leaves a choice open: "or"."""

    exceptions: Words = ()
    """What leaves something out, which must not be taken for what is wanted: "except"."""

    past: Words
    later: Words

    serious: Words = ()
    """Words of what a house guards, locks and alarms: for such a request nothing is guessed."""


class Plain(_Table):
    """Words that carry no value."""

    all: Words = ()
    """What makes a kind of things all things of that kind, wherever they are."""

    articles: Words
    stop: Words


class NumberWords(_Table):
    """What numbers are made of besides those that CLDR's rules spell."""

    joiners: Words = ()
    """Between hundreds and the rest: "one hundred and ten"."""

    one: Words = ()
    """What stands for 1 before a unit: "an hour"."""

    point: Words = ()
    and_half: Words = ()
    fractions: dict[str, float] = {}


class Times(_Table):
    """What times of day are made of; empty: they are not understood."""

    clock: Words = ()
    """What may follow a full hour: "o'clock"."""

    half_past: Words = ()
    quarter: Words = ()
    past: Words = ()
    to: Words = ()
    zero: Words = ()
    """Before minutes below ten: "seven oh five"."""

    morning: Words = ()
    """What says that it is before noon."""

    evening: Words = ()
    """What says that it is after noon."""

    night: Words = ()
    """What says that it is dark."""

    within: Words = ()
    """Before the length of time after which something is to be done: "in"."""

    at: Words = ()
    """Before a time of day."""

    names: dict[str, Annotated[str, Field(pattern="^[0-2][0-9]:[0-5][0-9]$")]] = {}
    """Times with names: "noon"."""


class Colour(_Table):
    """One colour."""

    hex: Annotated[str, Field(pattern="^#[0-9a-f]{6}$")]
    say: Words


class Sound(_Table):
    """Spelling to sound."""

    rules: tuple[tuple[re.Pattern[str], str], ...] = ()


class OffTopic(_Table):
    """Requests that no tool answers."""

    examples: Words = ()


class Language(_Table):
    """One language."""

    rbnf: str
    """Whose rules spell numbers (CLDR, through unicode-rbnf)."""

    intents: str
    """Which file of home-assistant-intents."""

    say: Say
    clean: Clean
    clauses: Clauses
    back: Back
    guards: Guards
    words: Plain
    flags: dict[str, Words]
    """Spoken forms of ``true`` and ``false``."""

    numbers: NumberWords = NumberWords()
    times: Times = Times()
    symbols: dict[str, str] = {}
    """Signs and the word for each."""

    units: dict[str, Words]
    """Spoken forms of ``percent``, ``degree``, ``kelvin``, ``second``, ``minute``, ``hour``."""

    colours: dict[str, Colour] = {}
    heard: dict[str, str] = {}
    """What speech recognition tends to write, and what was said."""

    sound: Sound = Sound()
    off_topic: OffTopic = OffTopic()


def languages() -> tuple[str, ...]:
    """Return the languages that have a file."""
    return language_files.languages(_folder())


@cache
def load(code: str) -> Language:
    """Read a language such as ``en`` or ``en-GB`` (which falls back to ``en``).

    Raises:
        ConfigError: There is none, or its file is wrong.
    """
    return language_files.load(_folder(), code, Language)


def _folder() -> Traversable:
    return resources.files(__package__).joinpath("words")
