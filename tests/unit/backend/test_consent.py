"""Answers to the box's own questions, as the recogniser writes them down."""

import tomllib
from collections.abc import Iterator
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.backend.local import consent
from appliance.backend.local.consent import Kind
from appliance.errors import ConfigError

READ = consent.load("en", ("hey jarvis", "alexa"))
QUESTION = "Shall I unlock the front door?"
ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def kind(text: str, *, pin: bool = False) -> Kind:
    return READ.read(text, question=QUESTION, pin=pin).kind


def digits(text: str) -> str:
    return READ.read(text, question=QUESTION, pin=True).pin


@pytest.mark.parametrize(
    "text",
    [
        "Yes.",
        "Yes, please.",
        "yeah do it",
        "Okay.",
        "Sure, go ahead!",
        "Yes, unlock the front door.",
        "Hey Jarvis, yes.",
        "Alexa? Yes!",
        "Uh, yes.",
    ],
)
def test_yes(text: str) -> None:
    assert kind(text) is Kind.YES


@pytest.mark.parametrize(
    "text",
    ["No.", "No, thanks.", "Don't do it.", "Yes... no, wait.", "Not now.", "Stop.", "never mind"],
)
def test_no_wherever_it_stands_in_few_words(text: str) -> None:
    assert kind(text) is Kind.NO
    assert kind(text, pin=True) is Kind.NO


@pytest.mark.parametrize(
    "text",
    [
        "Turn on the kitchen light.",
        "Yes, and open the garage.",
        "Yesterday.",
        "And yes they said on television that it is fine",
        "one two three four",
        "the front door is what I asked you about, is it not, yes or no",
        "door",
        "please",
    ],
)
def test_what_is_no_plain_answer_is_something_else(text: str) -> None:
    assert kind(text) is Kind.OTHER


@pytest.mark.parametrize("text", ["", " ", "...", QUESTION, "unlock the front door", "Shall I?"])
def test_question_come_back_is_no_answer(text: str) -> None:
    assert kind(text) is Kind.NOTHING


@pytest.mark.parametrize(
    ("text", "pin"),
    [
        ("1234", "1234"),
        ("1, 2, 3, 4.", "1234"),
        ("1-2-3-4", "1234"),
        ("1,234", "1234"),
        ("12:34", "1234"),
        ("0 0 1 2", "0012"),
        ("0123", "0123"),
        ("One, two, three, four.", "1234"),
        ("Twelve thirty-four.", "1234"),
        ("nineteen eighty four", "1984"),
        ("double five oh one", "5501"),
        ("triple zero seven", "0007"),
        ("My PIN is 1 2 3 4.", "1234"),
        ("hey jarvis one two three four", "1234"),
        ("one to three for", "1234"),
        ("won too three four", "1234"),
    ],
)
def test_pin_in_any_grouping(text: str, pin: str) -> None:
    assert digits(text) == pin


@pytest.mark.parametrize("text", ["yes", "please unlock it for me", "two point five degrees", ""])
def test_no_pin(text: str) -> None:
    assert digits(text) == ""
    assert kind(text, pin=True) in {Kind.OTHER, Kind.NOTHING}


@given(st.text("0123456789", min_size=1, max_size=12), st.sampled_from([" ", ", ", ". "]))
def test_every_pin_digit_by_digit(pin: str, between: str) -> None:
    assert digits(between.join(pin)) == pin
    assert digits(between.join(ONES[int(digit)] for digit in pin)) == pin


@given(st.text(max_size=600), st.booleans())
def test_any_text_is_read_and_never_shown(text: str, pin: bool) -> None:  # noqa: FBT001
    reply = READ.read(text, question=QUESTION, pin=pin)
    assert (reply.kind is Kind.PIN) == bool(reply.pin)
    assert pin or not reply.pin
    assert "pin=" not in repr(reply)


def questions() -> Iterator[str]:
    for file in (files("appliance.tools") / "languages" / "en").iterdir():
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        for tool in table.get("tools", {}).values():
            for key in ("question", "with_pin", "wrong_pin"):
                if key in tool:
                    yield str(tool[key])


def test_no_question_of_the_box_answers_itself() -> None:
    asked = list(questions())
    assert len(asked) >= 3
    for question in asked:
        assert not READ.agrees(question), question


def test_language_without_a_file_is_named() -> None:
    with pytest.raises(ConfigError, match="xx"):
        consent.load("xx")
