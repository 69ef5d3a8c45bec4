"""The catalogue, made ready for understanding: kept until the catalogue changes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from jsonschema import Draft202012Validator

from appliance.backend.local.understand.guards import Guards
from appliance.backend.local.understand.language import Language
from appliance.backend.local.understand.moments import Moments
from appliance.backend.local.understand.numbers import Numbers
from appliance.backend.local.understand.openings import Openings
from appliance.backend.local.understand.sentences import Request, Sentences
from appliance.backend.local.understand.slots import AREA, Form, Kind, Slot, slots
from appliance.backend.local.understand.sound import Ear
from appliance.backend.local.understand.spans import Filled, Filler
from appliance.backend.local.understand.spoken import Spoken
from appliance.backend.local.understand.templates import Templates
from appliance.backend.local.understand.text import Cleaner, Tokens, phrase, words_only
from appliance.backend.local.understand.types import Call
from appliance.catalogue import Target, ToolSpec


@dataclass(frozen=True, slots=True)
class Example:
    """One example sentence."""

    words: Tokens
    """With typical values in its places."""

    masked: Tokens
    """With the names of the parameters in its places, in braces."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool, ready."""

    spec: ToolSpec
    slots: tuple[Slot, ...]
    filler: Filler
    examples: tuple[Example, ...]
    plain: frozenset[str]
    """Words that its examples are made of, apart from values."""

    telling: frozenset[str]
    """Those of them that are not mere grammar."""

    validator: Any = field(repr=False)
    """Of the arguments, a jsonschema validator."""

    takes_list: bool = False
    """Whether the target's parameter takes several at once."""

    @property
    def target_slot(self) -> Slot | None:
        """The slot for what is acted on."""
        return next((slot for slot in self.slots if slot.kind is Kind.TARGET), None)

    @property
    def goes_by_name(self) -> bool:
        """Whether the name alone asks for it, as that of a scene: one example is nothing else."""
        slot = self.target_slot
        return slot is not None and any(
            example.masked == (f"{{{slot.parameter}}}",) for example in self.examples
        )

    def typical(self, filled: Filled) -> Tokens:
        """Return what was said, with typical values in place of those found."""
        starts = {span.start: span for span in filled.spans}
        words: list[str] = []
        at = 0
        while at < len(filled.said):
            span = starts.get(at)
            words.extend((filled.said[at],) if span is None else typical(self.slots[span.slot]))
            at = at + 1 if span is None else span.end
        return tuple(words)

    def is_named(self, filled: Filled) -> bool:
        """Tell whether the rest of a text has a word for what the tool acts on."""
        slot = self.target_slot
        known = self.telling | {word for form in slot.forms for word in form.words} if slot else ()
        return any(word in known for word in filled.rest)

    def missing(self, request: Request) -> Slot | None:
        """Return the first required parameter that a request lacks and that has no default."""
        properties = cast("Mapping[str, Mapping[str, object]]", self.spec.parameters["properties"])
        for slot in self.slots:
            if not slot.required or slot.parameter in request.arguments:
                continue
            if slot.kind is Kind.TARGET:
                if request.ambiguous or not request.targets:
                    return slot
            elif "default" not in properties.get(slot.parameter, {}):
                return slot
        return None

    def about(self, request: Request) -> tuple[Target, ...]:
        """Return what a request is, or may be, about; in its order."""
        known = {target.id: target for target in self.spec.targets}
        return tuple(known[each] for each in request.targets if each in known)

    def calls(self, request: Request) -> tuple[Call, ...]:
        """Return the calls of a request; none if one of them does not fit the schema."""
        calls = tuple(Call(self.spec.name, arguments) for arguments in self._arguments(request))
        return calls if all(self._fits(call.arguments) for call in calls) else ()

    def _arguments(self, request: Request) -> Iterator[dict[str, object]]:
        slot = self.target_slot
        if slot is None or not request.targets:
            yield dict(request.arguments)
        elif self.takes_list:
            yield {**request.arguments, slot.parameter: list(request.targets)}
        else:
            for target in request.targets:
                yield {**request.arguments, slot.parameter: target}

    def _fits(self, arguments: Mapping[str, object]) -> bool:
        properties = cast("Mapping[str, Mapping[str, object]]", self.spec.parameters["properties"])
        defaults = {name: p["default"] for name, p in properties.items() if "default" in p}
        return bool(self.validator.is_valid({**defaults, **arguments}))


