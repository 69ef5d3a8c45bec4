"""Whatever text comes, what is spoken are its words, in order."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.backend.pipeline import sentences

words = st.one_of(
    st.sampled_from(
        ["Dr.", "e.g.", "21.5", "10:05", "...", "on,", "off.", "No!", "wait…", "J.", "\u2013"]
    ),
    st.text(
        st.characters(exclude_categories=("Zs", "Zl", "Zp", "Cc", "Cs")), min_size=1, max_size=8
    ),
)
texts = st.lists(words, max_size=30).map(" ".join) | st.text(max_size=80)


@given(texts)
def test_no_word_is_lost_added_or_moved(text: str) -> None:
    assert " ".join(sentences.split(text)).split() == text.split()


@given(texts)
def test_no_sentence_is_empty_or_has_blanks_around_it(text: str) -> None:
    assert all(part and part == part.strip() for part in sentences.split(text))
