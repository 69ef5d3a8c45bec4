import pytest

from appliance.backend.local.understand.memory import (
    FORGET_AFTER,
    FORGET_TURNS,
    Memory,
    Question,
)
from appliance.backend.local.understand.sentences import Request
from appliance.backend.local.understand.types import Call, Past
from appliance.units import Seconds

REQUEST = Request("tool")


def test_it_forgets_after_a_while() -> None:
    now = [0.0]
    memory = Memory(lambda: now[0])
    memory.did((REQUEST,))
    now[0] = FORGET_AFTER
    memory.turn()
    assert memory.requests == (REQUEST,)
    now[0] += 0.1
    memory.turn()
    assert not memory.requests


def test_it_forgets_after_some_turns() -> None:
    memory = Memory(lambda: 0.0)
    memory.did((REQUEST,))
    for _ in range(FORGET_TURNS):
        memory.turn()
        assert memory.requests == (REQUEST,)
    memory.turn()
    assert not memory.requests


def test_a_question_has_one_chance() -> None:
    memory = Memory(lambda: 0.0)
    question = Question((REQUEST,), "size")
    memory.asked(question)
    assert memory.question == question
    memory.answered()
    assert memory.question is None


HERE, THERE = Request("here"), Request("there")
HERE_CALLS, THERE_CALLS = (Call("here", {}),), (Call("there", {}),)


def told(age: float = 0.0, turns: int = 0) -> tuple[tuple[Request, ...], Past]:
    return (THERE,), Past(THERE_CALLS, Seconds(age), turns)


def test_what_others_did_is_remembered_like_what_was_asked_for_here() -> None:
    memory = Memory(lambda: 0.0)
    memory.told([told()])
    memory.turn()
    assert memory.requests == (THERE,)
    assert memory.history == ((THERE,),)


@pytest.mark.parametrize(
    ("age", "turns", "kept"),
    [
        (FORGET_AFTER - 1.0, FORGET_TURNS - 1, True),
        (FORGET_AFTER + 1.0, 0, False),
        (0.0, FORGET_TURNS, False),
    ],
)
def test_what_others_did_is_forgotten_at_its_own_age(
    age: float, turns: int, *, kept: bool
) -> None:
    memory = Memory(lambda: 0.0)
    memory.told([told(age, turns)])
    memory.turn()
    assert memory.requests == ((THERE,) if kept else ())
    assert memory.history == (((THERE,),) if kept else ())


def test_what_others_did_has_its_place_in_time() -> None:
    now = [100.0]
    memory = Memory(lambda: now[0])
    memory.did((HERE,), HERE_CALLS)
    now[0] = 110.0
    memory.told([told(age=30.0)])
    assert memory.history == ((HERE,), (THERE,))
    assert memory.requests == (HERE,)
    memory.told([told(age=5.0)])
    assert memory.history == ((THERE,), (HERE,))
    assert memory.requests == (THERE,)


def test_nothing_is_remembered_twice() -> None:
    now = [0.0]
    memory = Memory(lambda: now[0])
    memory.did((HERE,), HERE_CALLS)
    now[0] = 10.0
    for _ in range(2):  # two sessions of the same box
        memory.told([((HERE,), Past(HERE_CALLS, Seconds(10.0))), told(age=5.0)])
        assert memory.history == ((THERE,), (HERE,))


def test_being_told_nothing_changes_nothing() -> None:
    memory = Memory(lambda: 0.0)
    memory.did((HERE,), HERE_CALLS)
    memory.told([told(age=5.0)])
    memory.asked(Question((HERE,), "size"))
    memory.told([])
    assert memory.history == ((HERE,), (THERE,))
    assert memory.question is not None


def test_a_question_survives_what_was_done_before_it() -> None:
    now = [10.0]
    memory = Memory(lambda: now[0])
    memory.asked(Question((HERE,), "size"))
    now[0] = 12.0
    memory.told([told(age=5.0)])
    assert memory.question is not None
    memory.told([told(age=1.0)])
    assert memory.question is None
