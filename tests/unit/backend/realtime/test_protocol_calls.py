"""Calls: made once, answered once, never of a reply that was talked over."""

import json

import pytest

from appliance.events import ReplyEnded, ReplyOffered, ReplyStarted, ReplyText, ToolCalled
from appliance.ports import Image, ToolResult
from appliance.units import CallId, ResponseId, Seconds, TurnNumber
from tests.realtime_peer import Message, Peer, approval_request, function_call, ready

FIRST, SECOND = TurnNumber(1), TurnNumber(2)
R1, R2 = ResponseId("resp_1"), ResponseId("resp_2")
DONE = ToolResult("done", "The light is on.", {"state": "on"})
CANCELLED = ToolResult("rejected", data={"cancelled": True})


def speaking() -> Peer:
    peer = ready()
    peer.take(peer.protocol.commit(FIRST, peer.now))
    peer.begin("resp_1")
    peer.sent.clear()
    peer.events.clear()
    return peer


def calling(*calls: str) -> Peer:
    peer = speaking()
    peer.end("resp_1", *map(function_call, calls))
    return peer


def answer(peer: Peer, call: str, result: ToolResult = DONE) -> list[Message]:
    before = len(peer.sent)
    peer.take(peer.protocol.answer(CallId(call), result, peer.now))
    return peer.sent[before:]


def called(call: str, tool: str = "set_light", **arguments: object) -> ToolCalled:
    return ToolCalled(CallId(call), R1, tool, arguments)


def test_calls_come_in_order_and_before_the_end_of_their_reply() -> None:
    peer = speaking()
    peer.end(
        "resp_1",
        {"type": "message", "id": "item_1"},
        function_call("call_1", arguments='{"light": "kitchen"}'),
        function_call("call_2", "get_time"),
    )
    assert peer.events == [
        called("call_1", light="kitchen"),
        called("call_2", "get_time"),
        ReplyEnded(R1, calls_tool=True),
    ]


@pytest.mark.parametrize("whole", [True, False], ids=["whole items", "arguments only"])
def test_calls_are_found_also_where_the_end_does_not_list_them(*, whole: bool) -> None:
    peer = speaking()
    fields = {"response_id": "resp_1", "output_index": 0}
    item = function_call("call_1", arguments='{"n": 1}')
    peer.say("response.output_item.added", **fields, item={**item, "arguments": ""})
    kind = "response.function_call_arguments.done"
    peer.say(kind, **fields, call_id="call_1", item_id="i", arguments='{"n": 1}')
    if whole:
        peer.say("response.output_item.done", **fields, item=item)
    assert peer.events == []

    peer.end("resp_1")

    assert peer.events == [called("call_1", n=1), ReplyEnded(R1, calls_tool=True)]


def test_when_the_last_call_is_answered_the_reply_is_asked_for() -> None:
    peer = calling("call_1", "call_2")
    assert not peer.protocol.idle
    assert [message["type"] for message in answer(peer, "call_2")] == ["conversation.item.create"]
    output, request = answer(peer, "call_1")
    assert output["item"]["call_id"] == "call_1"
    assert json.loads(output["item"]["output"]) == {
        "status": "done",
        "say": "The light is on.",
        "state": "on",
    }
    assert request["type"] == "response.create"
    assert peer.begin("resp_2") == [ReplyStarted(R2, FIRST)]


def test_a_call_is_answered_once() -> None:
    peer = calling("call_1")
    answer(peer, "call_1")
    assert answer(peer, "call_1") == []
    assert answer(peer, "call_9") == []


def test_a_call_is_made_once() -> None:
    peer = calling("call_1", "call_1")
    assert peer.events[:-1] == [called("call_1")]
    answer(peer, "call_1")
    peer.begin("resp_2")
    assert peer.end("resp_2", function_call("call_1")) == [ReplyEnded(R2)]


def test_data_cannot_pass_for_the_status() -> None:
    peer = calling("call_1")
    output = answer(peer, "call_1", ToolResult("failed", data={"status": "done"}))[0]
    assert json.loads(output["item"]["output"])["status"] == "failed"


