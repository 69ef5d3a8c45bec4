"""Replies: passed on, interrupted, failed; one at a time."""

import base64
from collections.abc import Mapping

import pytest

from appliance.errors import BackendRefused, BackendStalled, BackendUnavailable
from appliance.events import (
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    Usage,
    Used,
)
from appliance.units import ResponseId, SampleRate, Seconds, TurnNumber
from tests.realtime_peer import Message, Peer, function_call, pcm, ready

FIRST, SECOND = TurnNumber(1), TurnNumber(2)
R1, R2 = ResponseId("resp_1"), ResponseId("resp_2")


def speaking(*, echo: bool = True) -> Peer:
    """A session in which the reply to the first turn has begun."""
    peer = ready()
    peer.take(peer.protocol.commit(FIRST, peer.now))
    peer.begin("resp_1", echo=echo)
    peer.sent.clear()
    return peer


def cancel(peer: Peer, heard: float, response: ResponseId = R1) -> list[Message]:
    """Cancel; return what was sent."""
    before = len(peer.sent)
    peer.take(peer.protocol.cancel(response, Seconds(heard), peer.now))
    return peer.sent[before:]


def kept(messages: list[Message]) -> list[tuple[str, int | None]]:
    """What the server is told to keep: an item and ms of it; ``None``: it goes altogether."""
    return [
        (message["item_id"], message.get("audio_end_ms"))
        for message in messages
        if message["type"].startswith("conversation.item.")
    ]


@pytest.mark.parametrize("echo", [True, False], ids=["metadata", "by order"])
def test_a_reply_is_passed_on_from_its_beginning_to_its_end(*, echo: bool) -> None:
    peer = speaking(echo=echo)
    peer.sound("resp_1", 10)
    peer.say(
        "response.output_audio_transcript.delta",
        response_id="resp_1",
        item_id="item_1",
        delta="Hello",
    )
    peer.end("resp_1")

    assert peer.events == [
        ReplyStarted(R1, FIRST),
        ReplyAudio(R1, bytes(480), SampleRate(24_000)),
        ReplyText(R1, "Hello"),
        ReplyEnded(R1),
    ]
    assert peer.protocol.idle


def test_text_is_passed_on_where_there_is_no_sound() -> None:
    peer = speaking()
    kind = "response.output_text.delta"
    assert peer.say(kind, response_id="resp_1", item_id="i", delta="Hi") == [ReplyText(R1, "Hi")]


@pytest.mark.parametrize(
    "delta",
    [
        pcm(10)[:-3],
        "AAAA!AAAA",
        "!!!!",
        base64.b64encode(bytes(3)).decode(),
        17,
        None,
        "",
        "A" * 30_000_000,
    ],
    ids=["half", "garbled", "not base64", "odd", "number", "null", "empty", "giant"],
)
def test_a_piece_that_is_no_sound_is_dropped_and_counted(delta: object) -> None:
    peer = speaking()
    fields = {"response_id": "resp_1", "item_id": "item_1", "content_index": 0}
    assert peer.say("response.output_audio.delta", **fields, delta=delta) == []
    assert peer.protocol.dropped == 1
    assert len(peer.sound("resp_1", 10)) == 1


def test_a_reply_without_end_is_cut() -> None:
    peer = speaking()
    minute = 60_000
    for _ in range(12):
        peer.sound("resp_1", minute)

    assert [type(event) for event in peer.events].count(ReplyAudio) == 11
    assert peer.events[-1] == ReplyEnded(R1)
    assert peer.new("response.cancel")[0]["response_id"] == "resp_1"
    assert kept(cancel(peer, 5.0)) == [("item_1", 5000)]
    assert peer.new("response.cancel") == []
    assert peer.end("resp_1", function_call("call_1")) == []
    assert peer.protocol.idle


def test_text_without_end_is_cut() -> None:
    peer = speaking()
    for _ in range(300):
        peer.say("response.output_text.delta", response_id="resp_1", item_id="i", delta="x" * 1024)
    assert len(peer.events) == 1 + 256


