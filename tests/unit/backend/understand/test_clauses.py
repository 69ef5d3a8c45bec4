import pytest

from appliance.backend.local.understand import language
from appliance.backend.local.understand.clauses import (
    Clauses,
    completions,
    endings,
    replacements,
)
from appliance.backend.local.understand.guards import Guards

EN = language.load("en")
CLAUSES = Clauses(EN)
GUARDS = Guards(EN)


def test_a_sentence_is_cut_at_conjunctions_and_breaks() -> None:
    words = ("a", "and", "then", "b", ",", "c", "and", "d")
    assert list(CLAUSES.cuts(words)) == [
        (("a",), ("b", ",", "c", "and", "d")),
        (("a", "and", "then", "b"), ("c", "and", "d")),
        (("a", "and", "then", "b", "c"), ("d",)),
    ]


def test_there_is_no_cut_at_the_ends() -> None:
    assert list(CLAUSES.cuts(("and", "on"))) == []
    assert list(CLAUSES.cuts(("on", "and"))) == []
    assert list(CLAUSES.cuts(("on", "and", "then"))) == []


def test_the_last_correction_counts_with_its_longest_marker() -> None:
    words = ("the", "kitchen", ",", "no", "wait", ",", "the", "bedroom")
    assert CLAUSES.corrected(words) == (("the", "kitchen"), ("the", "bedroom"))
    assert CLAUSES.corrected(("turn", "on", "the", "light")) is None
    assert CLAUSES.corrected(("turn", "it", "on", "no")) is None


def test_a_correction_of_the_last_turn_is_what_follows_its_markers() -> None:
    assert CLAUSES.correction(("no", ",", "i", "meant", "the", "desk")) == ("the", "desk")
    assert CLAUSES.correction(("make", "it", "blue")) == ("blue",)
    assert CLAUSES.correction(("no",)) is None
    assert CLAUSES.correction(("north",)) is None


def test_halves_are_completed_from_one_another() -> None:
    assert ("turn", "on", "b") in set(completions(("turn", "on", "a"), ("b",)))
    assert ("turn", "a", "off") in set(endings(("turn", "a"), ("b", "off")))
    assert ("turn", "on", "b") in set(replacements(("turn", "on", "a"), ("b",)))
    assert ("set", "b", "percent") in set(replacements(("set", "a", "percent"), ("b",)))


def test_what_asks_for_nothing_now_is_recognised() -> None:
    for said, reason in {
        "don't turn on the light": "negated",
        "i saw the light yesterday": "in the past",
        "turn it off tomorrow": "for later",
        "i turned on the light": "a report",
        "turn it off except on sundays": "an exception",
        "turn off all the lights but one": "an exception",
    }.items():
        assert GUARDS.objection(tuple(said.split())) == reason
    assert GUARDS.objection(("turn", "on", "the", "light")) is None
    assert GUARDS.objection(("turn", "it", "off", "but", "quickly")) is None
    assert GUARDS.is_question(("what", "time", "is", "it"))
    assert not GUARDS.is_question(("turn", "it", "off"))


@pytest.mark.parametrize(
    ("said", "cut"),
    [
        ("all lights except the hall light", ("all lights", ["the hall light"])),
        ("all lights , except for a , b and c", ("all lights", ["a", "b", "c"])),
        ("all lights but a", ("all lights", ["a"])),
        ("except the hall light", None),
        ("all lights except", None),
        ("all lights", None),
    ],
)
def test_what_is_left_out_is_cut_off_thing_by_thing(
    said: str, cut: tuple[str, list[str]] | None
) -> None:
    found = CLAUSES.exception(tuple(said.split()))
    joined = found and (" ".join(found[0]), [" ".join(thing) for thing in found[1]])
    assert joined == cut
