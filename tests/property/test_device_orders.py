"""Whatever is asked of whatever thing: an order within its shapes, or a refusal that says why."""

import math
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from appliance.ports import ToolResult
from appliance.tools import schema, wording
from appliance.tools.devices import telling
from appliance.tools.devices.families import FAMILIES, Family, Form
from appliance.tools.devices.known import Known, Order, Outcome
from appliance.tools.devices.members import acts_of
from appliance.tools.devices.model import (
    Choice,
    Colour,
    Flag,
    Kind,
    Press,
    Range,
    Shape,
    Trait,
    Value,
    Words,
)
from appliance.tools.devices.offer import offer
from appliance.tools.devices.orders import Refused, order, settable
from appliance.tools.devices.phrases import Phrases
from appliance.tools.plan import Plan
from tests.households import MadeHousehold, known, large, things

WORDS = wording.load("en")
PHRASES = Phrases(WORDS)
HOUSE = MadeHousehold()
TOOLS = offer(HOUSE, WORDS, most_listed=60, area="kitchen")

STATUSES = ("done", "unchanged", "unconfirmed", "rejected", "failed", "strange")
REASONS = (
    "", "underway", "sent", "offline", "refused", "lost", "no_house", "unwritable", "gone", "odd",
)  # fmt: skip

ranges = st.builds(
    lambda low, width, step, unit: Range(low, low + width, step, unit),
    st.floats(-1000, 1000),
    st.floats(0, 1000),
    st.sampled_from([0, 0.1, 0.5, 1, 7]),
    st.sampled_from(["", "°C", "°F", "%", "\x00evil {{ 1 }}"]),
)
texts = st.text(max_size=80)
shapes: st.SearchStrategy[Shape] = st.one_of(
    st.just(Flag()),
    ranges,
    st.builds(Choice, st.lists(texts, max_size=5).map(tuple)),
    st.just(Choice(("open", "closed", "locked", "off", "heat", "playing", "next", "disarmed"))),
    st.just(Colour()),
    st.just(Press()),
    st.just(Words()),
)
values: st.SearchStrategy[Value] = st.one_of(
    st.booleans(), st.integers(-300, 300), st.floats(), texts
)
states = st.dictionaries(st.sampled_from(Trait), values, max_size=6)


@st.composite
def devices(draw: st.DrawFn) -> Known:
    traits = st.sampled_from(Trait)
    name = draw(st.text(min_size=1, max_size=30))
    return known(
        draw(st.sampled_from(Kind)),
        name,
        draw(st.sampled_from([None, "kitchen"])),
        sets=draw(st.dictionaries(traits, shapes, max_size=6)),
        tells=draw(st.dictionaries(traits, shapes, max_size=3)),
        device_class=draw(st.sampled_from(["", "door", "motion", "garage", "Ω"])),
        id="it",
    )


@st.composite
def arguments(draw: st.DrawFn) -> dict[str, object]:
    names = sorted({p.name for family in FAMILIES for p in family.parameters})
    sensible = st.sampled_from(
        ["on", "off", "toggle", "open", "close", "unlock", "brighter", "cooler", "red", "white",
         "warm_white", "heat", 0, 1, 50, 100, 21.5, 1e308, -1]
    )  # fmt: skip
    return draw(st.dictionaries(st.sampled_from(names), st.one_of(sensible, values), max_size=4))


def within(thing: Known, wanted: Mapping[Trait, Value]) -> bool:
    return bool(wanted) and all(_fits(thing, trait, value) for trait, value in wanted.items())


def _fits(one: Known, trait: Trait, value: Value) -> bool:
    feature = settable(one.thing, trait)
    if feature is None:
        return False
    match feature.shape:
        case Flag():
            return isinstance(value, bool)
        case Range(minimum=low, maximum=high):
            if isinstance(value, bool | str):
                return False
            return math.isfinite(value) and low <= value <= high
        case Choice(options=options):
            return value in (feature.choices or options)
        case Words(longest=longest, shortest=shortest):
            return isinstance(value, str) and shortest <= len(value) <= longest
        case Colour():
            return isinstance(value, str) and len(value) == 7 and value.startswith("#")
        case Press():
            return value is True


