"""Sentence templates for hassil: those of home-assistant-intents and those made of examples.

Only the intents that a tool is bound to are read, and of these only the sentences whose slots the
tool has a use for: a sentence that asks for more than the tool can do must not pass for one that
it can.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Any, cast

from hassil.expression import Sentence
from hassil.intents import (
    Intent,
    IntentData,
    Intents,
    RangeFractionType,
    RangeSlotList,
    SlotList,
    TextSlotList,
    WildcardSlotList,
)
from hassil.parse_expression import parse_sentence

from appliance.backend.local.understand.language import Language
from appliance.backend.local.understand.slots import AREA, Kind, Slot, names
from appliance.backend.local.understand.text import phrase
from appliance.catalogue import IntentBinding, ToolSpec

_LIST = re.compile(r"\{([^{}:]+)(?::([^{}]+))?\}")
_RULE = re.compile(r"<([^<>]+)>")
_PLACE = re.compile(r"\{([^{}]+)\}")
_SYNTAX = re.compile(r"[\[\]()<>|;{}:]")

_SELECTING = frozenset({"name", "area", "domain", "device_class"})
"""Slots that choose what to act on, not how."""

_LARGEST_RANGE = 1000
"""Numbers that a template spells out; larger ones are left to the next stage."""

SEPARATOR = "\n"
"""Between a tool's name and the number of its binding, in the names that hassil knows them by."""


