import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import ConversationItemCreateEvent
from openai.types.realtime.conversation_item_create_event_param import (
    ConversationItemCreateEventParam,
)
from pydantic import TypeAdapter

from appliance.backend.context import NOTHING, Called, Handover, Line, Owed, Said
from appliance.backend.realtime.history import (
    AT_WORK,
    CONTINUE,
    MOST,
    OWED,
    STAND_IN,
    Replay,
    call_id,
    replay,
)
from appliance.ports import Image, ToolResult
from appliance.units import CallId, TurnNumber

DONE = ToolResult("done", "The lamp is on.", {"light": "lamp_1"})


def called(name: str, result: ToolResult | None = None, tool: str = "set_light") -> Called:
    return Called(CallId(name), tool, {"light": "lamp_1"}, result)


def items(handover: Handover, most: int = MOST) -> list[Any]:
    return list(replay(handover, most=most).items)


def texts(handover: Handover, most: int = MOST) -> list[str]:
    return [item["content"][0]["text"] for item in items(handover, most) if "content" in item]


def test_a_conversation_that_begins_is_told_nothing() -> None:
    assert replay(NOTHING) == Replay()
    assert items(Handover(lines=(Said("user", "  "),))) == []


def test_what_was_said_and_done_is_replayed_in_order() -> None:
    lines = (Said("user", "Turn on the lamp."), called("call_1", DONE), Said("assistant", "Done."))
    assert items(Handover(lines=lines)) == [
        {
            "type": "message",
            "role": "system",
            "content": [{"type": "input_text", "text": CONTINUE}],
        },
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "Turn on the lamp."}],
        },
        {
            "type": "function_call",
            "call_id": "call_1",
            "name": "set_light",
            "arguments": '{"light":"lamp_1"}',
        },
        {
            "type": "function_call_output",
            "call_id": "call_1",
            "output": '{"light":"lamp_1","status":"done","say":"The lamp is on."}',
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Done."}],
        },
    ]


def test_the_older_dialect_names_the_assistants_text_otherwise() -> None:
    made: Any = replay(Handover(lines=(Said("assistant", "Done."),)), dialect="beta").items
    assert made[-1]["content"] == [{"type": "text", "text": "Done."}]


def test_a_call_at_work_is_told_in_words_only() -> None:
    lines = (Said("user", "Make coffee."), called("call_1", tool="make_coffee"))
    made = items(Handover(lines=lines))
    assert [item["type"] for item in made] == ["message", "message"]
    note = made[0]["content"][0]["text"]
    assert note == f'{CONTINUE}\n\n{AT_WORK}\n- make_coffee {{"light":"lamp_1"}}'


def test_what_is_owed_comes_last_with_the_results_that_are_there() -> None:
    calls = (called("call_1", DONE), called("call_2"))
    lines = (called("call_0", DONE), Said("user", "Both lamps."), *calls)
    replayed = replay(Handover(lines=lines, owed=Owed(TurnNumber(3), calls)))
    made: list[Any] = list(replayed.items)
    assert made[0]["content"][0]["text"] == f"{CONTINUE}\n\n{OWED}"
    assert [(item["type"], item.get("call_id")) for item in made[1:]] == [
        ("function_call", "call_0"),
        ("function_call_output", "call_0"),
        ("message", None),
        ("function_call", "call_1"),
        ("function_call_output", "call_1"),
        ("function_call", "call_2"),
    ]
    assert replayed.owed == Owed(TurnNumber(3), calls)
    assert replayed.ids == {}


def test_a_turn_whose_sound_follows_is_owed_as_it_is() -> None:
    owed = Owed(TurnNumber(3))
    assert replay(Handover(owed=owed)) == Replay((), owed)


def test_owed_calls_have_names_that_every_server_takes() -> None:
    name = CallId("realtime-3/call-1")
    replayed = replay(Handover(owed=Owed(TurnNumber(1), (called(name),))))
    made: Any = replayed.items[-1]
    assert replayed.owed is not None
    assert made["call_id"] == call_id(name) == replayed.owed.calls[0].call
    assert replayed.ids == {name: call_id(name)}


def test_who_stands_in_says_so() -> None:
    assert texts(Handover(notice=True)) == [STAND_IN]