class House:
    """Everything that can be asked for now."""

    def __init__(self, catalogue: Sequence[ToolSpec], *, maker: "Maker", area: str | None) -> None:
        self._catalogue = tuple(catalogue)
        self.tools: Mapping[str, Tool] = {spec.name: maker.tool(spec) for spec in catalogue}
        known = {name: (tool.spec, tool.slots) for name, tool in self.tools.items()}
        intents = maker.templates.compile(known.values())
        self.sentences = Sentences(intents, known, complete=self._complete, area=area)
        self.everywhere = Sentences(intents, known, complete=self._complete, area=None)
        self.spoken = maker.spoken(known)
        self.area = (area or "").lower()
        self.names = maker.names(self._catalogue)
        self.ear = maker.ear
        self.openings = maker.openings(self.tools.values())
        self._plain = maker.stop
        self._called = {
            word
            for tool in self.tools.values()
            if (slot := tool.target_slot) is not None
            for form in slot.forms
            for word in form.words
            if word not in maker.stop
        }

    def serves(self, catalogue: Sequence[ToolSpec]) -> bool:
        """Tell whether it was made of exactly these tools."""
        return len(catalogue) == len(self._catalogue) and all(
            one is other for one, other in zip(catalogue, self._catalogue, strict=True)
        )

    def _complete(
        self, request: Request, words: Sequence[str], *, example: bool
    ) -> Request | None:
        """Add what "open the {blind}" says besides its slot; refuse what cannot be carried out."""
        tool = self.tools[request.tool]
        if example:
            filled = tool.filler.fill(words)
            if filled.likeness == 1.0:
                taken = {AREA} | {s.parameter for s in tool.slots if s.kind is Kind.TARGET}
                more = {n: v for n, v in filled.values.items() if n not in taken}
                request = replace(request, arguments={**more, **request.arguments})
        return request if tool.missing(request) or tool.calls(request) else None

    def objection(self, tool: Tool, filled: Filled) -> str | None:
        """Return why the values found do not make it a request to this tool, or ``None``."""
        if filled.idle_number:
            return "a number has no place"
        own = {word for slot in tool.slots for form in slot.forms for word in form.words}
        if any(w in self._called and w not in own and w not in tool.plain for w in filled.rest):
            return "it names something else"
        kinds = {tool.slots[span.slot].kind for span in filled.spans}
        if self._is_qualified(tool, filled):
            return "it names another such thing"
        named = kinds and kinds <= {Kind.TARGET, Kind.AREA}
        if named and tool.telling.isdisjoint(filled.rest) and not tool.goes_by_name:
            return "a name alone asks for nothing"
        if (
            kinds
            and kinds <= {Kind.NUMBER, Kind.DURATION}
            and tool.telling.isdisjoint(filled.rest)
        ):
            return "a number alone says nothing"
        return None

    def _is_qualified(self, tool: Tool, filled: Filled) -> bool:
        """Tell whether the word before a name says which one, and is none that is known."""
        starts = [s.start for s in filled.spans if tool.slots[s.slot].kind is Kind.TARGET]
        known = self._plain | tool.plain
        return any(
            start > 0
            and filled.said[start - 1] not in known
            and not any(span.end == start for span in filled.spans)
            for start in starts
        )

    def resolve(self, tool: Tool, filled: Filled, *, named_only: bool = False) -> Request | None:
        """Turn values found in a text into a request: names and rooms into targets.

        ``None`` if nothing says what it is about: "turn on the". With ``named_only``, only a name
        or a room says that; else a word for such a thing means the one in the box's room.
        """
        arguments = dict(filled.values)
        area = arguments.pop(AREA, None)
        slot = tool.target_slot
        if slot is None:
            return Request(tool.spec.name, arguments)
        named = cast("tuple[str, ...] | None", arguments.pop(slot.parameter, None))
        fit = [t for t in tool.spec.targets if named is None or t.id in named]
        within = [t for t in fit if (t.area or "").lower() == area]
        if area is not None and within:
            return Request(tool.spec.name, arguments, tuple(t.id for t in within))
        if area is not None and named is None:
            return Request(tool.spec.name, arguments)
        if named is None and (named_only or not tool.is_named(filled)):
            return None
        here = [t for t in fit if self.area and (t.area or "").lower() == self.area]
        if named is None and not here and len(fit) > 1:
            return Request(tool.spec.name, arguments, tuple(t.id for t in fit), ambiguous=True)
        chosen = here or fit
        several = named is not None and len(chosen) > 1
        return Request(tool.spec.name, arguments, tuple(t.id for t in chosen), ambiguous=several)


