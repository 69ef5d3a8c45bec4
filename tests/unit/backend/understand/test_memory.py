from appliance.backend.local.understand.memory import (
    FORGET_AFTER,
    FORGET_TURNS,
    Memory,
    Question,
)
from appliance.backend.local.understand.sentences import Request

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