def test_data_out_of_bounds_is_left_out() -> None:
    peer = calling("call_1", "call_2")
    for call, data in (("call_1", {"long": "x" * 100_000}), ("call_2", {"set": {1}})):
        output = json.loads(answer(peer, call, ToolResult("done", data=data))[0]["item"]["output"])
        assert output["status"] == "done"


def test_a_picture_follows_its_answer() -> None:
    peer = calling("call_1")
    messages = answer(peer, "call_1", ToolResult("done", image=Image(b"\x89P", "image/png")))
    assert messages[1]["item"]["content"] == [
        {"type": "input_image", "image_url": "data:image/png;base64,iVA="}
    ]
    assert messages[2]["type"] == "response.create"


def test_a_call_that_the_conversation_dropped_is_settled_as_cancelled() -> None:
    peer = calling("call_1")
    peer.take(peer.protocol.cancel(R1, Seconds(0.0), peer.now))
    assert [message["item"]["output"] for message in answer(peer, "call_1", CANCELLED)] == [
        "CANCELLED"
    ]
    assert peer.protocol.idle
    assert ReplyOffered() not in peer.events


@pytest.mark.parametrize(
    "arguments",
    ["", "{", "[1]", '"on"', '{"n": NaN}', '{"x": "' + "y" * 70_000 + '"}', "[" * 9_000, None, 5],
)
def test_a_call_with_broken_arguments_is_sent_back_and_never_run(arguments: object) -> None:
    peer = speaking()
    assert peer.end("resp_1", function_call("call_1", arguments=arguments)) == [
        ReplyEnded(R1, calls_tool=True)
    ]
    output, request = peer.sent
    assert json.loads(output["item"]["output"])["status"] == "rejected"
    assert request["type"] == "response.create"
    assert answer(peer, "call_1") == []


@pytest.mark.parametrize("fields", [{"name": ""}, {"name": None}, {"status": "incomplete"}])
def test_a_call_that_is_not_whole_is_sent_back_too(fields: Message) -> None:
    peer = speaking()
    peer.end("resp_1", {**function_call("call_1"), **fields})
    assert peer.events == [ReplyEnded(R1, calls_tool=True)]
    assert len(peer.new("response.create")) == 1


def test_a_call_that_cannot_be_answered_is_nothing() -> None:
    peer = speaking()
    assert peer.end("resp_1", {**function_call(""), "call_id": 7}) == [ReplyEnded(R1)]


def test_a_broken_call_beside_a_whole_one_waits_with_it() -> None:
    peer = speaking()
    peer.end("resp_1", function_call("call_1"), function_call("call_2", arguments="{"))
    assert peer.events == [called("call_1"), ReplyEnded(R1, calls_tool=True)]
    assert peer.new("response.create") == []
    answer(peer, "call_1")
    assert len(peer.new("response.create")) == 1


def test_far_too_many_calls_are_sent_back() -> None:
    peer = speaking()
    peer.end("resp_1", *(function_call(f"call_{number}") for number in range(40)))
    assert sum(isinstance(event, ToolCalled) for event in peer.events) == 32
    assert len(peer.new("conversation.item.create")) == 8


def test_a_model_that_only_ever_calls_must_speak_in_the_end() -> None:
    peer = speaking()
    for number in range(16):
        peer.end(f"resp_{number + 1}", function_call(f"call_{number}"))
        *_, request = answer(peer, f"call_{number}")
        assert ("tool_choice" in request["response"]) == (number == 15)
        peer.begin(f"resp_{number + 2}")
    peer.events.clear()
    peer.end("resp_17", function_call("call_17"))
    assert peer.events == [ReplyEnded(ResponseId("resp_17"))]
    assert peer.sent[-1]["item"]["output"] == "CANCELLED"