def test_a_call_that_was_not_carried_out_says_so() -> None:
    cancelled = ToolResult("failed", "", {"cancelled": True})
    assert items(Handover(lines=(called("call_1", cancelled),)))[-1]["output"] == "CANCELLED"


def test_a_remote_tool_has_a_name_that_servers_take() -> None:
    made = items(Handover(lines=(called("call_1", DONE, tool="mcp:a/look.up"),)))
    assert made[1]["name"] == "mcp_a_look_up"


def test_a_call_is_told_once() -> None:
    lines = (called("call_1", DONE), called("call_1", DONE))
    assert len(items(Handover(lines=lines))) == 3


def test_only_the_latest_is_replayed_without_a_gap() -> None:
    lines = (Said("user", "first"), Said("user", "x" * 1_000), Said("user", "last"))
    assert texts(Handover(lines=lines), most=500)[1:] == ["last"]
    assert len(texts(Handover(lines=lines), most=5_000)) == 4


def test_pictures_and_long_answers_are_left_out() -> None:
    seen = ToolResult("done", "y" * 5_000, {"list": "x" * 10_000}, Image(b"hush", "image/png"))
    made = items(Handover(lines=(called("call_1", seen),)))
    output = json.loads(made[-1]["output"])
    assert set(output) == {"status", "say"}
    assert len(output["say"]) == 1_000
    long = Called(CallId("c"), "t", {"x": "y" * 9_000}, DONE)
    assert items(Handover(lines=(long,)))[1]["arguments"] == "{}"


def test_no_repr_tells_what_was_said() -> None:
    lines = (
        Said("user", "hush"),
        Called(CallId("c"), "t", {"x": "hush"}, ToolResult("d", "hush")),
    )
    assert "hush" not in repr(replay(Handover(lines=lines, owed=Owed(TurnNumber(1), ()))))


@pytest.mark.parametrize("name", ["call_1", "A-b_9" * 6, "x" * 32])
def test_a_name_that_fits_stays(name: str) -> None:
    assert call_id(CallId(name)) == name


NAMES = st.text(max_size=40).map(CallId)


@given(st.lists(NAMES, unique=True, max_size=20))
def test_names_fit_and_stay_apart(names: list[CallId]) -> None:
    made = [call_id(name) for name in names]
    assert len(set(made)) == len(names)
    assert all(0 < len(name) <= 32 for name in made)
    assert all(call_id(name) == name for name in made)


JSON = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3)
RESULTS = st.builds(ToolResult, st.sampled_from(["done", "failed"]), st.text(max_size=20), JSON)
CALLS = st.builds(Called, NAMES, st.text(max_size=70), JSON, st.none() | RESULTS)
SAYINGS = st.builds(Said, st.sampled_from(["user", "assistant"]), st.text(max_size=100))
PARAMS = TypeAdapter(ConversationItemCreateEventParam)


@given(
    lines=st.lists(SAYINGS | CALLS, max_size=12),
    owed=st.none() | st.lists(CALLS, max_size=3, unique_by=lambda each: each.call),
    notice=st.booleans(),
    most=st.integers(0, 2_000),
)
def test_every_item_is_one_that_the_vendors_types_know(
    lines: list[Line], owed: list[Called] | None, *, notice: bool, most: int
) -> None:
    handed = Handover(
        tuple(lines), None if owed is None else Owed(TurnNumber(1), tuple(owed)), notice
    )
    made: list[Any] = list(replay(handed, most=most).items)

    for item in made:
        event = {"type": "conversation.item.create", "item": item}
        parsed = ConversationItemCreateEvent.model_validate(event)
        assert parsed.item.type == item["type"]
        assert not parsed.item.model_extra
        PARAMS.validate_python(event)
    calls = [item["call_id"] for item in made if item["type"] == "function_call"]
    outputs = [item["call_id"] for item in made if item["type"] == "function_call_output"]
    still = {call_id(each.call) for each in owed or () if each.result is None}
    assert len(set(calls)) == len(calls)
    assert set(calls) - set(outputs) == still
    assert set(outputs) <= set(calls)
    for output in outputs:  # right behind its call
        at = [item.get("call_id") for item in made].index(output)
        assert [item["type"] for item in made[at : at + 2]] == [
            "function_call",
            "function_call_output",
        ]