def test_deltas_of_unknown_and_ended_replies_are_dropped() -> None:
    peer = speaking()
    assert peer.sound("resp_9", 10) == []
    peer.end("resp_1")
    assert peer.sound("resp_1", 10) == []
    assert peer.end("resp_1") == []
    assert peer.end("resp_9") == []


def test_a_reply_begins_once() -> None:
    peer = speaking()
    assert peer.say("response.created", response={"id": "resp_1"}) == []
    assert peer.say("response.created", response={"id": None}) == []
    assert peer.say("response.created", response="resp_3") == []
    assert len(peer.sound("resp_1", 10)) == 1


def test_once_a_server_has_named_our_requests_one_that_names_none_is_nobodys() -> None:
    peer = speaking()
    peer.end("resp_1")
    peer.take(peer.protocol.commit(SECOND, peer.now))
    assert peer.say("response.created", response={"id": "resp_x"}) == []
    assert peer.new("response.cancel")[0]["response_id"] == "resp_x"
    assert peer.begin("resp_2") == [ReplyStarted(R2, SECOND)]


# -- interrupted --------------------------------------------------------------------------------


def test_an_interrupted_reply_is_stopped_and_cut_to_what_was_heard() -> None:
    peer = speaking()
    peer.sound("resp_1", 1000)

    messages = cancel(peer, 0.25)

    assert messages[0]["type"] == "response.cancel"
    assert kept(messages) == [("item_1", 250)]


def test_it_is_stopped_once() -> None:
    peer = speaking()
    peer.sound("resp_1", 1000)
    cancel(peer, 0.25)
    assert cancel(peer, 0.5) == []
    assert cancel(peer, 0.0, ResponseId("resp_9")) == []


def test_nothing_more_of_it_is_passed_on() -> None:
    peer = speaking()
    cancel(peer, 0.0)
    assert peer.sound("resp_1", 10) == []
    assert peer.say("response.output_text.delta", response_id="resp_1", delta="x") == []
    assert peer.end("resp_1", status="cancelled") == []


def test_no_more_is_kept_than_has_come() -> None:
    peer = speaking()
    peer.sound("resp_1", 500)
    peer.sound("resp_1", 500, "item_2")
    assert kept(cancel(peer, 99.0)) == []


@pytest.mark.parametrize(
    ("heard", "cuts"),
    [
        (0.0, [("item_1", None), ("item_2", None)]),
        (-1.0, [("item_1", None), ("item_2", None)]),
        (0.2, [("item_1", 200), ("item_2", None)]),
        (0.5, [("item_2", None)]),
        (0.7001, [("item_2", 200)]),
        (1.0, []),
    ],
)
def test_of_several_items_each_is_cut_or_deleted(
    heard: float, cuts: list[tuple[str, int | None]]
) -> None:
    peer = speaking()
    peer.sound("resp_1", 300)
    peer.sound("resp_1", 200)
    peer.sound("resp_1", 500, "item_2")
    assert kept(cancel(peer, heard)) == cuts


def test_what_was_not_heard_is_forgotten_also_after_the_end() -> None:
    peer = speaking()
    peer.sound("resp_1", 1000)
    peer.end("resp_1")
    messages = cancel(peer, 0.25)
    assert [message["type"] for message in messages] == ["conversation.item.truncate"]
    assert kept(messages) == [("item_1", 250)]


def test_an_item_of_text_alone_is_no_part_of_what_was_heard() -> None:
    peer = speaking()
    peer.sound("resp_1", 100)
    peer.say("response.output_text.delta", response_id="resp_1", item_id="item_2", delta="x")
    assert kept(cancel(peer, 0.1)) == []


def test_items_that_began_after_the_interruption_are_deleted_in_the_end() -> None:
    peer = speaking()
    peer.sound("resp_1", 100)
    cancel(peer, 0.05)
    peer.sound("resp_1", 100)
    peer.sound("resp_1", 100, "item_2")
    peer.sent.clear()
    peer.end("resp_1", status="cancelled")
    assert kept(peer.sent) == [("item_2", None)]