def test_after_a_closing_tool_the_user_need_not_stay() -> None:
    peer = speaking()
    peer.end("resp_1", function_call("call_1", "stop"))
    assert peer.events[-1] == ReplyEnded(R1, calls_tool=True, stay=False)
    answer(peer, "call_1")
    peer.begin("resp_2")
    assert peer.end("resp_2") == [ReplyEnded(R2, stay=False)]
    peer.take(peer.protocol.commit(SECOND, peer.now))
    peer.begin("resp_3")
    assert peer.end("resp_3") == [ReplyEnded(ResponseId("resp_3"))]


# -- slow ones ----------------------------------------------------------------------------------


def interim() -> Peer:
    """A session whose call is slow, and where that has been said."""
    peer = calling("call_1", "call_2")
    peer.wait(2.0)
    return peer


def test_when_a_tool_is_slow_the_model_says_so_without_calling_another() -> None:
    peer = interim()
    request = peer.sent[-1]["response"]
    assert request["tool_choice"] == "none"
    assert request["instructions"].startswith("You are a lamp.")
    assert peer.begin("resp_2") == [ReplyStarted(R2, FIRST)]
    assert peer.end("resp_2", function_call("call_3")) == [ReplyEnded(R2)]
    assert peer.sent[-1]["item"] == {
        "type": "function_call_output",
        "call_id": "call_3",
        "output": "CANCELLED",
    }
    peer.wait(60.0)
    assert peer.new("response.create") == []


def test_late_answers_are_sent_at_once_and_offered_when_they_are_all_there() -> None:
    peer = interim()
    peer.begin("resp_2")
    peer.end("resp_2")
    peer.events.clear()

    assert len(answer(peer, "call_1")) == 1
    assert peer.events == []
    assert len(answer(peer, "call_2")) == 1
    assert peer.events == [ReplyOffered()]

    peer.take(peer.protocol.take_reply(SECOND, peer.now))
    assert peer.begin("resp_3") == [ReplyStarted(ResponseId("resp_3"), SECOND)]


def test_answers_that_come_when_the_user_has_gone_on_are_offered() -> None:
    peer = calling("call_1")
    peer.take(peer.protocol.audio(bytes(480)))
    peer.wait(10.0)
    answer(peer, "call_1")
    assert peer.new("response.create") == []
    assert peer.events[-1] == ReplyOffered()


def test_only_the_tools_of_the_latest_turn_are_excused() -> None:
    peer = calling("call_1")
    peer.take(peer.protocol.audio(bytes(480)))
    peer.take(peer.protocol.commit(SECOND, peer.now))
    peer.begin("resp_2")
    peer.end("resp_2", function_call("call_2"))
    peer.wait(2.0)
    assert [r["response"]["metadata"]["turn"] for r in peer.new("response.create")] == ["2"]


def test_an_interim_reply_that_is_refused_is_done_without() -> None:
    peer = interim()
    peer.fail("server_error", peer.new("response.create")[0]["event_id"])
    answer(peer, "call_1")
    answer(peer, "call_2")
    assert peer.begin("resp_2") == [ReplyStarted(R2, FIRST)]


# -- remote tools -------------------------------------------------------------------------------


def asking() -> Peer:
    peer = speaking()
    peer.end("resp_1", approval_request("mcpr_1"))
    return peer


def test_a_remote_tool_passes_the_gate_as_any_other() -> None:
    peer = asking()
    assert peer.events == [
        called("mcpr_1", "mcp:weather/forecast", place="Ghent"),
        ReplyEnded(R1, calls_tool=True),
    ]


def test_a_remote_tool_that_is_allowed_is_reported_on_when_it_has_run() -> None:
    peer = asking()
    (approval,) = answer(peer, "mcpr_1")
    assert approval["item"]["approval_request_id"] == "mcpr_1"
    assert approval["item"]["approve"] is True
    item = {"type": "mcp_call", "id": "mcp_1", "approval_request_id": "mcpr_1"}
    peer.say("conversation.item.added", item=item)
    peer.say("response.mcp_call.in_progress", item_id="mcp_1", output_index=0)
    assert peer.new("response.create") == []
    peer.say("response.mcp_call.completed", item_id="mcp_1", output_index=0)
    peer.say("conversation.item.done", item=item)
    assert peer.begin("resp_2") == [ReplyStarted(R2, FIRST)]


