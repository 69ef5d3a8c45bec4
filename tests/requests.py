"""Requests with what should come of them, and the house that they are about."""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from appliance.backend.local.understand.types import Call, Understander, Understanding
from appliance.catalogue import ToolSpec
from appliance.tools import wording
from appliance.tools.builtin import built_in
from appliance.tools.parse import parse_toml

DATA = Path(__file__).parent / "data"


class Loudness:
    """A volume that is there."""

    def get(self) -> int:
        return 50

    def set(self, level: int) -> None:
        del level


def manifest(path: Path) -> ToolSpec:
    """Read what understanding sees of a manifest."""
    return parse_toml(path.read_bytes(), source=path.name).spec


def coffee_maker() -> ToolSpec:
    """Return the coffee maker that is nothing but a manifest."""
    return manifest(DATA / "manifests" / "coffee.toml")


def house(language: str = "en") -> tuple[ToolSpec, ...]:
    """Return a house of 19 things in 5 rooms, with the built-in tools in English."""
    folder = DATA / "manifests" / ("house" if language == "en" else f"house_{language}")
    own = [manifest(path) for path in sorted(folder.glob("*.toml"))]
    if language != "en":
        return tuple(own)
    ready = built_in(
        wording.load("en"),
        clock=lambda: datetime.now(UTC),
        volume=Loudness(),
        catalogue=lambda: (),
    )
    return (*own, coffee_maker(), *(tool.spec for tool in ready))


@dataclass(frozen=True, slots=True)
class Expected:
    """One request, or several turns of which the last is judged."""

    kind: str
    turns: tuple[str, ...]
    calls: tuple[Call, ...]
    asks: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of it."""

    expected: Expected
    understanding: Understanding = field(repr=False)

    @property
    def right(self) -> bool:
        """Whether exactly the calls expected were made, or a question asked where one was."""
        if self.expected.asks:
            question = self.understanding.stage != "none" and bool(self.understanding.say)
            return question and not self.understanding.calls
        return _bag(self.understanding.calls) == _bag(self.expected.calls)

    @property
    def wrong_action(self) -> bool:
        """Whether something was done that nobody asked for: worse than doing nothing."""
        return bool(_bag(self.understanding.calls) - _bag(self.expected.calls))


def read(path: Path) -> tuple[Expected, ...]:
    """Read a file of requests."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(_expected(entry) for entry in table["request"])


def judge(understander: Understander, tools: Sequence[ToolSpec], expected: Expected) -> Judged:
    """Say the turns one after the other, the last one counts.

    The understander must not remember anything yet.
    """
    understanding = Understanding("none")
    for turn in expected.turns:
        understanding = understander.understand(turn, tools)
    return Judged(expected, understanding)


def _expected(entry: Mapping[str, object]) -> Expected:
    say = entry["say"]
    turns = (say,) if isinstance(say, str) else tuple(_texts(say))
    return Expected(
        str(entry["kind"]), turns, tuple(_calls(entry.get("calls", []))), bool(entry.get("asks"))
    )


def _texts(value: object) -> Iterator[str]:
    assert isinstance(value, list)
    yield from map(str, value)


def _calls(value: object) -> Iterator[Call]:
    assert isinstance(value, list)
    for call in value:
        arguments = dict(call)
        name = arguments.pop("tool")
        if "inner" in arguments:  # a tool that takes another one
            arguments["tool"] = arguments.pop("inner")
        yield Call(name, arguments)


def _bag(calls: Sequence[Call]) -> Counter[str]:
    return Counter(repr((call.tool, sorted(call.arguments.items()))) for call in calls)