def test_calls_of_an_interrupted_reply_never_run_but_are_settled() -> None:
    peer = speaking()
    cancel(peer, 0.0)
    assert peer.end("resp_1", function_call("call_1")) == []
    assert peer.sent[-1]["item"] == {
        "type": "function_call_output",
        "call_id": "call_1",
        "output": "CANCELLED",
    }
    assert peer.new("response.create") == []


def test_the_next_reply_is_asked_for_when_the_interrupted_one_has_ended() -> None:
    peer = speaking()
    cancel(peer, 0.0)
    peer.take(peer.protocol.commit(SECOND, peer.now))
    assert peer.new("response.create") == []
    peer.end("resp_1", status="cancelled")
    assert peer.begin("resp_2") == [ReplyStarted(R2, SECOND)]


@pytest.mark.parametrize("sign", ["response.cancelled", "error", "silence"])
def test_servers_end_an_interrupted_reply_in_their_own_ways(sign: str) -> None:
    peer = speaking()
    cancel(peer, 0.0)
    peer.take(peer.protocol.commit(SECOND, peer.now))
    match sign:
        case "response.cancelled":
            peer.say("response.cancelled", response_id="resp_1")
        case "error":
            peer.fail("response_cancel_not_active")
        case _:
            peer.wait(1.0)
    assert peer.begin("resp_2") == [ReplyStarted(R2, SECOND)]


# -- one at a time ------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["code", "type"])
def test_a_reply_is_asked_for_again_when_another_was_in_the_way(field: str) -> None:
    peer = ready()
    peer.take(peer.protocol.commit(FIRST, peer.now))
    event = peer.new("response.create")[0]["event_id"]
    peer.say("response.created", response={"id": "resp_0", "metadata": {"request": "whose"}})
    busy = {field: "conversation_already_has_active_response", "event_id": event}
    peer.say("error", error=busy)
    assert peer.new("response.create") == []

    peer.end("resp_0")

    assert peer.begin("resp_1") == [ReplyStarted(R1, FIRST)]


def test_it_is_asked_for_again_also_when_nobody_tells_of_the_others_end() -> None:
    peer = ready()
    peer.take(peer.protocol.commit(FIRST, peer.now))
    peer.new("response.create")
    peer.fail("conversation_already_has_active_response")
    peer.wait(0.5)
    assert peer.begin("resp_1") == [ReplyStarted(R1, FIRST)]


def test_but_not_for_ever() -> None:
    peer = ready()
    peer.take(peer.protocol.commit(FIRST, peer.now))
    for _ in range(7):
        peer.fail("conversation_already_has_active_response")
        peer.wait(0.5)
    peer.fail("conversation_already_has_active_response")
    with pytest.raises(BackendStalled):
        peer.wait(0.5)


def test_of_two_turns_that_wait_the_latest_is_answered() -> None:
    peer = speaking()
    cancel(peer, 0.0)
    peer.take(peer.protocol.commit(SECOND, peer.now))
    peer.take(peer.protocol.commit(TurnNumber(3), peer.now))
    peer.end("resp_1", status="cancelled")
    assert peer.begin("resp_2") == [ReplyStarted(R2, TurnNumber(3))]


def test_a_request_that_is_refused_is_somebody_elses_to_answer() -> None:
    peer = ready()
    peer.take(peer.protocol.commit(FIRST, peer.now))
    with pytest.raises(BackendUnavailable, match="server_error"):
        peer.fail("server_error", peer.new("response.create")[0]["event_id"])


def test_an_answer_beside_the_conversation_is_in_nobodys_way() -> None:
    peer = speaking()
    aside = {"id": "resp_a", "metadata": {"aside": "look"}}
    assert peer.say("response.created", response=aside) == []
    assert peer.new("response.cancel") == []
    used = Usage("gpt-realtime-2.1", text_in=9)
    assert peer.end("resp_a", usage={"input_tokens": 9}) == [Used(used)]
    assert len(peer.sound("resp_1", 10)) == 1


