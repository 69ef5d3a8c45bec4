"""Whatever the catalogue and whatever the model writes: calls that fit, or none."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from appliance.backend.local.llm.offer import LONGEST, offered, within
from appliance.backend.local.llm.prompt import LONGEST_REQUEST, prompt
from appliance.backend.local.llm.reading import NOTHING, read
from appliance.backend.local.llm.schema import LONGEST_SAID, MOST_CALLS, answers
from appliance.catalogue import Risk, Target, ToolSpec

WORDS = frozenset(
    {"type", "properties", "required", "additionalProperties", "enum", "const", "items", "anyOf"}
    | {"maxItems", "minimum", "maximum", "maxLength"}
)
"""What llama.cpp's grammar is known to take."""

names = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
texts = st.text(max_size=30)

plain = st.one_of(
    st.fixed_dictionaries({"enum": st.lists(texts, min_size=1, max_size=14, unique=True)}),
    st.just({"type": "boolean"}),
    st.just({"type": "string", "maxLength": 20}),
    st.fixed_dictionaries(
        {"type": st.just("integer"), "minimum": st.just(0), "maximum": st.integers(1, 100)}
    ),
    st.just({"type": "number", "multipleOf": 0.5}),
)
strange = st.sampled_from(
    [
        {"type": "object", "properties": {}},
        {"type": "array", "items": {"type": "string"}},
        {"$ref": "http://example.test/schema"},
        {"type": "string", "pattern": "("},
        {"enum": []},
        {"enum": [["a"]]},
        {},
        True,
    ]
)


@st.composite
def tools(draw: st.DrawFn) -> ToolSpec:
    properties: dict[str, Any] = draw(
        st.dictionaries(names, st.one_of(plain, plain, strange), max_size=4)
    )
    targets: tuple[Target, ...] = ()
    parameter = None
    if draw(st.booleans()):
        ids = draw(st.lists(names, max_size=8, unique=True))
        targets = tuple(
            Target(i, draw(texts), area=draw(st.none() | texts), listed=draw(st.booleans()))
            for i in ids
        )
        parameter = "thing"
        properties[parameter] = {"type": "string"}
    required = [name for name in properties if draw(st.booleans())]
    parameters = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
        "minProperties": draw(st.integers(0, 3)),
    }
    return ToolSpec(
        draw(names),
        draw(texts),
        parameters,
        targets=targets,
        target_parameter=parameter,
        risk=draw(st.sampled_from([Risk.FREE, Risk.FREE, Risk.FREE, Risk.PIN, Risk.NEVER])),
        closes=draw(st.sampled_from([False, False, True])),
    )


catalogues = st.lists(tools(), max_size=3, unique_by=lambda tool: tool.name)
numbers = st.sampled_from([0, 7, 21, 0.5, 1_000])


@st.composite
def houses(draw: st.DrawFn) -> tuple[list[ToolSpec], Mapping[str, Mapping[str, Sequence[object]]]]:
    """Draw tools, and numbers that were said, as far as they fit."""
    catalogue = draw(catalogues)
    heard: dict[str, dict[str, tuple[object, ...]]] = {}
    for tool in catalogue:
        for name, prop in tool.parameters["properties"].items():  # type: ignore[attr-defined]
            if isinstance(prop, dict) and prop.get("type") in ("integer", "number"):
                said = draw(st.lists(numbers, max_size=2))
                fit = tuple(n for n in said if Draft202012Validator(prop).is_valid(n))
                if fit:
                    heard.setdefault(tool.name, {})[name] = fit
    return catalogue, heard


