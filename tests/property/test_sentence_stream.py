"""A text that comes in pieces is cut as the whole text would be, and no later than it must."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from appliance.backend.pipeline.sentences import Sentences, split

ABBREVIATIONS = frozenset({"dr", "e.g"})

words = st.one_of(
    st.sampled_from(
        [
            "Dr.",
            "e.g.",
            "21.5",
            "10:05",
            "...",
            "on,",
            "off.",
            "No!",
            "wait…",
            "J.",
            "\u2013",
            "\n",
        ]
    ),
    st.sampled_from(
        ["\r", "\r\n", "\x85", "\u2028", "Yes.\n", "”", ".”", "?)", "I.", "quite", "well,"]
    ),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=8),
)
texts = st.lists(words, max_size=40).map(" ".join) | st.text(
    st.sampled_from("ab,;. !?…\n\r\"”')I"), max_size=120
)


@st.composite
def in_pieces(draw: st.DrawFn) -> list[str]:
    text = draw(texts)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=40)))
    bounds = [0, *cuts, len(text)]
    return [text[a:b] for a, b in pairwise(bounds)]


def streamed(pieces: list[str]) -> list[str]:
    stream = Sentences(abbreviations=ABBREVIATIONS)
    return [sentence for piece in pieces for sentence in stream.add(piece)] + stream.end()


@given(in_pieces())
def test_pieces_are_cut_as_the_whole_text(pieces: list[str]) -> None:
    assert streamed(pieces) == split("".join(pieces), abbreviations=ABBREVIATIONS)


@given(texts)
def test_letter_by_letter_is_the_same_too(text: str) -> None:
    assert streamed(list(text)) == split(text, abbreviations=ABBREVIATIONS)


def test_a_sentence_is_given_with_the_first_letter_of_the_next() -> None:
    stream = Sentences(abbreviations=ABBREVIATIONS)
    assert stream.add("It is on") == []
    assert stream.add(". ") == []
    assert stream.add("T") == ["It is on."]
    assert stream.add("he end") == []
    assert stream.add("! ") == ["The end!"]
    assert stream.end() == []


def test_the_first_clause_of_a_long_sentence_goes_before_it_is_complete() -> None:
    stream = Sentences()
    text = "There are three lights on, the one in the kitchen, the one in the hall and some more"
    given = [sentence for letter in text for sentence in stream.add(letter)]
    assert given == ["There are three lights on,"]
    assert stream.add(".") == []
    assert stream.end() == ["the one in the kitchen, the one in the hall and some more."]