# -- it fails -----------------------------------------------------------------------------------


def failed(**error: str) -> Mapping[str, object]:
    return {"status": "failed", "status_details": {"type": "failed", "error": error}}


@pytest.mark.parametrize(
    "how",
    [
        failed(code="rate_limit_exceeded"),
        {"status": "incomplete", "status_details": {"reason": "content_filter"}},
        {"status": "cancelled", "status_details": {"reason": "who knows"}},
    ],
    ids=["failed", "filtered", "cancelled"],
)
def test_a_reply_that_fails_unheard_is_somebody_elses_to_give(how: Mapping[str, object]) -> None:
    with pytest.raises(BackendUnavailable):
        speaking().end("resp_1", **how)

    peer = speaking()
    peer.sound("resp_1", 10)
    assert peer.end("resp_1", function_call("call_1"), **how) == [ReplyEnded(R1)]
    assert peer.sent[-1]["item"]["output"] == "CANCELLED"


def test_a_reply_that_fails_when_nobody_waits_for_it_is_just_over() -> None:
    peer = speaking()
    peer.take(peer.protocol.audio(bytes(480)))
    assert peer.end("resp_1", **failed(code="rate_limit_exceeded")) == [ReplyEnded(R1)]


def test_a_reply_that_fails_for_want_of_money_says_so() -> None:
    peer = speaking()
    peer.sound("resp_1", 10)
    with pytest.raises(BackendRefused, match="insufficient_quota"):
        peer.end("resp_1", **failed(code="insufficient_quota"))


def test_a_reply_that_was_too_long_ends_as_any_other() -> None:
    peer = speaking()
    details = {"reason": "max_output_tokens"}
    assert peer.end("resp_1", status="incomplete", status_details=details) == [ReplyEnded(R1)]


def test_a_reply_that_the_user_talked_over_is_just_over() -> None:
    peer = speaking()
    details = {"reason": "turn_detected"}
    assert peer.end("resp_1", status="cancelled", status_details=details) == [ReplyEnded(R1)]


def test_an_error_that_names_the_request_ends_its_reply() -> None:
    peer = ready()
    peer.take(peer.protocol.commit(FIRST, peer.now))
    event = peer.sent[-1]["event_id"]
    peer.begin("resp_1")
    peer.sound("resp_1", 10)
    peer.fail("server_error", event)
    assert peer.events[-1] == ReplyEnded(R1)
    assert peer.protocol.idle


@pytest.mark.parametrize("begun", [False, True])
def test_a_reply_that_does_not_come_or_go_on_has_stalled(*, begun: bool) -> None:
    peer = ready()
    peer.take(peer.protocol.commit(FIRST, peer.now))
    if begun:
        peer.begin("resp_1")
        peer.wait(3.9)
        peer.sound("resp_1", 10)
    peer.wait(3.9)
    with pytest.raises(BackendStalled):
        peer.wait(0.2)


def test_an_error_in_the_middle_that_nothing_follows_is_noticed() -> None:
    peer = speaking()
    peer.sound("resp_1", 10)
    peer.fail("server_error")
    with pytest.raises(BackendStalled):
        peer.wait(4.0)


def test_what_a_reply_cost_is_told_once_also_if_it_was_interrupted() -> None:
    usage = {
        "input_token_details": {
            "text_tokens": 10,
            "audio_tokens": 20,
            "cached_tokens_details": {"audio_tokens": 5},
        },
        "output_token_details": {"audio_tokens": 40},
    }
    peer = speaking()
    cancel(peer, 0.0)
    used = Usage("gpt-realtime-2.1", text_in=10, audio_in=20, audio_cached=5, audio_out=40)
    assert peer.end("resp_1", usage=usage) == [Used(used, FIRST)]
    assert peer.end("resp_1", usage=usage) == []
