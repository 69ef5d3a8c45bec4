"""What is not to be spoken of is found, however it is cut into pieces, and nothing else is."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from appliance.backend.guarding.rules import OVERLAP, Reading, Rulebook, plain
from appliance.config.guardrails import GuardRule

WORDS = ["gun", "kill", "killjoy", "the", "safe", "door", "begun", "is", "a"]
RULE = GuardRule(name="violence", words=("gun", "kill the", "blow* up"))
BOOK = Rulebook([RULE])

sentences = st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)
any_text = st.one_of(sentences, st.text(max_size=80))


def cut(text: str, places: list[int]) -> list[str]:
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[begin:end] for begin, end in pairwise(edges)]


def read(pieces: list[str]) -> GuardRule | None:
    reading = Reading(BOOK)
    for piece in pieces:
        if rule := reading.take(piece):
            return rule
    return reading.end()


@given(any_text, st.lists(st.integers(0, 200), max_size=12))
def test_pieces_are_judged_as_the_whole_is(text: str, places: list[int]) -> None:
    assert read(cut(text, places)) == BOOK.look(text, "reply")


@given(sentences)
def test_exactly_the_words_are_found(text: str) -> None:
    words = text.split()
    meant = "gun" in words or any(pair == ("kill", "the") for pair in pairwise(words))
    assert (BOOK.look(text, "reply") is not None) == meant


@given(st.sampled_from(["GUN", "Gun!", "a “gun”", "gün", "blowing up", "Blow, up", "kill\nthe"]))
def test_writing_does_not_hide_a_word(text: str) -> None:
    assert BOOK.look(f"so {text} then", "reply") == RULE


@given(st.integers(0, 2_000), st.lists(st.integers(0, 3_000), max_size=8))
def test_a_word_is_found_however_late_it_comes(before: int, places: list[int]) -> None:
    assert read(cut("begun " * before + "gun", places)) == RULE


@given(st.integers(OVERLAP - 60, OVERLAP + 60))
def test_half_a_word_at_the_edge_of_what_is_kept_is_no_word(length: int) -> None:
    reading = Reading(BOOK)
    text = "x" * length + "gun and more"
    assert reading.take(text) is None
    assert reading.take(" of it") is None
    assert reading.end() is None


@given(any_text)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert plain(plain(text)) == plain(text)


def test_only_for_whom_and_where_it_is_meant() -> None:
    rule = GuardRule(name="x", words=("gun",), where=("tools",), personas=("children",))
    book = Rulebook([rule])
    assert book.look("gun", "reply", "children") is None
    assert book.look_into({"text": [{"deep": "a gun"}]}, "children") == rule
    assert book.look_into({"text": "a gun"}, "butler") is None
    assert book.look_into({"gun": 1}, "children") is None
    assert not Rulebook([])
