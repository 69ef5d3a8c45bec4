import pytest

from appliance.backend.local.understand.language import load
from appliance.backend.local.understand.questions import ask_for
from appliance.backend.local.understand.slots import Slot, slots
from appliance.catalogue import Target, ToolSpec


def slot(schema: dict[str, object], language: str = "en") -> Slot:
    spec = ToolSpec("t", "", {"type": "object", "properties": {"milk_amount": schema}})
    return slots(spec, load(language))[0]


@pytest.mark.parametrize(
    ("schema", "question"),
    [
        ({"enum": ["on", "off"], "x-say": {"on": ["start"]}}, "On or off?"),
        ({"enum": ["a_b", "c", "d"], "x-say": {"c": ["big", "c"]}}, "A b, big or d?"),
        ({"enum": list("abcde"), "title": "size"}, "What size?"),
        ({"type": "integer", "description": "How bright, in percent."}, "How bright?"),
        ({"type": "integer", "title": "how long"}, "How long?"),
        ({"type": "integer", "description": "Degrees."}, "What milk amount?"),
        ({"type": "boolean"}, "On or off?"),
    ],
)
def test_a_question_is_asked_as_people_ask(schema: dict[str, object], question: str) -> None:
    assert ask_for(slot(schema), load("en")) == question


def test_the_words_of_a_question_are_those_of_the_language() -> None:
    german = load("de")
    assert ask_for(slot({"enum": ["on", "off"]}, "de"), german) == "An oder aus?"


def test_a_thing_is_called_what_people_call_it() -> None:
    spec = ToolSpec(
        "t", "", {"type": "object", "properties": {"x": {}}},
        targets=(Target("a", "one", (), None, "climate"),), target_parameter="x",
    )  # fmt: skip
    slot, english = slots(spec, load("en"))[0], load("en")
    assert ask_for(slot, english) == "Which thermostat?"
    assert ask_for(slot, english, ("bed", "bath")) == "Which thermostat: bed or bath?"
    assert ask_for(slot, english, ("bed", "bed")) == "Which thermostat?"  # that is no help
