import pytest

from appliance.backend.local.understand import language
from appliance.errors import ConfigError


def test_every_language_can_be_read() -> None:
    assert language.languages() == ("de", "en")
    for code in language.languages():
        assert language.load(code).say.not_understood


def test_a_regional_language_falls_back_to_the_general_one() -> None:
    assert language.load("en-GB") == language.load("en")


def test_an_unknown_language_is_told_with_those_that_are_known() -> None:
    with pytest.raises(
        ConfigError, match=r"device\.language: there are no words for 'tlh'.* de, en"
    ):
        language.load("tlh")
