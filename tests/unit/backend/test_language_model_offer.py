"""What a language model is told of a house, and what it may write for one request."""

import json
from dataclasses import replace

import pytest

from appliance.backend.local.llm.offer import LONGEST, offered, within
from appliance.backend.local.llm.prompt import prompt
from appliance.backend.local.llm.reading import NOTHING, read
from appliance.backend.local.llm.schema import answers
from appliance.backend.local.understand import StagedUnderstander
from appliance.backend.local.understand.types import Call
from appliance.catalogue import Risk, Target, ToolSpec
from tests.requests import house

HOUSE = house()


def heard(text: str) -> dict[str, dict[str, tuple[object, ...]]]:
    found = StagedUnderstander(area="kitchen", nearest=False).heard(text, HOUSE)
    return {tool: dict(values) for tool, values in found.items()}


@pytest.mark.parametrize(
    ("text", "tool", "said"),
    [
        ("forty per cent please", "set_light", {"brightness": (40,)}),
        ("shout in a quarter of an hour", "start_timer", {"duration_s": (900,)}),
        ("twenty one and a half would do", "set_temperature", {"temperature": (21.5,)}),
        ("a warm white one, not red", "set_light", {"color": ("white", "warm white", "red")}),
        ("as fast as it goes", "set_fan", {"speed": ("high",)}),
        ("400 degrees", "set_temperature", None),
        ("it is dark", "set_light", None),
    ],
)
def test_what_was_said_in_so_many_words(
    text: str, tool: str, said: dict[str, tuple[object, ...]] | None
) -> None:
    found = heard(text).get(tool)
    if said is None:
        assert found is None
        return
    assert found is not None
    for name, values in said.items():
        assert set(found[name]) == set(values)


def test_each_tool_is_one_line_with_things_rooms_and_units() -> None:
    lines = {tool.name: tool.line() for tool in offered(HOUSE, area="kitchen")}
    assert lines["set_switch"] == (
        "set_switch(device: radio (in kitchen)|tv (in living room)|towel_heater (in bathroom), "
        "state: on|off): Switch a plug on or off."
    )
    assert "temperature: 5-30 degrees" in lines["set_temperature"]
    assert "milk_amount" not in lines["order_coffee"], "sixty choices are too many to show"
    assert "stop" not in lines
    assert "nevermind" not in lines


def test_the_prompt_has_an_example_of_each_kind() -> None:
    told = prompt(offered(HOUSE, area="kitchen"), area="kitchen")
    assert "here is the kitchen" in told.system
    calls = [json.loads(answer)["calls"] for _, answer in told.shots]
    assert [len(each) for each in calls] == [0, 1, 0]
    assert read(told.shots[1][1], offered(HOUSE)).calls, "and they fit"


def test_a_large_house_is_cut_to_the_room_first() -> None:
    targets = tuple(
        Target(f"lamp_{n}", f"lamp {n}", area="attic" if n % 50 else "kitchen")
        for n in range(1_000)
    )
    spec = ToolSpec(
        "set_light",
        "Lamps.",
        {"properties": {"light": {"type": "string"}, "state": {"enum": ["on", "off"]}}},
        targets=targets,
        target_parameter="light",
    )
    many = [replace(spec, name=f"set_light_{n}") for n in range(12)]
    some = offered(many, area="kitchen")
    assert some
    assert sum(len(tool.line()) for tool in some) <= LONGEST
    assert {target.area for tool in some for target in tool.targets} == {"kitchen"}
    assert len(json.dumps(answers(some))) < 20_000


def test_locks_and_unlisted_things_are_not_shown() -> None:
    things = (
        Target("a", "a", kind="lock"),
        Target("b", "b", kind="light"),
        Target("c", "c", kind="light", listed=False),
    )
    spec = ToolSpec(
        "control",
        "Anything.",
        {"properties": {"device": {"type": "string"}}, "required": ["device"]},
        targets=things,
        target_parameter="device",
    )
    (tool,) = offered([spec, replace(spec, name="other", risk=Risk.CONFIRM)])
    assert [target.id for target in tool.targets] == ["b"]
    assert offered([replace(spec, targets=things[:1])]) == ()


def test_a_number_that_nobody_said_cannot_be_written() -> None:
    tools = offered(HOUSE)
    timed = within(tools, heard("nine minutes"))
    assert "start_timer" in {tool.name for tool in timed}
    assert "start_timer" not in {tool.name for tool in within(tools, {})}
    wanted = '{"calls":[{"tool":"start_timer","arguments":{"duration_s":%d}}]}'
    assert read(wanted % 540, timed).calls == (Call("start_timer", {"duration_s": 540}),)
    assert read(wanted % 541, timed) == NOTHING


def test_what_can_be_left_out_and_was_not_said_is_not_asked_for() -> None:
    some = within(offered(HOUSE), {})
    coffee = next(
        form
        for form in answers(some)["properties"]["calls"]["items"]["anyOf"]  # type: ignore[index]
        if form["properties"]["tool"]["const"] == "order_coffee"
    )
    assert list(coffee["properties"]["arguments"]["properties"]) == ["coffee_drink"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"calls":null}',
        '{"calls":[null]}',
        '{"calls":[{"tool":"get_time"}]}',
        '{"calls":[{"tool":"get_time","arguments":{},"pin":"1234"}]}',
        '{"calls":[{"tool":"get_time","arguments":{"x":1}}]}',
        '{"calls":[{"tool":["get_time"],"arguments":{}}]}',
        '{"calls":[{"tool":"set_volume","arguments":{"level":NaN}}]}',
        '{"calls":[{"tool":"set_volume","arguments":{"level":1e999}}]}',
        '{"calls":' + "[" * 5_000,
        json.dumps({"calls": [{"tool": "get_time", "arguments": {}}] * 4}),
    ],
)
def test_what_is_no_answer_is_nothing(text: str) -> None:
    assert read(text, offered(HOUSE), speaks=True) == NOTHING


def test_the_same_call_twice_is_one() -> None:
    text = json.dumps({"calls": [{"tool": "get_time", "arguments": {}}] * 2})
    assert read(text, offered(HOUSE)).calls == (Call("get_time", {}),)
