import pytest

from appliance.backend.local import phrases
from appliance.errors import ConfigError

STATUSES = {"done", "unchanged", "unconfirmed", "rejected", "failed"}


@pytest.mark.parametrize("language", phrases.languages())
def test_every_language_says_everything(language: str) -> None:
    assert set(phrases.load(language).status) == STATUSES


def test_english_of_a_country_is_english() -> None:
    assert phrases.load("en-GB") == phrases.load("en")


def test_unknown_language_names_those_that_exist() -> None:
    with pytest.raises(ConfigError, match=r"device\.language: .*'xx'.*\ben\b"):
        phrases.load("xx")


def test_every_problem_of_a_file_is_reported_at_once() -> None:
    text = (
        '[phrases]\nfailed = ""\nhello = "hi"\n[status]\ndone = "Done."\n[[spoken]]\nmatch = "("\n'
    )
    with pytest.raises(ConfigError) as caught:
        phrases.parse(text, source="xx.toml")
    places = {line.split(": ")[1] for line in caught.value.problems}
    assert places >= {"phrases.failed", "phrases.hello", "phrases.not_understood"}
    assert places >= {"status.rejected", "spoken.0.match", "spoken.0.with"}
    assert all(line.startswith("xx.toml: ") for line in caught.value.problems)


def test_broken_toml_is_reported_with_its_place() -> None:
    with pytest.raises(ConfigError, match=r"xx\.toml: .*line 1"):
        phrases.parse("[phrases\n", source="xx.toml")


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("It is 21.5 °C.", "It is 21.5 degrees."),
        ("It is 10:05.", "It is 10 oh 5."),
        ("It is 10:00.", "It is 10 o'clock."),
        ("It is 22:15.", "It is 22 15."),
        ("The blind is at 30 %.", "The blind is at 30 percent."),
        ("It draws 5 W and used 1.2 kWh.", "It draws 5 watts and used 1.2 kilowatt hours."),
        ("The ratio is 1:2:30.", "The ratio is 1:2:30."),
    ],
)
def test_numbers_and_units_are_written_as_they_are_spoken(written: str, spoken: str) -> None:
    assert phrases.load("en").spell_out(written) == spoken
