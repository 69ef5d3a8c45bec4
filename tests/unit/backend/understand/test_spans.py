import pytest

from appliance.backend.local.understand import language
from appliance.backend.local.understand.numbers import Numbers
from appliance.backend.local.understand.slots import slots
from appliance.backend.local.understand.sound import Ear
from appliance.backend.local.understand.spans import Filler
from appliance.catalogue import ToolSpec

EN = language.load("en")
NUMBERS = Numbers("en")


def filler(*required: str, **properties: dict[str, object]) -> Filler:
    spec = ToolSpec("tool", "A tool.", {"properties": properties, "required": list(required)})
    plain = frozenset(EN.words.stop)
    return Filler(slots(spec, EN), ear=Ear(EN), numbers=NUMBERS, plain=plain)


FRUIT = filler(
    "fruit",
    fruit={"enum": ["apple", "pineapple", "dried apple", "cherry", "raspberry"]},
    form={"enum": ["juice", "dried slices", "medium jam"]},
    size={"enum": ["small", "medium", "sixteen ounce"], "x-say": {"small": ["little"]}},
)


@pytest.mark.parametrize(
    ("said", "values"),
    [
        ("an apple", {"fruit": "apple"}),
        ("a pine apple", {"fruit": "pineapple"}),
        ("a tried apple", {"fruit": "dried apple"}),
        ("some medium jam", {"form": "medium jam"}),
        ("some medium cherry jam", {"size": "medium", "fruit": "cherry"}),
        ("a little cherry", {"size": "small", "fruit": "cherry"}),
        ("sixty nounce raspberri juice", {
            "size": "sixteen ounce", "fruit": "raspberry", "form": "juice",
        }),
        ("16 ounce cherry", {"size": "sixteen ounce", "fruit": "cherry"}),
        ("16 ounces of cherry", {"size": "sixteen ounce", "fruit": "cherry"}),
        ("a tree", {}),
        ("", {}),
    ],
)  # fmt: skip
def test_the_values_that_explain_most_are_chosen_together(
    said: str, values: dict[str, object]
) -> None:
    assert FRUIT.fill(said.split()).values == values


def test_a_required_value_may_be_less_alike_where_the_rest_is_clear() -> None:
    assert FRUIT.fill(["a", "small", "jarly"]).values["fruit"] == "cherry"
    assert "fruit" not in FRUIT.fill(["jarly"]).values


def test_a_required_value_is_not_invented() -> None:
    assert FRUIT.fill(["a", "small", "house"]).values == {"size": "small"}


LAMP = filler(
    state={"enum": ["on", "off"]},
    brightness_pct={"type": "integer", "minimum": 0, "maximum": 100},
    warmth={"type": "integer", "minimum": 2000, "maximum": 6500, "x-unit": "kelvin"},
    after={"type": "integer", "minimum": 1, "x-unit": "seconds"},
    color={"type": "string", "format": "color"},
    blink={"type": "boolean", "x-say": {"true": ["blinking"]}},
)


@pytest.mark.parametrize(
    ("said", "values"),
    [
        ("fifty percent", {"brightness_pct": 50}),
        ("half", {"brightness_pct": 50}),
        ("2700 kelvin", {"warmth": 2700}),
        ("in ten minutes", {"after": 600}),
        ("violet", {"color": "#8000ff"}),
        ("forty percent red after an hour", {
            "brightness_pct": 40, "color": "#ff0000", "after": 3600,
        }),
        ("off", {"state": "off"}),
        ("of", {}),
        ("three hundred percent", {}),
        ("blinking", {"blink": True}),
    ],
)  # fmt: skip
def test_numbers_go_where_their_unit_and_size_fit(said: str, values: dict[str, object]) -> None:
    assert LAMP.fill(said.split()).values == values


def test_a_number_without_a_place_is_told() -> None:
    assert LAMP.fill(["three", "hundred", "percent"]).idle_number
    assert not LAMP.fill(["thirty", "percent"]).idle_number
    assert not LAMP.fill(["one", "lamp", "off"]).idle_number


def test_what_fills_nothing_is_left() -> None:
    filled = FRUIT.fill(["bring", "me", "an", "apple"])
    assert filled.rest == ("bring", "me", "an")


def test_each_slot_is_filled_once() -> None:
    filled = FRUIT.fill(["an", "apple", "a", "cherry", "and", "a", "raspberry"])
    assert len(filled.spans) == 1