class Maker:
    """Makes tools ready; keeps what does not depend on the catalogue."""

    def __init__(self, language: Language, code: str) -> None:
        self._language = language
        self._cleaner = Cleaner(language, ())
        self.ear = Ear(language)
        self.numbers = Numbers(code)
        self.moments = Moments(language, self.numbers)
        self.templates = Templates(language)
        self._steps = frozenset(word for said in language.back.steps for word in phrase(said))
        self.stop = frozenset(word for text in language.words.stop for word in phrase(text))

    def tool(self, spec: ToolSpec) -> Tool:
        """Make one tool ready."""
        taken = slots(spec, self._language)
        examples = tuple(self._examples(spec, taken))
        marks = {f"{{{slot.parameter}}}" for slot in taken}
        plain = frozenset(word for example in examples for word in example.masked) - marks
        target = next((slot for slot in taken if slot.kind is Kind.TARGET), None)
        properties = cast(
            "Mapping[str, Mapping[str, object]]", spec.parameters.get("properties", {})
        )
        return Tool(
            spec,
            taken,
            Filler(
                taken,
                ear=self.ear,
                numbers=self.numbers,
                plain=plain | self.stop | self._steps,
                articles=self._language.words.articles,
                moments=self.moments,
            ),
            examples,
            plain,
            plain - self.stop,
            Draft202012Validator({"properties": {}, **spec.parameters}),
            target is not None and properties[target.parameter].get("type") == "array",
        )

    def spoken(self, tools: Mapping[str, tuple[ToolSpec, Sequence[Slot]]]) -> Spoken:
        """Return what knows the sentences with times and free text in them."""
        return Spoken(tools, self._language, self.numbers, self.moments)

    def names(self, catalogue: Sequence[ToolSpec]) -> Filler:
        """Return what finds misheard names and rooms of the whole house."""
        called = {
            name
            for spec in catalogue
            for target in spec.targets
            for name in (target.name, *target.aliases, target.area or "")
            if name
        }
        forms = tuple(Form(phrase(name), name.lower()) for name in sorted(called))
        places = tuple(Slot(str(place), Kind.CHOICE, forms) for place in range(2))
        return Filler(
            places,
            ear=self.ear,
            numbers=self.numbers,
            plain=self.stop,
            articles=self._language.words.articles,
        )

    def openings(self, tools: Iterable[Tool]) -> Openings:
        """Return the first words of all examples."""
        firsts = {example.masked[0] for tool in tools for example in tool.examples}
        plain = Guards(self._language)
        words = {
            word
            for word in firsts
            if word.isalpha() and not plain.is_question((word,)) and not plain.tells((word,))
        }
        return Openings(words, self.ear)

    def _examples(self, spec: ToolSpec, taken: Sequence[Slot]) -> Iterator[Example]:
        for text in spec.examples:
            said: list[str] = []
            masked: list[str] = []
            for place, part in enumerate(text.replace("}", "{").split("{")):
                if place % 2 == 0:
                    words = words_only(self._cleaner.clean(part[:200]))
                    said.extend(words)
                    masked.extend(words)
                else:
                    slot = next((s for s in taken if s.parameter == part), None)
                    said.extend(typical(slot))
                    masked.append(f"{{{part}}}")
            if said:
                yield Example(tuple(said), tuple(masked))


def typical(slot: Slot | None) -> Tokens:
    """Return how a value of a slot is said in examples."""
    if slot is None or slot.kind in {Kind.TEXT, Kind.PHRASE}:
        return ("something",)
    if slot.forms:
        return slot.forms[len(slot.forms) // 2].words
    return {Kind.DURATION: ("ten", "minutes"), Kind.TIME: ("seven",)}.get(slot.kind, ("fifty",))
