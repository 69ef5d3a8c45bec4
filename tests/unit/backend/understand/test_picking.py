"""Answers to "which?": what they single out, and that they never mean what was not asked about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.backend.local.understand.language import load
from appliance.backend.local.understand.picking import Picker
from appliance.backend.local.understand.text import phrase
from appliance.catalogue import Target

DESK = Target("desk", "desk lamp", ("work light",), "office", "light")
FLOOR = Target("floor", "floor lamp", (), "living room", "light")
READING = Target("reading", "reading lamp", (), "living room", "light")
LAMPS = (DESK, FLOOR, READING)
PICKER = Picker(load("en"))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("the desk one", (DESK,)),
        ("desk", (DESK,)),
        ("the work one please", (DESK,)),
        ("the one on the desk", (DESK,)),
        ("the living ones", (FLOOR, READING)),
        ("the reading lamp in the living room", (READING,)),
        ("the second one", (FLOOR,)),
        ("third", (READING,)),
        ("the fourth", ()),
        ("both", LAMPS),
        ("all of them", LAMPS),
        ("all the lamps", LAMPS),
        ("all of the lights", LAMPS),
        ("all but the desk lamp", ()),
        ("the lamp", ()),
        ("the one", ()),
        ("bananas", ()),
        ("not the desk one", ()),
        ("the desk or the floor one", ()),
        ("", ()),
    ],
)
def test_an_answer_means(said: str, meant: tuple[Target, ...]) -> None:
    assert PICKER.pick(phrase(said), LAMPS) == meant


def test_a_name_comes_before_a_place_in_the_question() -> None:
    second = Target("b", "second floor lamp", (), None, "light")
    assert PICKER.pick(("the", "second"), (second, DESK)) == (second,)


def test_german_counts_and_takes_all() -> None:
    picker = Picker(load("de"))
    assert picker.pick(phrase("die zweite"), LAMPS) == (FLOOR,)
    assert picker.pick(phrase("beide"), LAMPS) == LAMPS


@given(
    words=st.lists(
        st.sampled_from(
            ["the", "all", "both", "of", "desk", "floor", "lamp", "one", "not", "first", "red"]
        )
    ),
    count=st.integers(0, 3),
)
def test_only_what_was_asked_about_is_ever_meant(words: list[str], count: int) -> None:
    offered = LAMPS[:count]
    picked = PICKER.pick(tuple(words), offered)
    assert set(picked) <= set(offered)
    assert len(set(picked)) == len(picked)
