import pytest

from appliance.backend.local.understand.language import load
from appliance.backend.local.understand.openings import Openings
from appliance.backend.local.understand.sound import Ear

OPENINGS = Openings(["open", "close", "turn", "set"], Ear(load("en")))


@pytest.mark.parametrize(
    ("heard", "meant"),
    [("glows", "close"), ("cloths", "close"), ("hopes", "open"), ("tern", "turn")],
)
def test_a_misheard_first_word_sounds_like_one_that_is_known(heard: str, meant: str) -> None:
    assert OPENINGS.like(heard)[0] == meant


@pytest.mark.parametrize("heard", ["he", "the", "yesterday", "lamp", "close"])
def test_other_words_are_left_as_they_are(heard: str) -> None:
    assert OPENINGS.like(heard) == ()


def test_no_words_are_like_nothing() -> None:
    assert Openings([], Ear(load("en"))).like("glows") == ()
