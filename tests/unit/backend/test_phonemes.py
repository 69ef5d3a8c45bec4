import pytest

from appliance.backend.local import phonemes as module
from appliance.backend.local.phonemes import _clauses, phonemes
from appliance.errors import ModelError


@pytest.mark.parametrize(
    ("sentence", "clauses", "marks"),
    [
        ("The light is on.", ["The light is on"], ["."]),
        ("On, or off?", ["On", "or off"], [", ", "?"]),
        ("It is 21.5 at 10:05!", ["It is 21.5 at 10:05"], ["!"]),
        ("Three \u2014 almost.", ["Three", "almost"], [", ", "."]),
        ('He said "no".', ['He said "no'], ["."]),
        ("Well\u2026", ["Well"], ["."]),
        ("no mark", ["no mark"], ["."]),
        ("Yes,", ["Yes,"], ["."]),
        ("...", [], []),
        ("", [], []),
        ("-v; --help", ["-v", "--help"], ["; ", "."]),
    ],
)
def test_marks_that_the_program_would_swallow_are_kept(
    sentence: str, clauses: list[str], marks: list[str]
) -> None:
    assert _clauses(sentence) == (clauses, marks)


def test_missing_program_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROGRAM", "espeak-that-is-not-there")
    with pytest.raises(ModelError, match="install the package espeak-that-is-not-there"):
        phonemes("Hello.", voice="en-us")


def test_program_that_does_not_come_back_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 1e-6)
    with pytest.raises(ModelError, match="did not answer"):
        phonemes("Hello.", voice="en-us")
