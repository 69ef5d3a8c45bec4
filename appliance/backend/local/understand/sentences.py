"""The first stage: sentences that are known word for word, matched by hassil."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from hassil.intents import Intents
from hassil.recognize import RecognizeResult, recognize_all

from appliance.backend.local.understand.slots import Kind, Slot, names
from appliance.backend.local.understand.templates import SEPARATOR
from appliance.catalogue import Target, ToolSpec

_EXAMPLE = f"{SEPARATOR}-1"
"""Ends the name of what is made of a tool's own examples."""

_MOST_RESULTS = 200
"""Readings of one sentence that are looked at."""


@dataclass(frozen=True, slots=True)
class Request:
    """A call in the making."""

    tool: str
    arguments: Mapping[str, object] = field(default_factory=dict, repr=False)
    targets: tuple[str, ...] = ()
    """Ids; for each a call, or one call for all where the schema takes a list."""

    ambiguous: bool = False
    """Whether ``targets`` are what it may be about, not what it is about."""


class Complete(Protocol):
    """Adds the values that a sentence made of an example names besides its slots."""

    def __call__(self, request: Request, words: Sequence[str], *, example: bool) -> Request | None:
        """Return the whole request, or ``None`` if it cannot be carried out."""
        ...


class Sentences:
    """Matches sentences for one catalogue.

    Args:
        intents: From ``Templates.compile``.
        tools: The catalogue by name, with the slots of each.
        complete: Has the last word on every request.
        area: The room that the box stands in.
    """

    def __init__(
        self,
        intents: Intents,
        tools: Mapping[str, tuple[ToolSpec, Sequence[Slot]]],
        *,
        complete: Complete,
        area: str | None,
    ) -> None:
        self._intents = intents
        self._tools = tools
        self._complete = complete
        self._area = (area or "").lower()

    def match(self, words: Sequence[str]) -> tuple[Request, ...]:
        """Return what a sentence without breaks asks for; empty if no template matches it."""
        if not words or not self._intents.intents:
            return ()
        results: list[tuple[RecognizeResult, tuple[Request, ...]]] = []
        for result in self._results(" ".join(words)):
            example = result.intent.name.endswith(_EXAMPLE)
            requests = tuple(
                complete
                for request in self._requests(result)
                if (complete := self._complete(request, words, example=example)) is not None
            )
            if requests:
                results.append((result, requests))
            if len(results) >= _MOST_RESULTS:
                break
        if not results:
            return ()
        best = min(
            results, key=lambda found: (any(r.ambiguous for r in found[1]), *_order(found[0]))
        )
        return self._joined(best, results)

    def _results(self, text: str) -> Iterator[RecognizeResult]:
        # an area must be there for sentences that leave it out to match; "" is nowhere
        yield from recognize_all(text, self._intents, intent_context={"area": self._area})

    def _joined(
        self,
        best: tuple[RecognizeResult, tuple[Request, ...]],
        results: Sequence[tuple[RecognizeResult, tuple[Request, ...]]],
    ) -> tuple[Request, ...]:
        """Add what other tools make of the same words, as in "all lights"."""
        if "name" in best[0].entities or best[0].intent.name.endswith(_EXAMPLE):
            return best[1]
        chosen = dict.fromkeys(request.tool for request in best[1])
        joined = list(best[1])
        for result, requests in results:
            same = self._intent(result) == self._intent(best[0])
            if (
                same
                and _order(result)[:2] == _order(best[0])[:2]
                and "name" not in result.entities
            ):
                joined.extend(request for request in requests if request.tool not in chosen)
                chosen |= dict.fromkeys(request.tool for request in requests)
        settled = [request for request in joined if not request.ambiguous]
        return tuple(settled or joined)

    def _intent(self, result: RecognizeResult) -> str:
        tool, number = result.intent.name.split(SEPARATOR)
        return "" if number == "-1" else self._tools[tool][0].intents[int(number)].intent

    def _requests(self, result: RecognizeResult) -> tuple[Request, ...]:
        tool, number = result.intent.name.split(SEPARATOR)
        spec, slots = self._tools[tool]
        if number == "-1":
            return self._example(spec, slots, result)
        binding = spec.intents[int(number)]
        arguments: dict[str, object] = dict(binding.arguments)
        by_name = {slot.parameter: slot for slot in slots}
        for slot, parameter in binding.slots.items():
            if slot in result.entities:
                value = _fitting(by_name.get(parameter), result.entities[slot].value)
                if value is None:
                    return ()
                arguments[parameter] = value
        if not spec.targets:
            chosen = {"area", "name"} - binding.slots.keys()
            elsewhere = any(e.text for n, e in result.entities.items() if n in chosen)
            return () if elsewhere else (Request(tool, arguments),)
        targets, ambiguous = self._targets(spec, result)
        if not targets:
            return ()
        return (Request(tool, arguments, tuple(t.id for t in targets), ambiguous),)

    def _example(
        self, spec: ToolSpec, slots: Sequence[Slot], result: RecognizeResult
    ) -> tuple[Request, ...]:
        by_name = {slot.parameter: slot for slot in slots}
        arguments: dict[str, object] = {}
        targets: tuple[str, ...] = ()
        for name, entity in result.entities.items():
            if name not in by_name or entity.value in ("", None):
                continue
            if by_name[name].kind is Kind.TARGET:
                named = tuple(target for target in spec.targets if target.id in entity.value)
                targets = tuple(target.id for target in self._here(named) or named)
            elif by_name[name].kind is Kind.NUMBER:
                value = by_name[name].number(float(entity.value), None, fraction=False)
                if value is None:
                    return ()
                arguments[name] = value
            else:
                arguments[name] = entity.value
        return (Request(spec.name, arguments, targets, ambiguous=len(targets) > 1),)

    def _here(self, targets: Sequence[Target]) -> tuple[Target, ...]:
        """Return those that are in the room of the box."""
        return tuple(t for t in targets if self._area and (t.area or "").lower() == self._area)

    def _targets(self, spec: ToolSpec, result: RecognizeResult) -> tuple[tuple[Target, ...], bool]:
        """Return what is acted on, and whether it must be asked which of them."""
        entities = result.entities
        called = str(entities["name"].value) if "name" in entities else None
        area = entities.get("area")
        kinds = _kinds(result)
        fit = tuple(
            target
            for target in spec.targets
            if (not kinds or target.kind in kinds)
            and (called is None or called in {name.lower() for name in names(target)})
            and ("device_class" not in entities or _is_a(target, entities["device_class"].text))
        )
        if area is not None and area.text:
            return tuple(t for t in fit if (t.area or "").lower() == area.value), False
        here = self._here(fit)
        if called is not None:
            fit = here or fit
            return fit, len(fit) > 1
        if area is None and kinds:
            return fit, False  # all of a kind, everywhere
        return here or fit, not here and len(fit) > 1


