import pytest

from appliance.backend.local.understand import language
from appliance.backend.local.understand.text import LONGEST, Cleaner

EN = language.load("en")
CLEANER = Cleaner(EN, ["hey jarvis", "okay nabu", "alexa"])


@pytest.mark.parametrize(
    "said",
    [
        "Hey Jarvis, turn on the light.",
        "hey, Jervis turn on the light",
        "Jarvis, turn on the light",
        "hey jar vis turn on the light",
        "okay now boo, turn on the light",
        "Alexa turn on the light!",
        "Alexis, turn on the light!",
        "Could you please turn on the light?",
        "um, turn on uh the light for me, please",
        "TURN ON THE LIGHT",
    ],
)
def test_what_says_nothing_is_left_out(said: str) -> None:
    assert CLEANER.clean(said) == ("turn", "on", "the", "light")


@pytest.mark.parametrize(
    "said", ["turn on the light", "have a look", "jazz please", "he drives a car"]
)
def test_a_request_that_begins_otherwise_keeps_its_beginning(said: str) -> None:
    assert CLEANER.clean(said)[0] == said.split(maxsplit=1)[0]


def test_breaks_between_clauses_are_kept() -> None:
    said = "The kitchen, no... the bedroom!"
    assert CLEANER.clean(said) == ("the", "kitchen", ",", "no", ",", "the", "bedroom")


def test_signs_become_words_and_hyphens_blanks() -> None:
    assert CLEANER.clean("a double-shot at 50%") == ("a", "double", "shot", "at", "50", "percent")


def test_a_lecture_is_no_request() -> None:
    assert CLEANER.clean("turn on the light " * (LONGEST // 18 + 1)) == ()


@pytest.mark.parametrize("said", ["", "   ", "\x00\x07", "🎉🎉", "...", "please", "hey jarvis"])
def test_nothing_said_gives_no_words(said: str) -> None:
    assert CLEANER.clean(said) == ()
