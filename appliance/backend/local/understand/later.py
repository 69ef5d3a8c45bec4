"""Requests for later: "turn off the lamp in ten minutes", "at seven open the blind". Pure.

What is left without the time must be known word for word; it is not done then, but put off by the
tool that the catalogue has for that: the one that takes another tool and its arguments.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import cast

from appliance.backend.local.understand.house import House, Tool
from appliance.backend.local.understand.language import Language
from appliance.backend.local.understand.moments import Moments
from appliance.backend.local.understand.numbers import Numbers
from appliance.backend.local.understand.reading import Reading
from appliance.backend.local.understand.sentences import Request
from appliance.backend.local.understand.slots import Kind
from appliance.backend.local.understand.text import Tokens, phrase, starts_with

LARGEST_HOUR = 12
"""A bare number beyond it may be anything: "at 20"."""

LONGEST = 30
"""Words of a request that is looked at."""


class Later:
    """Reads requests that name a time.

    Args:
        language: Whose words.
        numbers: Reads lengths of time.
        moments: Reads times of day.
    """

    def __init__(self, language: Language, numbers: Numbers, moments: Moments) -> None:
        self._numbers = numbers
        self._moments = moments
        self._within = tuple(map(phrase, language.times.within))
        self._at = tuple(map(phrase, language.times.at))

    def read(
        self, words: Tokens, house: House, known: Callable[[Tokens], Reading | None]
    ) -> Reading | None:
        """Return the request put off, or ``None`` if it is none for later.

        Args:
            words: Without breaks.
            house: What can be asked for.
            known: Reads what is known word for word.
        """
        tool = next((tool for tool in house.tools.values() if _puts_off(tool)), None)
        if tool is None or len(words) > LONGEST:
            return None
        for rest, when in self._splits(words, tool):
            found = known(rest)
            if found is None or found.partly or any(r.ambiguous for r in found.requests):
                continue
            calls = [call for r in found.requests for call in house.tools[r.tool].calls(r)]
            requests = tuple(
                Request(
                    tool.spec.name,
                    {_TOOL: call.tool, _ARGUMENTS: json.dumps(call.arguments), **when},
                )
                for call in calls
            )
            if requests and all(tool.calls(request) for request in requests):
                return Reading(requests, found.stage)
        return None

    def _splits(self, words: Tokens, tool: Tool) -> Iterator[tuple[Tokens, dict[str, object]]]:
        """Yield what is left of a request without its time, and the time."""
        for start in range(len(words)):
            for end, when in self._times(words, start, tool):
                if start == 0 and end < len(words):
                    yield words[end:], when
                elif start and end == len(words):
                    yield words[:start], when

    def _times(
        self, words: Tokens, start: int, tool: Tool
    ) -> Iterator[tuple[int, dict[str, object]]]:
        slots = {slot.kind: slot for slot in tool.slots}
        within, at = starts_with(words[start:], self._within), starts_with(words[start:], self._at)
        lasting, timed = slots.get(Kind.DURATION), slots.get(Kind.TIME)
        if within and lasting is not None:
            quantity = self._numbers.at(words, start + within)
            if quantity is not None and quantity.unit == "second":
                value = lasting.duration(quantity.value)
                if value is not None:
                    yield quantity.end, {lasting.parameter: value}
        if at and timed is not None:
            for end, value_ in self._moments.at(words, start + at):
                if not _bare(words[start + at : end]):
                    yield end, {timed.parameter: value_}


_TOOL, _ARGUMENTS = "tool", "arguments"


def _puts_off(tool: Tool) -> bool:
    """Tell whether a tool takes another tool and its arguments."""
    properties = cast(
        "Mapping[str, Mapping[str, object]]", tool.spec.parameters.get("properties", {})
    )
    return properties.get(_ARGUMENTS, {}).get("x-type") == "arguments"


def _bare(words: Tokens) -> bool:
    return len(words) == 1 and words[0].isdecimal() and int(words[0]) > LARGEST_HOUR