def test_of_two_remote_tools_both_must_have_run() -> None:
    peer = speaking()
    peer.end("resp_1", approval_request("mcpr_1"), approval_request("mcpr_2"))
    for number in (1, 2):
        answer(peer, f"mcpr_{number}")
    for number in (1, 2):
        assert peer.new("response.create") == []
        item = {"type": "mcp_call", "id": f"mcp_{number}", "approval_request_id": "x"}
        peer.say("conversation.item.added", item=item)
        peer.say("response.mcp_call.completed", item_id=item["id"], output_index=0)
        peer.say("conversation.item.done", item=item)
    assert peer.begin("resp_2") == [ReplyStarted(R2, FIRST)]


def test_a_remote_tool_that_is_not_allowed_is_refused_with_the_reason() -> None:
    peer = asking()
    approval, request = answer(peer, "mcpr_1", ToolResult("rejected", "That needs a PIN."))
    assert approval["item"]["approve"] is False
    assert approval["item"]["reason"] == "That needs a PIN."
    assert request["type"] == "response.create"


def test_a_remote_tool_of_an_interrupted_reply_is_refused() -> None:
    peer = speaking()
    peer.take(peer.protocol.cancel(R1, Seconds(0.0), peer.now))
    assert peer.end("resp_1", approval_request("mcpr_1")) == []
    assert peer.sent[-1]["item"]["approve"] is False


def test_a_remote_tool_may_take_long_within_a_reply() -> None:
    peer = speaking()
    peer.say("response.mcp_call.in_progress", item_id="mcp_1", output_index=0)
    peer.wait(30.0)
    peer.say("response.mcp_call.completed", item_id="mcp_1", output_index=0)
    peer.sound("resp_1", 10)
    peer.end("resp_1", {"type": "mcp_call", "id": "mcp_1"}, {"type": "message", "id": "i"})
    assert peer.events[-1] == ReplyEnded(R1)


def test_a_reply_that_stands_still_for_a_remote_tool_shows_that_it_lives() -> None:
    peer = speaking()
    peer.say("response.mcp_call.in_progress", item_id="mcp_1", output_index=0)
    for _ in range(20):
        peer.wait(2.0)
        assert peer.events[-1:] == [ReplyText(R1, "")]
        peer.events.clear()
    peer.take(peer.protocol.cancel(R1, Seconds(0.0), peer.now))
    peer.wait(2.0)
    assert peer.events == []


def test_a_reply_of_which_nothing_is_passed_on_for_long_shows_that_it_lives() -> None:
    peer = speaking()
    kind = "response.function_call_arguments.delta"
    for _ in range(6):
        peer.wait(1.0)
        peer.say(kind, response_id="resp_1", call_id="call_1", delta='{"text": "')
    assert peer.events == [ReplyText(R1, "")] * 3


@pytest.mark.parametrize("how", ["completed", "failed"])
def test_a_remote_tool_that_outlasts_its_reply_is_reported_on(how: str) -> None:
    peer = speaking()
    peer.say("response.mcp_call.in_progress", item_id="mcp_1", output_index=0)
    peer.end("resp_1", {"type": "mcp_call", "id": "mcp_1"})
    assert peer.events == [ReplyEnded(R1, calls_tool=True)]
    peer.say(f"response.mcp_call.{how}", item_id="mcp_1", output_index=0)
    assert peer.begin("resp_2") == [ReplyStarted(R2, FIRST)]


def test_a_remote_tool_that_nobody_spoke_about_is_reported_on() -> None:
    peer = speaking()
    peer.say("response.mcp_call.in_progress", item_id="mcp_1", output_index=0)
    peer.say("response.mcp_call.completed", item_id="mcp_1", output_index=0)
    assert peer.end("resp_1", {"type": "mcp_call", "id": "mcp_1"}) == [
        ReplyEnded(R1, calls_tool=True)
    ]
    assert peer.begin("resp_2") == [ReplyStarted(R2, FIRST)]
