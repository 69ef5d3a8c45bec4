"""Whatever is heard, understanding answers in bounded time and never asks for the impossible."""

import time
from collections.abc import Mapping
from functools import cache
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from appliance.backend.local.understand import StagedUnderstander
from appliance.backend.local.understand.types import Understanding
from appliance.catalogue import IntentBinding, Target, ToolSpec
from tests.requests import DATA, house, read

HOUSE = house()
SAID = [turn for request in read(DATA / "requests" / "home_en.toml") for turn in request.turns]
WORDS = sorted({word for said in SAID for word in said.split()})

LONGEST_S = 8.0
"""Far more than any request takes (0.2 s), for machines that are busy."""

nonsense = st.lists(st.sampled_from(WORDS), max_size=45).map(" ".join)
half_said = st.builds(
    lambda one, other, cut: one[:cut] + " " + other,
    *[st.sampled_from(SAID)] * 2,
    st.integers(0, 40),
)
endless = [
    "\x00",
    "🎉",
    "{",
    "[(<|>)]",
    "and ",
    "no ",
    "one ",
    "a",
    "turn on ",
    "9",
    "1.1,1",
    "half and ",
]
odd = ["۱۲۳ % °", "\u202e\ufeff\ud7ff", "".join(map(chr, range(32)))]
hostile = st.text(max_size=600) | st.sampled_from([*odd, *((one * 400)[:399] for one in endless)])
heard = nonsense | half_said | hostile


@cache
def understander() -> StagedUnderstander:
    return StagedUnderstander(wake_phrases=["hey jarvis"], area="kitchen")


def check(understanding: Understanding, tools: tuple[ToolSpec, ...]) -> None:
    by_name = {tool.name: tool for tool in tools}
    for call in understanding.calls:
        tool = by_name[call.tool]
        properties = cast("Mapping[str, Mapping[str, object]]", tool.parameters["properties"])
        defaults = {name: p["default"] for name, p in properties.items() if "default" in p}
        Draft202012Validator(tool.parameters).validate({**defaults, **call.arguments})
        if tool.target_parameter is not None:
            ids = {target.id for target in tool.targets}
            assert call.arguments[tool.target_parameter] in ids
    assert understanding.calls or understanding.say
    assert understanding.stage in {"sentences", "nearest", "none"}
    assert (understanding.stage == "none") <= (not understanding.calls)


@pytest.mark.timeout(300)
@settings(max_examples=150)
@given(heard)
def test_any_text_gets_an_answer_that_fits(text: str) -> None:
    began = time.monotonic()
    understanding = understander().understand(text, HOUSE)
    assert time.monotonic() - began < LONGEST_S
    check(understanding, HOUSE)


names = st.text(alphabet="abc (){}[]<>|:;%'\"ßé", min_size=1, max_size=12)
properties = st.dictionaries(
    st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True),
    st.one_of(
        st.builds(
            lambda values: {"enum": values}, st.lists(names, min_size=1, max_size=4, unique=True)
        ),
        st.just({"type": "boolean"}),
        st.just({"type": "string"}),
        st.builds(
            lambda low, high: {"type": "integer", "minimum": low, "maximum": high},
            st.integers(-5, 5),
            st.integers(5, 2000),
        ),
        st.just({"type": "integer", "minimum": 1, "x-unit": "s"}),
    ),
    max_size=4,
)


@st.composite
def tools(draw: st.DrawFn) -> tuple[ToolSpec, ...]:
    made = []
    for number in range(draw(st.integers(0, 3))):
        own = draw(properties)
        places = ["{" + name + "}" for name in own] + ["do", "it", "}", "{x}", "[a|b]"]
        examples = st.lists(st.sampled_from(places), max_size=5).map(" ".join)
        made.append(
            ToolSpec(
                f"tool{number}",
                "",
                {
                    "type": "object",
                    "properties": {**own, "which": {"enum": ["a", "b"]}},
                    "required": draw(st.lists(st.sampled_from([*own, "which"]), unique=True)),
                    "additionalProperties": False,
                },
                examples=tuple(draw(st.lists(examples, max_size=3))),
                targets=tuple(
                    Target(
                        id_, draw(names), tuple(draw(st.lists(names, max_size=2))), area, "light"
                    )
                    for id_, area in (("a", "b c"), ("b", None))
                ),
                target_parameter="which",
                intents=(IntentBinding("HassTurnOn", draw(st.sampled_from([{}, {"x": 1}]))),),
            )
        )
    return tuple(made)


@pytest.mark.timeout(300)
@settings(max_examples=60)
@given(tools(), st.lists(st.sampled_from(["do", "it", "turn on", "a", "b", "c", "the", "one"])))
def test_any_catalogue_can_be_talked_to(catalogue: tuple[ToolSpec, ...], said: list[str]) -> None:
    understanding = StagedUnderstander().understand(" ".join(said), catalogue)
    for call in understanding.calls:
        spec = next(tool for tool in catalogue if tool.name == call.tool)
        Draft202012Validator(spec.parameters).validate(dict(call.arguments))