class Templates:
    """The published sentences of one language."""

    def __init__(self, language: Language) -> None:
        self._language = language
        file = resources.files("home_assistant_intents").joinpath(
            "data", f"{language.intents}.json"
        )
        published = json.loads(file.read_text(encoding="utf-8"))
        self._intents: Mapping[str, Any] = published["intents"]
        self._lists: Mapping[str, Any] = published["lists"]
        self._rules: Mapping[str, str] = published["expansion_rules"]
        self._parsed = lru_cache(maxsize=4000)(lambda text: parse_sentence(text, keep_text=True))
        self._skip = list(published.get("skip_words", ()))

    def compile(self, tools: Iterable[tuple[ToolSpec, Sequence[Slot]]]) -> Intents:
        """Build what hassil matches; its intents are named ``tool SEPARATOR binding``.

        The number of the binding is ``-1`` for the tool's own examples.
        """
        intents: dict[str, Intent] = {}
        for spec, slots in tools:
            for number, binding in enumerate(spec.intents):
                data = list(self._bound(spec, binding))
                if data:
                    name = f"{spec.name}{SEPARATOR}{number}"
                    intents[name] = Intent(name, data)
            examples = list(self._examples(spec, slots))
            if examples:
                name = f"{spec.name}{SEPARATOR}-1"
                intents[name] = Intent(name, [self._data(examples, _own_lists(slots))])
        used = _reached(self._texts(intents.values()), self._rules)
        return Intents(
            language=self._language.rbnf,
            intents=intents,
            slot_lists=cast("dict[str, SlotList]", dict(self._used_lists(intents, used))),
            expansion_rules={name: self._parsed(self._rules[name]) for name in used},
            skip_words=self._skip,
        )

    def _bound(self, spec: ToolSpec, binding: IntentBinding) -> Iterator[IntentData]:
        """Yield the blocks of an intent that this tool can carry out."""
        lists = _target_lists(spec)
        kinds = {target.kind for target in spec.targets}
        allowed = _SELECTING | binding.slots.keys()
        for block in self._intents.get(binding.intent, {"data": ()})["data"]:
            slots = block.get("slots", {})
            context = block.get("requires_context", {})
            domains = _domains(slots.get("domain")) | _domains(context.get("domain"))
            if (domains and not domains & kinds) or set(slots) - allowed:
                continue
            texts = [text for text in block["sentences"] if self._fits(text, allowed, lists)]
            if texts:
                yield self._data(texts, lists, slots=slots, context=context)

    def _fits(self, text: str, allowed: Iterable[str], lists: Mapping[str, SlotList]) -> bool:
        used = list(self._slots_of(text))
        if not {slot for _, slot in used} <= set(allowed):
            return False
        if any(name not in lists and name not in self._lists for name, _ in used):
            return False  # floors and zones: we know none
        bare = len(used) == 1  # "[turn] [the] {name}": a name alone asks for nothing
        return not bare or bool(self._parsed(text).get_required_clauses(self._all_rules()))

    def _all_rules(self) -> dict[str, Sentence]:
        return {name: self._parsed(text) for name, text in self._rules.items()}

    def _slots_of(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield every list of a template with the slot that it fills."""
        for match in _LIST.finditer(text):
            yield match[1], match[2] or match[1]
        for match in _RULE.finditer(text):
            yield from self._slots_of(self._rules.get(match[1], ""))

    def _data(
        self,
        texts: list[str],
        lists: Mapping[str, SlotList],
        *,
        slots: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> IntentData:
        data = IntentData(
            sentence_texts=texts,
            slots=dict(slots or {}),
            requires_context=dict(context or {}),
            slot_lists=dict(lists),
        )
        # hassil parses on first use and keeps the result here; tools share what is the same
        vars(data)["sentences"] = [self._parsed(text) for text in texts]
        return data

    def _examples(self, spec: ToolSpec, slots: Sequence[Slot]) -> Iterator[str]:
        known = {slot.parameter: slot for slot in slots}
        articles = "|".join(self._language.words.articles)
        optional = re.compile(rf"\b({articles})\s+") if articles else None
        for example in spec.examples:
            places = _PLACE.findall(example)
            if any(place not in known or not _listed(known[place]) for place in places):
                continue
            parts = _PLACE.split(example.lower() if not places else example)
            text = "".join(
                f"{{{part}}}" if number % 2 else _plain(part, optional)
                for number, part in enumerate(parts)
            )
            # a name alone asks for nothing, unless the tool says that it does
            if re.sub(r"\{[^}]*\}|\W", "", text) or text == f"{{{spec.target_parameter}}}":
                yield text

    def _texts(self, intents: Iterable[Intent]) -> Iterator[str]:
        for intent in intents:
            for data in intent.data:
                yield from data.sentence_texts

    def _used_lists(
        self, intents: Mapping[str, Intent], rules: Iterable[str]
    ) -> Iterator[tuple[str, SlotList]]:
        wanted = {
            match[1]
            for text in (*self._texts(intents.values()), *(self._rules[name] for name in rules))
            for match in _LIST.finditer(text)
        }
        for name in wanted & self._lists.keys():
            yield name, _published_list(self._language.intents, name)


@cache
def _published_list(file: str, name: str) -> SlotList:
    published = json.loads(
        resources.files("home_assistant_intents")
        .joinpath("data", f"{file}.json")
        .read_text("utf-8")
    )
    one = {"language": file, "intents": {}, "lists": {name: published["lists"][name]}}
    return Intents.from_dict(one).slot_lists[name]


def _domains(value: object) -> set[str]:
    if isinstance(value, str):
        return {value}
    return set(value) if isinstance(value, list) else set()


def _reached(texts: Iterable[str], rules: Mapping[str, str]) -> set[str]:
    reached: set[str] = set()
    open_ = list(texts)
    while open_:
        for match in _RULE.finditer(open_.pop()):
            if match[1] in rules and match[1] not in reached:
                reached.add(match[1])
                open_.append(rules[match[1]])
    return reached


def _target_lists(spec: ToolSpec) -> dict[str, SlotList]:
    called = [
        (" ".join(phrase(name)), name.lower(), {"domain": target.kind})
        for target in spec.targets
        for name in names(target)
        if phrase(name)
    ]
    areas = sorted({target.area.lower() for target in spec.targets if target.area})
    lists: dict[str, SlotList] = {}
    if called:
        lists["name"] = TextSlotList.from_tuples(called, allow_template=False, name="name")
    if areas:
        rooms = [(" ".join(phrase(area)), area) for area in areas if phrase(area)]
        lists["area"] = TextSlotList.from_tuples(rooms, allow_template=False, name="area")
    return lists


def _listed(slot: Slot) -> bool:
    if slot.kind is Kind.NUMBER:
        return 0 <= slot.minimum <= slot.maximum <= _LARGEST_RANGE
    return slot.kind not in {Kind.DURATION, Kind.TIME, Kind.PHRASE}


def _own_lists(slots: Sequence[Slot]) -> dict[str, SlotList]:
    lists: dict[str, SlotList] = {}
    for slot in slots:
        if not _listed(slot) or slot.parameter == AREA:
            continue
        name = slot.parameter
        if slot.kind is Kind.NUMBER:
            halves = None if slot.whole else RangeFractionType.HALVES
            lists[name] = RangeSlotList(
                name, int(slot.minimum), int(slot.maximum), fraction_type=halves
            )
        elif slot.kind is Kind.TEXT:
            lists[name] = WildcardSlotList(name)
        else:
            values = [(" ".join(form.words), form.value) for form in slot.forms]
            lists[name] = TextSlotList.from_tuples(values, allow_template=False, name=name)
    return lists


def _plain(text: str, optional: re.Pattern[str] | None) -> str:
    """Make a piece of an example literal, with its articles left to the speaker."""
    plain = re.sub(r"[^\w\s']|_", " ", _SYNTAX.sub(" ", text.lower()))
    plain = re.sub(r"\s+", " ", plain)
    return optional.sub(r"[\1 ]", plain) if optional else plain
