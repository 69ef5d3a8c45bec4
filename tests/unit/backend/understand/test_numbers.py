import pytest

from appliance.backend.local.understand.numbers import Numbers, Quantity

EN = Numbers("en")
DE = Numbers("de")


@pytest.mark.parametrize(
    ("said", "value", "unit"),
    [
        ("fifty", 50, None),
        ("twenty one", 21, None),
        ("21.5", 21.5, None),
        ("1,000", 1000, None),
        ("one hundred and ten", 110, None),
        ("a hundred", 100, None),
        ("two thousand seven hundred kelvin", 2700, "kelvin"),
        ("twenty one and a half degrees", 21.5, "degree"),
        ("twenty one point five degrees celsius", 21.5, "degree"),
        ("40 percent", 40, "percent"),
        ("ten minutes", 600, "second"),
        ("an hour", 3600, "second"),
        ("half an hour", 1800, "second"),
        ("an hour and a half", 5400, "second"),
        ("one hour and ten minutes", 4200, "second"),
        ("1 hour 5 minutes 3 seconds", 3903, "second"),
        ("two and a half hours", 9000, "second"),
    ],
)
def test_a_quantity_is_read_to_its_end(said: str, value: float, unit: str | None) -> None:
    words = said.split()
    assert EN.at([*words, "now"], 0) == Quantity(len(words), value, unit)


def test_half_is_known_to_be_a_part_of_something() -> None:
    assert EN.at(["half"], 0) == Quantity(1, 0.5, None, fraction=True)


@pytest.mark.parametrize("said", ["the", "a", "minutes", "light", ""])
def test_other_words_are_no_numbers(said: str) -> None:
    assert EN.at(said.split(), 0) is None


def test_no_number_begins_within_another() -> None:
    words = ["set", "three", "hundred", "percent", "and", "four"]
    assert [(start, q.value) for start, q in EN.all(words)] == [(1, 300), (5, 4)]


def test_minutes_do_not_come_before_hours() -> None:
    words = ["ten", "minutes", "two", "hours"]
    assert [q.value for _, q in EN.all(words)] == [600, 7200]


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("einundzwanzig grad", 21),
        ("einhundertzehn", 110),
        ("21,5", 21.5),
        ("zwanzig komma fünf", 20.5),
        ("einer halben stunde", 1800),
        ("eine stunde und zehn minuten", 4200),
    ],
)
def test_another_language_is_only_data(said: str, value: float) -> None:
    quantity = DE.at(said.split(), 0)
    assert quantity is not None
    assert (quantity.value, quantity.end) == (value, len(said.split()))


def test_digits_are_spelled_where_words_are_compared() -> None:
    assert EN.spelled(["16", "ounce", "21.5"]) == ("sixteen", "ounce", "21.5")