def instance(data: st.DataObject, schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    """Draw something that fits a schema, as the grammar would."""
    if "anyOf" in schema:
        return instance(data, data.draw(st.sampled_from(schema["anyOf"])))
    if "enum" in schema:
        return data.draw(st.sampled_from(schema["enum"]))
    if "const" in schema:
        return schema["const"]
    match schema["type"]:
        case "object":
            optional = [name for name in schema["properties"] if name not in schema["required"]]
            left_out = {name for name in optional if data.draw(st.booleans())}
            return {
                name: instance(data, prop)
                for name, prop in schema["properties"].items()
                if name not in left_out
            }
        case "array":
            count = data.draw(st.integers(0, schema["maxItems"]))
            return [instance(data, schema["items"]) for _ in range(count)]
        case "string":
            return data.draw(st.text(max_size=min(20, schema["maxLength"])))
        case "boolean":
            return data.draw(st.booleans())
        case kind:
            raise AssertionError(f"{kind}: a number that nobody said")


def words_of(schema: object) -> set[str]:
    """Return the words of JSON Schema that a schema uses."""
    match schema:
        case {"properties": dict(properties)}:
            inner = set[str]().union(*map(words_of, properties.values()))
            assert isinstance(schema, dict)
            return {*schema} | inner
        case dict():
            return {*schema} | words_of(schema.get("items")) | words_of(schema.get("anyOf"))
        case list():
            return set[str]().union(*map(words_of, schema))
        case _:
            return set()


@settings(max_examples=40)
@given(house=houses(), speaks=st.booleans())
def test_the_schema_has_only_words_that_the_grammar_takes(
    house: tuple[list[ToolSpec], Any], *, speaks: bool
) -> None:
    catalogue, heard = house
    schema = answers(within(offered(catalogue), heard), speaks=speaks)
    Draft202012Validator.check_schema(schema)
    assert words_of(schema) <= WORDS


@settings(max_examples=60)
@given(house=houses(), data=st.data(), speaks=st.booleans())
def test_what_the_grammar_allows_is_calls_that_fit_or_none(
    house: tuple[list[ToolSpec], Any], data: st.DataObject, *, speaks: bool
) -> None:
    catalogue, heard = house
    some = within(offered(catalogue), heard)
    written = instance(data, answers(some, speaks=speaks))

    answer = read(json.dumps(written), some, speaks=speaks)

    specs = {tool.name: tool for tool in catalogue}
    assert len(answer.calls) <= MOST_CALLS
    for call in answer.calls:
        spec = specs[call.tool]
        assert spec.risk is Risk.FREE
        assert not spec.closes
        assert Draft202012Validator(dict(spec.parameters)).is_valid(dict(call.arguments))
    wanted = {json.dumps(call, sort_keys=True) for call in written["calls"]}
    assert len(answer.calls) in (0, len(wanted))
    if all(tool.least <= len(tool.required) + 1 for tool in some):
        assert len(answer.calls) == len(wanted), "the grammar and the check agree"
    assert not (answer.say and answer.calls)
    assert speaks or not answer.say


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=60)
@given(catalogues, st.one_of(st.text(max_size=80), json_values.map(json.dumps)), st.data())
def test_any_text_is_read(catalogue: list[ToolSpec], text: str, data: st.DataObject) -> None:
    some = offered(catalogue)
    assert len(read(text, some, speaks=True).say) <= LONGEST_SAID
    call = {"tool": data.draw(st.sampled_from([t.name for t in catalogue] or ["x"]))}
    wanted = {"calls": [{**call, "arguments": data.draw(json_values)}]}
    specs = {tool.name: tool for tool in catalogue}
    for made in read(json.dumps(wanted), some).calls:
        assert specs[made.tool].risk is Risk.FREE
        arguments = dict(made.arguments)
        assert Draft202012Validator(dict(specs[made.tool].parameters)).is_valid(arguments)


@settings(max_examples=30)
@given(catalogues)
def test_what_is_not_offered_cannot_be_called(catalogue: list[ToolSpec]) -> None:
    some = offered(catalogue)
    kept = {tool.name for tool in some}
    for tool in catalogue:
        if tool.name not in kept:
            text = json.dumps({"calls": [{"tool": tool.name, "arguments": {}}]})
            assert read(text, some) == NOTHING


@settings(max_examples=30)
@given(catalogues, texts, texts)
def test_the_prompt_is_bounded_and_always_the_same(
    catalogue: list[ToolSpec], area: str, request: str
) -> None:
    some = offered(catalogue, area=area)
    told = prompt(some, area=area)
    assert len(told.system) < LONGEST + 800
    assert told == prompt(offered(list(catalogue), area=area), area=area)
    assert "\n" not in "".join(tool.line() for tool in some)
    *before, last = told.messages(request * 40)
    assert before == told.messages("x")[:-1]
    assert len(last["content"]) <= LONGEST_REQUEST
