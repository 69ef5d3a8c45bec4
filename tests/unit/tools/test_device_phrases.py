"""What is said of devices: nothing is missing, and every text can be filled in."""

import re

import pytest

from appliance.tools import wording
from appliance.tools.devices.families import DEVICE, FAMILIES, Family, Form
from appliance.tools.devices.model import UNDERWAY, Trait
from appliance.tools.devices.phrases import Phrases, plain
from appliance.tools.templates import compile_template

WORDS = wording.load("en")
PHRASES = Phrases(WORDS)
GIVEN = {
    "about": {"unit"},
    "is": {"value"},
    "do": {"the", "value", "what"},
    "ended": {"the", "The", "state"},
    "refused": {"the", "The", "low", "high", "unit", "shortest", "longest", "options"},
    "read": {"the", "The", "state", "value"},
    "find": {"names", "count"},
    "names": {"name"},
}


@pytest.mark.parametrize("table", GIVEN)
def test_every_text_asks_only_for_what_it_is_given(table: str) -> None:
    for key, text in PHRASES.table(table).items():
        assert compile_template(str(text)).names <= GIVEN[table], key


def test_what_things_are_called_besides_needs_no_more_than_their_room() -> None:
    for texts in PHRASES.table("also").values():
        assert isinstance(texts, list)
        assert all(set(re.findall(r"\{.*?\}", str(text))) <= {"{area}"} for text in texts)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.tool)
def test_every_tool_is_described_and_its_examples_know_their_places(family: Family) -> None:
    assert WORDS.text(family.tool, "description")
    places = {DEVICE, *(parameter.name for parameter in family.parameters)}
    for example in WORDS.texts(family.tool, "examples"):
        assert set(re.findall(r"\{([^}]*)\}", example)) <= places, example


def test_every_parameter_is_explained() -> None:
    for family in FAMILIES:
        for parameter in family.parameters:
            assert PHRASES.has("about", parameter.name)


def test_every_trait_can_be_told() -> None:
    flags = {Trait.POWER, Trait.OSCILLATION, Trait.MUTED}
    for trait in Trait:
        keys = [f"{trait.value}_true"] if trait in flags else [trait.value]
        if trait is Trait.TRACK:
            keys = ["track_next"]
        assert all(PHRASES.has("is", key) for key in keys), trait


def test_every_word_of_ours_says_how_it_is_and_that_it_is_under_way() -> None:
    for family in FAMILIES:
        for parameter in family.parameters:
            for trait, value in parameter.verbs.values():
                if parameter.form is Form.VERB and isinstance(value, str):
                    known = PHRASES.has("is", f"{trait.value}_{value}")
                    assert known or PHRASES.has("is", trait.value)
    for wanted in UNDERWAY:
        key = "armed" if str(wanted).startswith("armed_") else str(wanted)
        assert PHRASES.has("underway", key)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("  two\n words\t", "two words"),
        ("<script>{{ 7 * 7 }}</script>", "script 7 * 7 /script"),
        ("right\u202eleft\u200b\x00", "rightleft"),
        ("x" * 100, "x" * 60),
        ("", ""),
    ],
)
def test_a_stranger_s_text_is_one_short_line_of_what_can_be_seen(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_a_name_gets_an_article_only_where_it_has_none() -> None:
    assert PHRASES.the("front door") == "the front door"
    assert PHRASES.the("My lamp") == "My lamp"


def test_parts_are_joined_as_one_says_them() -> None:
    assert PHRASES.listed(()) == ""
    assert PHRASES.listed(("a",)) == "a"
    assert PHRASES.listed(("a", "b", "c"), link="or") == "a, b or c"
