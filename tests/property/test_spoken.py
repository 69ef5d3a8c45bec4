"""Sentences with times and free text: whatever is said, and times of day in every form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.backend.local.understand import StagedUnderstander, language
from appliance.backend.local.understand.moments import Moments
from appliance.backend.local.understand.numbers import Numbers
from appliance.backend.local.understand.text import tokens, words_only
from appliance.tools import wording
from appliance.tools.timers.offer import later_spec, specs

ENGLISH = language.load("en")
MOMENTS = Moments(ENGLISH, Numbers("en"))
WORDS = wording.load("en")
TOOLS = (*specs(WORDS), later_spec(WORDS))
UNDERSTANDER = StagedUnderstander(nearest=False)

VOCABULARY = sorted(
    {word for tool in TOOLS for text in tool.examples for word in text.lower().split()}
    | {"ten", "minutes", "seven", "half", "past", "pasta", "the", "an", "hour", "and", "30"}
)


@given(st.lists(st.sampled_from(VOCABULARY), max_size=40).map(" ".join))
def test_any_words_give_an_answer_and_every_call_fits(said: str) -> None:
    for call in UNDERSTANDER.understand(said, TOOLS).calls:
        assert call.tool in {tool.name for tool in TOOLS}


@given(st.integers(0, 23), st.integers(0, 59))
def test_a_time_in_digits_is_read_as_it_is(hour: int, minute: int) -> None:
    words = words_only(tokens(f"{hour:02}:{minute:02}", ENGLISH))
    (end, value), *_ = MOMENTS.at(words, 0)
    assert end == 2
    assert value == (f"{hour}:{minute:02}?" if 1 <= hour <= 12 else f"{hour:02}:{minute:02}")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("seven", "7:00?"), ("half past six", "6:30?"), ("quarter to eight", "7:45?"),
        ("quarter to one", "12:45?"), ("7:30 am", "07:30"), ("7.30 p.m.", "19:30"),
        ("noon", "12:00"), ("midnight", "00:00"), ("seven in the evening", "19:00"),
        ("ten past five", "5:10?"), ("six thirty", "6:30?"), ("seven oh five", "7:05?"),
        ("seventeen thirty", "17:30"), ("eight tonight", "20:00"), ("12 am", "00:00"),
        ("twelve pm", "12:00"), ("six o'clock", "6:00?"), ("20 minutes to nine", "8:40?"),
        ("two at night", "02:00"), ("five minutes", ""), ("a quarter past", ""), ("24", ""),
    ],
)  # fmt: skip
def test_times_as_people_say_them(said: str, expected: str) -> None:
    words = words_only(tokens(said, ENGLISH))
    found = MOMENTS.at(words, 0)
    assert (found[0][1] if found else "") == expected
    assert not found or found[0][0] == len(words)


def test_a_language_without_words_for_times_knows_none() -> None:
    german = Moments(language.load("de"), Numbers("de"))
    assert german.at(("sieben",), 0) == ()
