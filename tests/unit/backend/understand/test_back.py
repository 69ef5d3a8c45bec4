import pytest

from appliance.backend.local.understand.back import Back, Pointer
from appliance.backend.local.understand.language import load

BACK = Back(load("en"))


def words(said: str) -> tuple[str, ...]:
    return tuple(said.split())


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ("turn it off", Pointer(1, 2, several=False)),
        ("make that one red", Pointer(1, 3, several=False)),
        ("turn both of them off", Pointer(1, 4, several=True)),
        ("turn the lamp off", None),
        ("and so it was said that the house by the road stood empty for years", None),
    ],
)
def test_what_points_back_is_found_in_short_sentences(said: str, pointer: Pointer | None) -> None:
    assert BACK.pointer(words(said)) == pointer


def test_a_name_takes_its_place_and_an_idle_word_goes() -> None:
    said = words("switch it off again")
    pointer = BACK.pointer(said)
    assert pointer is not None
    assert BACK.named(said, pointer, "Desk lamp") == words("switch desk lamp off")


@pytest.mark.parametrize("said", ["brighter", "make it a bit brighter", "a little brighter"])
def test_a_step_is_all_that_is_asked_for(said: str) -> None:
    step = BACK.step(words(said))
    assert step is not None
    assert (step.kind, step.by) == ("light", 20)


def test_a_step_among_other_things_is_none() -> None:
    assert BACK.step(words("the moon is brighter")) is None


def test_again_is_a_whole_sentence() -> None:
    assert BACK.repeats(words("do it again"))
    assert not BACK.repeats(words("we met again"))
