"""The whole of it without a model; ``tests/contract/test_understand.py`` is with it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from appliance.backend.local.understand import StagedUnderstander
from appliance.backend.local.understand.types import Call, Past
from appliance.catalogue import IntentBinding, Target, ToolSpec
from tests.requests import house

LIGHTS = ToolSpec(
    "light",
    "Switches lights.",
    {
        "type": "object",
        "properties": {
            "which": {"type": "string"},
            "state": {"enum": ["on", "off"]},
            "level": {"type": "integer", "minimum": 0, "maximum": 100, "x-unit": "percent"},
        },
        "required": ["which"],
    },
    examples=("dim the {which} to {level} percent", "put the {which} {state}"),
    targets=(
        Target("a", "desk lamp", ("work light",), "office", "light"),
        Target("b", "ceiling light", (), "office", "light"),
        Target("c", "kitchen light", (), "kitchen", "light"),
    ),
    target_parameter="which",
    intents=(
        IntentBinding("HassTurnOn", {"state": "on"}),
        IntentBinding("HassTurnOff", {"state": "off"}),
        IntentBinding("HassLightSet", slots={"brightness": "level"}),
    ),
)
LAST = ToolSpec("bye", "Ends it.", {"type": "object"}, intents=(IntentBinding("HassNevermind"),))
TOOLS = (LIGHTS, LAST)


def calls(*turns: str, area: str | None = None, tools: Sequence[ToolSpec] = TOOLS) -> list[Call]:
    understander = StagedUnderstander(area=area)
    understood = [understander.understand(turn, tools) for turn in turns]
    return list(understood[-1].calls)


def light(which: str, **arguments: object) -> Call:
    return Call("light", {**arguments, "which": which})


def test_a_name_and_an_alias_mean_the_same_thing() -> None:
    assert calls("turn on the desk lamp") == [light("a", state="on")]
    assert calls("turn on the work light") == [light("a", state="on")]


def test_a_room_means_everything_of_the_kind_in_it() -> None:
    assert calls("turn off the lights in the office") == [
        light("a", state="off"), light("b", state="off"),
    ]  # fmt: skip


def test_without_a_room_it_is_the_room_of_the_box() -> None:
    assert calls("turn on the light", area="Kitchen") == [light("c", state="on")]


def test_without_any_room_it_is_asked_which_and_the_answer_completes_it() -> None:
    understander = StagedUnderstander()
    asked = understander.understand("turn on the light", TOOLS)
    assert asked.calls == ()
    assert asked.say == "Which light: desk lamp, ceiling light or kitchen light?"
    answered = understander.understand("the one in the kitchen", TOOLS)
    assert answered.calls == (light("c", state="on"),)


@pytest.mark.parametrize(
    ("answer", "which"),
    [
        ("The desk one.", "a"),
        ("kitchen", "c"),
        ("the second one please", "b"),
        ("all of them", "abc"),
        ("the bedroom one", ""),
    ],
)
def test_a_question_is_answered_as_people_answer(answer: str, which: str) -> None:
    assert calls("turn on the light", answer) == [light(each, state="on") for each in which]


def test_an_answer_that_leaves_two_is_asked_about_again() -> None:
    names = ("desk lamp", "reading lamp left", "reading lamp right", "hall lamp", "floor lamp")
    lamps = tuple(Target(name, name, (), None, "light") for name in names)
    tools = (replace(LIGHTS, targets=lamps),)
    understander = StagedUnderstander()
    assert understander.understand("turn on the light", tools).say == "Which light?"  # too many
    again = understander.understand("the reading one", tools)
    assert (again.calls, again.say) == (
        (), "Which light: reading lamp left or reading lamp right?",
    )  # fmt: skip
    answered = understander.understand("left", tools)
    assert answered.calls == (light("reading lamp left", state="on"),)


@pytest.mark.parametrize(
    ("said", "which"),
    [
        ("Turn off all the lights except the ceiling light.", "ac"),
        ("turn off all the lights, except for the ceiling light and the kitchen one", "a"),
        ("turn off all the lights but the work light", "bc"),
        ("turn off all the lights but not the work light", "bc"),
        ("turn off all the lights except in the office", "c"),
        ("turn off the lights in the office except the desk one", "b"),
        ("turn off all the lights except the purple lamp", ""),
        ("turn off all the lights but the purple one", ""),
        ("turn off all the lights except the desk lamp and the purple one", ""),
        ("turn off all the lights except on sundays", ""),
        ("turn off all the lights except the desk lamp of my brother", ""),
        ("turn off the desk lamp except the desk lamp", ""),
        ("goodbye except the desk lamp", ""),
        ("turn off all the lights except all the lights", ""),
        ("turn off the desk lamp except on sundays", ""),
        ("don't turn off all the lights except the desk lamp", ""),
    ],
)
def test_what_is_left_out_is_left_alone(said: str, which: str) -> None:
    assert calls(said) == [light(each, state="off") for each in which]


def test_of_things_with_one_name_the_one_in_the_room_of_the_box_is_meant() -> None:
    rooms = ("office", "kitchen", "hall")
    lights = tuple(Target(room, f"{room} light", ("light",), room, "light") for room in rooms)
    tools = (replace(LIGHTS, targets=lights),)
    dimmed = calls("dim the light to 20 percent", area="Kitchen", tools=tools)
    assert dimmed == [light("kitchen", level=20)]
    assert calls("dim the light to 20 percent", area="Attic", tools=tools) == []


def test_all_of_them_is_no_answer_to_what_it_is() -> None:
    assert calls("turn it on", "all of them") == []


def test_a_new_command_may_come_instead_of_an_answer() -> None:
    assert calls("turn on the light", "turn off the desk lamp") == [light("a", state="off")]


def test_an_answer_that_is_none_is_not_understood() -> None:
    assert calls("turn on the light", "bananas") == []
    assert calls("turn on the light", "bananas", "the kitchen") == []


def test_a_list_takes_all_targets_in_one_call() -> None:
    properties = {"which": {"type": "array", "items": {"type": "string"}}, "state": {}}
    spec = ToolSpec(
        "light", "Switches lights.", {"type": "object", "properties": properties},
        targets=LIGHTS.targets, target_parameter="which", intents=LIGHTS.intents[:1],
    )  # fmt: skip
    found = calls("turn on the lights in the office", tools=(spec,))
    assert found == [Call("light", {"state": "on", "which": ["a", "b"]})]


def test_a_tool_that_a_sentence_asks_too_much_of_does_not_get_it() -> None:
    switch_only = ToolSpec(
        LIGHTS.name, LIGHTS.description, LIGHTS.parameters, targets=LIGHTS.targets,
        target_parameter="which", intents=LIGHTS.intents[:2],
    )  # fmt: skip
    assert calls("set the desk lamp to 40 percent") == [light("a", level=40)]
    assert calls("set the desk lamp to 40 percent", tools=(switch_only,)) == []


def test_a_changed_catalogue_is_noticed() -> None:
    understander = StagedUnderstander()
    assert understander.understand("turn on the desk lamp", (LAST,)).calls == ()
    assert understander.understand("turn on the desk lamp", TOOLS).calls != ()
    assert understander.understand("turn on the desk lamp", ()).calls == ()


@pytest.mark.parametrize(
    "said",
    [
        "kitchen light", "the office", "turn on the", "turn on the garage light",
        "don't turn on the desk lamp", "i turned on the desk lamp yesterday",
        "set the desk lamp to 400 percent", "turn on the desk lamp in ten minutes",
        "turn on the desk lamp but not the ceiling light", "is the desk lamp on",
    ],
)  # fmt: skip
def test_nothing_is_done_that_was_not_asked_for(said: str) -> None:
    assert calls(said) == []


def test_what_is_not_understood_is_admitted() -> None:
    understanding = StagedUnderstander().understand("what is the capital of france", TOOLS)
    assert understanding.stage == "none"
    assert understanding.say == "Sorry, I did not understand that."


def test_every_stage_that_was_tried_is_told() -> None:
    trace = StagedUnderstander().understand("brighten the moon", TOOLS).trace
    assert [stage.stage for stage in trace][:2] == ["clean", "sentences"]
    assert trace[-1].stage == "nearest"
    assert all(stage.took >= 0 for stage in trace)


def test_neither_request_nor_arguments_show_in_a_log() -> None:
    understanding = StagedUnderstander().understand("turn on the desk lamp", TOOLS)
    assert "desk" not in repr(understanding)
    assert "state" not in repr(understanding)


def test_a_correction_is_forgotten_in_time() -> None:
    now = [0.0]
    understander = StagedUnderstander(clock=lambda: now[0])
    understander.understand("turn on the desk lamp", TOOLS)
    now[0] = 100.0
    assert understander.understand("no, the kitchen", TOOLS).calls == ()


def test_the_other_values_survive_a_correction() -> None:
    assert calls("set the desk lamp to 40 percent", "no, the kitchen light") == [
        light("c", level=40)
    ]


def test_another_tool_for_the_same_thing_can_take_over() -> None:
    dimmer = ToolSpec(
        "dim", "Dims.", {**LIGHTS.parameters, "required": ["which", "level"]},
        examples=("dim {which} to {level}",), targets=LIGHTS.targets, target_parameter="which",
    )  # fmt: skip
    plain = ToolSpec(
        "switch", "Switches.",
        {"type": "object", "properties": {"which": {}, "state": {"enum": ["on", "off"]}}},
        targets=LIGHTS.targets, target_parameter="which", intents=LIGHTS.intents[:2],
    )  # fmt: skip
    found = calls("turn on the desk lamp", "make it fifty percent", tools=(plain, dimmer))
    assert found == [Call("dim", {"state": "on", "level": 50, "which": "a"})]


def test_a_manifest_names_no_syntax_of_ours() -> None:
    odd = ToolSpec(
        "odd", "Odd.",
        {"type": "object", "properties": {"x": {"enum": ["a|b", "(c", "{d}", "[e]"]}}},
        examples=("do {x} now", "do [it] (or <not>|{unknown}", "{", "}{", "{x}"),
        targets=(Target("t", "(odd|name) <x>", ("[y]",), "{room}", "light"),),
        intents=(IntentBinding("HassTurnOn"), IntentBinding("NoSuchIntent")),
    )  # fmt: skip
    assert calls("do a b now", tools=(odd,)) == [Call("odd", {"x": "a|b"})]
    assert calls("turn on the odd name x", tools=(odd,)) == [Call("odd", {})]


def test_a_house_has_no_tool_that_cannot_be_understood() -> None:
    understander = StagedUnderstander(area="kitchen")
    assert understander.understand("what time is it", house()).calls == (Call("get_time", {}),)


def test_of_two_things_with_one_name_it_is_asked_which() -> None:
    twins = ToolSpec(
        "light", "", LIGHTS.parameters, target_parameter="which", intents=LIGHTS.intents,
        targets=(
            Target("a", "lamp", (), "office", "light"), Target("b", "lamp", (), "hall", "light"),
        ),
    )  # fmt: skip
    assert calls("activate the lamp", tools=(twins,)) == []
    assert calls("activate the lamp", "in the hall", tools=(twins,)) == [light("b", state="on")]
    assert calls("activate the lamp", tools=(twins,), area="office") == [light("a", state="on")]


def test_an_answer_names_one_of_the_things_that_were_asked_about() -> None:
    mixed = ToolSpec(
        "light", "", LIGHTS.parameters, target_parameter="which", intents=LIGHTS.intents,
        targets=(*LIGHTS.targets, Target("r", "radio", (), "hall", "switch")),
    )  # fmt: skip
    assert calls("turn on the light", "the radio", tools=(mixed,)) == []
    assert calls("turn on the light", "the desk lamp", tools=(mixed,)) == [light("a", state="on")]


@pytest.mark.parametrize(
    "said",
    [
        "put the desk lamp on in ten minutes",
        "put the desk lamp 300 on",
        "dim the desk lamp to 40 percent in ten minutes",
        "put the desk lamp or the ceiling light on",
        "dim fifty percent",
    ],
)
def test_a_sentence_like_an_example_may_still_ask_for_something_else(said: str) -> None:
    assert calls("put the desk lamp on") == [light("a", state="on")]
    assert calls(said) == []


def test_it_is_the_last_thing_that_can_be_asked_for_that() -> None:
    assert calls("turn on the desk lamp", "turn it off") == [light("a", state="off")]
    assert calls("turn on the desk lamp and the kitchen light", "turn it off") == [
        light("c", state="off")
    ]
    assert calls("turn on the desk lamp and the kitchen light", "turn them off") == [
        light("a", state="off"), light("c", state="off"),
    ]  # fmt: skip


def test_it_may_be_a_thing_of_the_same_sentence() -> None:
    assert calls("turn on the desk lamp and set it to 40 percent") == [
        light("a", state="on"), light("a", level=40),
    ]  # fmt: skip


def test_it_is_asked_what_it_is_and_the_answer_completes_it() -> None:
    understander = StagedUnderstander()
    asked = understander.understand("turn it off", TOOLS)
    assert (asked.calls, asked.say) == ((), "What do you mean by it?")
    assert understander.understand("the desk lamp", TOOLS).calls == (light("a", state="off"),)


def test_what_it_was_is_forgotten_in_time() -> None:
    now = [0.0]
    understander = StagedUnderstander(clock=lambda: now[0])
    understander.understand("turn on the desk lamp", TOOLS)
    now[0] = 100.0
    assert understander.understand("turn it off", TOOLS).calls == ()
    turns = ("turn on the desk lamp", *["what is the time"] * 3, "turn it off")
    assert calls(*turns) == []


def test_the_last_request_can_be_had_again() -> None:
    assert calls("turn on the desk lamp", "do it again") == [light("a", state="on")]
    nothing = StagedUnderstander().understand("do it again", TOOLS)
    assert (nothing.calls, nothing.say) == ((), "There is nothing that I could do again.")


def test_brighter_is_a_step_from_the_last_value_or_a_question() -> None:
    assert calls("set the desk lamp to 90 percent", "brighter") == [light("a", level=100)]
    assert calls("turn on the desk lamp", "darker") == []
    assert calls("turn on the desk lamp", "darker", "30 percent") == [light("a", level=30)]


def test_of_two_commands_the_known_one_is_done_and_the_other_admitted() -> None:
    said = "turn on the desk lamp and make me a sandwich"
    understanding = StagedUnderstander().understand(said, TOOLS)
    assert understanding.calls == (light("a", state="on"),)
    assert understanding.say == "I did not understand the rest."


@pytest.mark.parametrize(
    "said", ["glows the blind", "this close the blind", "us, close the blind"]
)
def test_a_beginning_that_the_wake_word_spoilt_is_repaired(said: str) -> None:
    understander = StagedUnderstander(wake_phrases=["hey jarvis"], area="kitchen")
    assert understander.understand(said, house()).calls == (
        Call("set_blind", {"action": "close", "blind": "kitchen_blind"}),
    )


def test_all_of_a_kind_are_meant_wherever_they_are() -> None:
    everywhere = [light("a", state="on"), light("b", state="on"), light("c", state="on")]
    assert calls("turn on all the lights", area="office") == everywhere
    assert calls("turn on all the lights in the office", area="kitchen") == everywhere[:2]


def test_a_name_that_shares_its_last_word_with_another_is_another() -> None:
    assert calls("turn on the kichen light") == [light("c", state="on")]
    assert calls("turn on the garage lights") == []
    assert calls("put the garage light on") == []


def test_it_is_rather_in_the_same_sentence_than_before() -> None:
    said = "turn on the desk lamp and set it to 40 percent"
    assert calls("turn on the kitchen light", said) == [
        light("a", state="on"), light("a", level=40),
    ]  # fmt: skip


def test_it_is_never_taken_for_what_is_in_the_room() -> None:
    assert calls("dim it to 10 percent", area="kitchen") == []


def test_a_sentence_that_says_more_of_it_is_not_guessed_at() -> None:
    assert calls("turn on the desk lamp", "put it off") == [light("a", state="off")]
    assert calls("turn on the desk lamp", "put it off the table") == []


def test_half_a_request_is_not_done_where_the_other_half_belongs_to_it() -> None:
    assert calls("turn on the desk lamp and maybe banana 40 percent") == []


def test_lights_of_a_room_that_is_unknown_are_not_those_of_the_kitchen() -> None:
    understander = StagedUnderstander(area="kitchen")
    assert understander.understand("turn on the garage lights", house()).calls == ()


ELSEWHERE = (Past((light("a", state="on", level=40),)),)
"""What another backend did."""


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("make it brighter", [light("a", level=60)]),
        ("turn it off", [light("a", state="off")]),
        ("do it again", [light("a", state="on", level=40)]),
        ("and the kitchen", [light("c", state="on", level=40)]),
        ("no, the kitchen light", [light("c", state="on", level=40)]),
    ],
)
def test_what_was_done_elsewhere_can_be_gone_on_with(said: str, found: list[Call]) -> None:
    understander = StagedUnderstander()
    understander.remember(ELSEWHERE, TOOLS)
    assert list(understander.understand(said, TOOLS).calls) == found


def test_what_was_asked_for_here_is_not_forgotten_for_what_is_unknown() -> None:
    understander = StagedUnderstander()
    understander.understand("turn on the kitchen light", TOOLS)
    understander.remember((), TOOLS)
    understander.remember((Past((Call("unknown", {"which": "a"}),)),), TOOLS)
    assert understander.understand("turn it off", TOOLS).calls == (light("c", state="off"),)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("and the kitchen light", [light("c", state="on")]),
        ("and also the kitchen", [light("c", state="on")]),
        ("and turn off the kitchen light", [light("c", state="off")]),
        ("and the kitchen light to 30 percent", [light("c", level=30)]),
        ("and the garage", []),
        ("and 30 percent", []),
        ("and the kitchen light or the ceiling light", []),
        ("and the kitchen light 300", []),
        ("and the weather in the kitchen", []),
        ("and not the kitchen", []),
        ("and", []),
    ],
)
def test_and_adds_to_the_last_request(said: str, found: list[Call]) -> None:
    assert calls("turn on the desk lamp", said) == found


def test_and_adds_nothing_to_nothing() -> None:
    assert calls("and the kitchen light") == []


def test_a_step_may_name_what_it_is_of() -> None:
    before = ("set the desk lamp to 40 percent", "turn on the kitchen light")
    assert calls(*before, "make the desk lamp a bit brighter") == [light("a", level=60)]
    assert calls("make the desk lamp brighter") == []
    assert calls("make the desk lamp brighter", "30 percent") == [light("a", level=30)]


@pytest.mark.parametrize(
    "said",
    [
        "is the desk lamp brighter",
        "is it brighter",
        "the desk lamp is brighter",
        "don't make the desk lamp brighter",
        "make the desk lamp brighter than the ceiling light",
        "make the desk lamp warmer",
        "make the garage brighter",
    ],
)
def test_a_step_is_not_guessed_at(said: str) -> None:
    assert calls("set the desk lamp to 40 percent", said) == []