def _kinds(result: RecognizeResult) -> set[str]:
    value = result.entities["domain"].value if "domain" in result.entities else None
    if value is None:
        value = result.intent_data.requires_context.get("domain")
    return {value} if isinstance(value, str) else set(value or ())


def _is_a(target: Target, said: str) -> bool:
    """Tell whether a name contains the word for a kind of cover: "blind", "curtains"."""
    stem = said.strip().lower()[:4]
    return any(word.startswith(stem) for name in names(target) for word in name.lower().split())


def _fitting(slot: Slot | None, value: Any) -> object | None:  # noqa: ANN401 - hassil's values are anything
    """Return what a parameter takes for a slot's value, or ``None``."""
    if slot is None:
        return None
    match slot.kind:
        case Kind.NUMBER if isinstance(value, int | float):
            return slot.number(value, None, fraction=False)
        case Kind.DURATION if isinstance(value, int | float):
            return value
        case Kind.TEXT | Kind.PHRASE:
            return str(value)
        case _:
            said = tuple(str(value).lower().split())
            return next((f.value for f in slot.forms if f.words == said or f.value == value), None)


def _order(result: RecognizeResult) -> tuple[int, int, int, int]:
    """Sort the better reading first: few wildcards, the longest name, the most literal text."""
    wild = sum(1 for entity in result.entities_list if entity.is_wildcard)
    swallowed = sum(len(e.text or "") for e in result.entities_list if e.is_wildcard)
    name = result.entities.get("name")
    named = len(name.text) if name is not None and not name.is_wildcard else 0
    if result.intent.name.endswith(_EXAMPLE):
        named = max(
            (len(e.text) for e in result.entities_list if isinstance(e.value, tuple)), default=0
        )
    return (wild, -named, -result.text_chunks_matched, swallowed)