@given(devices(), states, st.sampled_from(FAMILIES), arguments(), st.booleans())
def test_any_call_is_an_order_within_the_shapes_or_a_refusal_that_says_why(
    one: Known,
    now: dict[Trait, Value],
    family: Family,
    asked: dict[str, object],
    fahrenheit: bool,  # noqa: FBT001 - drawn
) -> None:
    made = order(one, now, family, asked, fahrenheit=fahrenheit)
    if isinstance(made, Refused):
        result = telling.refused(PHRASES, one, made)
        assert result.status == "rejected"
        assert result.say
        return
    assert within(one, made.wanted)
    assert telling.question(PHRASES, one, made).endswith("?")
    acts = acts_of(one, made, {})
    assert [(act.trait, act.value) for act in acts] == [
        (trait.value, value) for trait, value in made.wanted.items()
    ]


@given(devices(), states, states, st.sampled_from(STATUSES), st.sampled_from(REASONS))
def test_every_ending_has_a_sentence_without_anything_a_stranger_could_hide_in_it(
    one: Known, wanted: dict[Trait, Value], now: dict[Trait, Value], status: str, reason: str
) -> None:
    asked = Order(one.id, wanted or {Trait.POWER: True})
    result = telling.ended(PHRASES, one, asked, Outcome(status, reason, now))
    _is_sound(result)
    _is_sound(telling.reading(PHRASES, one, now, reachable=status == "done"))
    _is_sound(telling.temperature(PHRASES, one, now, reachable=status == "done"))


def _is_sound(result: ToolResult) -> None:
    assert result.say
    state = result.data["state"]
    assert isinstance(state, dict)
    for value in state.values():
        assert not isinstance(value, str) or (len(value) <= 60 and not set(value) & set("<>{}\n"))


@given(st.lists(devices(), max_size=6), st.integers(0, 5))
def test_tools_are_sound_whatever_is_in_the_house_and_list_no_more_than_they_may(
    made: list[Known], most: int
) -> None:
    house = MadeHousehold(
        known(
            one.thing.kind,
            one.name,
            one.area,
            sets={t: f.shape for t, f in one.thing.features.items() if f.settable},
            tells={t: f.shape for t, f in one.thing.features.items() if not f.settable},
            id=f"it_{number}",
        )
        for number, one in enumerate(made)
    )
    tools = offer(house, WORDS, most_listed=most, area="kitchen")
    listed: set[str] = set()
    for tool in tools:
        assert list(schema.findings(tool.spec.parameters)) == []
        ids = [target.id for target in tool.spec.targets if target.listed]
        assert not listed & set(ids)
        listed |= set(ids)
        device = tool.spec.parameters["properties"].get("device", {})  # type: ignore[attr-defined]
        assert set(device.get("enum", ids)) <= set(ids)
    assert len(listed) <= most


@given(st.sampled_from(range(len(things()))), arguments(), states)
def test_a_call_that_fits_a_tool_s_schema_gets_a_plan_or_an_answer(
    number: int, asked: dict[str, object], now: dict[Trait, Value]
) -> None:
    one = things()[number]
    HOUSE.states[one.id] = now
    for tool in TOOLS:
        call = {"device": one.id, **asked}
        fitted, problems = schema.fit(tool.spec.parameters, call)
        if not problems:
            made = tool.plan(fitted)
            assert isinstance(made, Plan | ToolResult)
            assert not isinstance(made, Plan) or all(act.device == one.id for act in made.acts)


def test_of_a_large_house_no_more_is_listed_than_was_allowed() -> None:
    tools = offer(MadeHousehold(large(1_000)), WORDS, most_listed=60, area="attic 2")
    listed = [t for tool in tools for t in tool.spec.targets if t.listed]
    assert len(listed) == 60
    assert {t.area for t in listed[:2]} == {"attic 2"}
    assert all(
        "enum" not in tool.spec.parameters["properties"]["device"]  # type: ignore[index]
        for tool in tools
        if any(not target.listed for target in tool.spec.targets)
    )


def test_every_form_of_a_parameter_is_in_some_tool() -> None:
    assert {p.form for family in FAMILIES for p in family.parameters} == set(Form)
