"""The prompt library: what may stand in a file, and who the box is when it is called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.backend.prompting.library import Library, Written, fill_in, gather, read
from appliance.backend.prompting.persona import PLAIN
from appliance.errors import ConfigError

BOX = {"name": "Jarvis", "area": "kitchen"}

BUTLER = """\
description = "Old school"
wake_words = ["hey_jarvis"]
language = "en"
instructions = "You are {{ name }}, a butler in the {{area}}. {{house}}"

[voices]
realtime = "cedar"

[variables]
house = "Ann lives here."
"""


def file(text: str, name: str = "butler") -> Written:
    return Written(name, f"{name}.toml", text.encode())


def wrong(text: str, name: str = "butler") -> str:
    with pytest.raises(ConfigError) as caught:
        read(file(text, name), BOX)
    (problem,) = caught.value.problems
    return problem


def test_variables_are_filled_in_and_those_of_the_file_win() -> None:
    prompt = read(file(BUTLER), {**BOX, "house": "Nobody lives here."})
    assert prompt.instructions == "You are Jarvis, a butler in the kitchen. Ann lives here."
    assert prompt.persona("realtime").voice == "cedar"
    assert prompt.persona("gemini").voice == ""
    assert prompt.persona("gemini").language == "en"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("instructions = 'Hi {{ nobody }}'", "butler.toml:1: instructions: there is no variable"),
        ("\ninstructions = 'Hi {{ name'", "butler.toml:2: instructions: a `{{` or `}}` belongs"),
        ("description = 'x'", "butler.toml: instructions: Field required"),
        ("instructions = 'x'\nvoice = 'y'", "butler.toml:2: voice: Extra inputs"),
        ("instructions = 'x'\nlanguage = 'english'", "butler.toml:2: language: String should"),
        ("instructions = ", "butler.toml: Invalid value"),
        (f"instructions = '{'x' * 70_000}'", "butler.toml: is too long; 65536 bytes"),
    ],
)
def test_one_line_for(text: str, told: str) -> None:
    assert wrong(text).startswith(told)


def test_variables_cannot_make_it_longer_than_a_model_takes() -> None:
    long = f"instructions = '{'{{ area }}' * 10}'\n[variables]\narea = '{'x' * 3_000}'"
    assert "too long with its variables" in wrong(long)


def test_a_name_is_one_that_settings_can_say() -> None:
    assert "name it with small letters" in wrong(BUTLER, "The Butler")


def test_what_is_wrong_is_left_out_and_the_others_stay() -> None:
    library = gather([file("x"), file(BUTLER, "good")], BOX)
    assert list(library.prompts) == ["good"]
    (problem,) = library.problems
    assert problem.startswith("butler.toml")


def test_a_wake_word_calls_its_own_and_any_other_the_one_in_use() -> None:
    plain = "instructions = 'You are plain.'"
    library = gather([file(BUTLER), file(plain, "plain")], BOX, use="plain", words={"hey_jarvis"})
    assert library.problems == ()
    assert library.persona("hey_jarvis", "realtime").name == "butler"
    assert library.persona("alexa", "realtime").name == "plain"
    assert library.persona("", "realtime").name == "plain"
    assert gather([file(BUTLER)], BOX).persona("", "realtime") == PLAIN


def test_two_for_one_word_a_word_that_nobody_hears_and_a_use_of_nothing_are_told() -> None:
    library = gather([file(BUTLER), file(BUTLER, "copy")], BOX, use="gone", words={"alexa"})
    told = "\n".join(library.problems)
    assert "hey_jarvis is that of butler already" in told
    assert "the box does not listen for hey_jarvis (alexa)" in told
    assert "prompts.use: there is no gone in the library (butler, copy)" in told


@given(st.binary(max_size=200), st.text(max_size=10))
def test_any_file_is_read_or_told_of(data: bytes, name: str) -> None:
    library = gather([Written(name, "any.toml", data)], BOX)
    assert isinstance(library, Library)
    assert bool(library.prompts) != bool(library.problems)


@given(st.dictionaries(st.sampled_from(["a", "b"]), st.text(max_size=20), min_size=2))
def test_what_a_variable_holds_is_never_looked_into(values: dict[str, str]) -> None:
    whole = fill_in("<{{ a }}|{{b}}>", values)
    assert whole == f"<{values['a']}|{values['b']}>"
