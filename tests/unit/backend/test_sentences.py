import pytest

from appliance.backend.pipeline import sentences
from appliance.backend.pipeline.sentences import split

ABBREVIATIONS = frozenset({"dr", "e.g"})


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("   \n ", []),
        ("The light is on.", ["The light is on."]),
        ("The light is on. The blind is closed.", ["The light is on.", "The blind is closed."]),
        ("Really? Yes! Good.", ["Really?", "Yes!", "Good."]),
        ("It is 21.5 degrees. Warm.", ["It is 21.5 degrees.", "Warm."]),
        ("Ask Dr. Smith. He knows.", ["Ask Dr. Smith.", "He knows."]),
        ("Take one, e.g. Bach.", ["Take one, e.g. Bach."]),
        ("By J. Brahms. Loud.", ["By J. Brahms.", "Loud."]),
        ("So did I. Then we left.", ["So did I.", "Then we left."]),
        ("Well... perhaps. Yes.", ["Well... perhaps.", "Yes."]),
        ("Well... Perhaps.", ["Well...", "Perhaps."]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("One\nTwo", ["One", "Two"]),
    ],
)
def test_text_is_cut_where_a_speaker_would_stop(text: str, parts: list[str]) -> None:
    assert split(text, abbreviations=ABBREVIATIONS) == parts


def test_first_clause_of_a_long_sentence_goes_ahead() -> None:
    text = (
        "There are three lights on, the one in the kitchen, the one in the hall"
        " and the one in the bedroom."
    )
    first, rest = split(text)
    assert first == "There are three lights on,"
    assert f"{first} {rest}" == text


def test_a_clause_too_short_to_sound_well_does_not_go_ahead() -> None:
    text = "Yes, " + "the light in the kitchen is on and has been on " * 2 + "since noon."
    assert split(text) == [text]


def test_only_the_first_sentence_is_cut_further() -> None:
    long = "The light in the kitchen is on, " + "and " * 20 + "so on."
    assert split(f"Listen. {long}") == ["Listen.", long]
    assert len(long) > sentences.LONG
